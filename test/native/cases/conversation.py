"""The plan and the conversation."""

import errno
import os
import re
import socket
import struct
import time

from host import MESSAGES
from support import (
    ALL, Container, INIT, WORK, case, enter, finish, fresh, op, plan, proc, refused, rooted, run, same,
    typical_plan,
)


@case
def bad_plans():
    root = fresh("bad")
    end = finish("true")
    base = enter() + rooted(root) + [op("pivotRoot")]
    for steps, words in (
        ([op("mkdir", target="/x")] + end, "before fork"),
        (enter() + [op("mkdir", target="/x")] + end, "before rootfs"),
        (enter() + rooted(root) + [op("attach")] + end, "after fork"),
        (base + [op("bind", target="/x", source="/")] + end, "after the root was changed"),
        (base + [op("pivotRoot")] + end, "after the root was changed"),
        (base + end[:-1], "exec is the last"),
        (base + [end[-1]] + end, "without a program"),
        (base + end[:3] + [op("sysctl", name="a", value="b")] + end[3:], "after ready"),
        (base + [end[0]] + end, "twice"),
        (base + end + [op("umask")], "exec is the last"),
        ([op("join", ns=3, path="/x")] + end, "no single type"),
        (base + finish([]), "no arguments"),
    ):
        refused(steps, "PLAN", 0, words)
    refused(end, "PLAN", 0, "not sealed", seal=False)
    refused(base + [op("sysctl", name="kernel/../../1/oom_adj", value="1")] + end, "UNSAFE", errno.EINVAL, "the name of a sysctl")
    refused(base + [op("sysctl", name="kernel/nosuch", value="1")] + end, "SYSCALL", errno.ENOENT, "kernel/nosuch")


@case
def host_goes():
    """End of file at each step ends tsrun-init, at once."""
    root = fresh("gone")
    steps = [op("userns", setGroups=1), op("unshare", flags=ALL), op("attach"), op("fork"), *rooted(root), op("hostHooks"), op("pivotRoot"), *finish("true")]
    for asked in ("ASKS_MAPS", "ASKS_CGROUP", "ASKS_RECORD", "ASKS_HOOKS", "ASKS_READY"):
        container = Container(INIT, plan(*steps), maps=("0 0 65536", "0 0 65536", True))
        answer = container.answer

        class Stop(Exception):
            pass

        def stop(kind, *fds, **fields):
            if container.asked[-1] == asked:
                raise Stop
            answer(kind, *fds, **fields)

        container.answer = stop
        try:
            container.serve()
            raise AssertionError("it never asked " + asked)
        except Stop:
            pass
        container.host.close()
        pid = container.pid or container.stage_one
        same(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 1)
        container.pid = None
        container.stage_one = None
        container.close()


@case
def memory_while_it_waits():
    if "sanitized" in INIT:
        return
    root = fresh("memory")

    def watch(container):
        time.sleep(0.05)
        status = open("/proc/%d/status" % container.pid).read()
        resident = int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
        assert resident < 150, status
        fds = {name: os.readlink("/proc/%d/fd/%s" % (container.pid, name)) for name in os.listdir("/proc/%d/fd" % container.pid)}
        same([fds[name].split(":")[0] for name in fds if int(name) > 2], ["socket"])
    steps = typical_plan(root)
    run(steps, watch=watch)


@case
def shown_while_asked():
    """Who asks on the start socket may look at the process for as long as he stays; then it is started as ever."""
    root = fresh("shown")

    def watch(container):
        files = "/proc/%d/oom_score_adj" % container.pid
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asking.connect(container.socket_path)
        asking.send(struct.pack("=IIII", MESSAGES["SHOW"], 0, 0, 0))
        same(struct.unpack("=IIII", asking.recv(64))[0], MESSAGES["SHOW"])
        same(os.stat(files).st_uid, 1000)
        asking.close()
        for _ in range(1000):
            if os.stat(files).st_uid == 0:
                break
            time.sleep(0.002)
        same(os.stat(files).st_uid, 0)

    run(enter() + rooted(root) + [op("pivotRoot"), op("user", uid=1000, gid=1000, setGroups=1), *finish("true")], watch=watch)


@case
def not_dumpable():
    """CVE-2016-9962: the files of a process that is not dumpable belong to root, whoever it runs as."""
    root = fresh("dumpable")

    def watch(container):
        same(os.stat("/proc/%d/oom_score_adj" % container.pid).st_uid, 0)

    run(enter() + rooted(root) + [op("pivotRoot"), op("user", uid=1000, gid=1000, setGroups=1), *finish("true")], watch=watch)
    os.chmod(WORK, 0o755)
    run([op("userns", setGroups=1), *enter(), *rooted(root), op("pivotRoot"), *finish(["/bin/busybox", "true"])],
        watch=watch, maps=("0 100000 65536", "0 100000 65536", True))
