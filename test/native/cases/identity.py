"""Ids, capabilities, and namespaces of others."""

import errno
import os
import re
import shutil
import sys
import traceback

from support import (
    ALL, Container, INIT, NEWCGROUP, NEWIPC, NEWNET, NEWNS, NEWPID, NEWTIME, NEWUSER, NEWUTS, NODEV,
    NOEXEC, NOSUID, RDONLY, WORK, case, enter, finish, fresh, libc, op, plan, proc, refused, rooted,
    run, same,
)


@case
def ids_and_capabilities():
    root = fresh("ids")
    with open(root + "/etc/passwd", "w") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\nbroken\n::::::\nx:x:1000\n" + "l" * 3000 + ":x:1000:0::/long:/x\n"
                   "user:x:1000:1000:u:/home/user:/bin/sh\nlast:x:7:7::/last:/x")
    net = 1 << 10
    text = run(enter() + rooted(root) + proc() + [
        op("pivotRoot"), op("boundingSet", mask=net | 1), op("user", uid=1000, gid=1001, setGroups=1, groups=[5, 7]),
        op("capabilities", effective=net, permitted=net, inheritable=net, ambient=net), op("noNewPrivs"),
        *finish("grep -E 'Cap|NoNew|Groups|Uid|Gid' /proc/self/status; echo $HOME", fillHome=1)])
    for line in ("Uid:\t1000\t1000\t1000\t1000", "Gid:\t1001\t1001\t1001\t1001", "Groups:\t5 7 ", "CapInh:\t0000000000000400",
                 "CapPrm:\t0000000000000400", "CapEff:\t0000000000000400", "CapBnd:\t0000000000000401",
                 "CapAmb:\t0000000000000400", "NoNewPrivs:\t1", "/home/user"):
        assert line in text.splitlines(), (line, text)
    text = run(enter() + rooted(root) + proc() + [
        op("pivotRoot"), op("boundingSet", mask=net), op("user", setGroups=1), op("capabilities", effective=net, permitted=net),
        *finish("grep -E 'Cap|Groups' /proc/self/status; echo $HOME", env=["PATH=/bin", "HOME="], fillHome=1)])
    for line in ("Groups:\t ", "CapInh:\t0000000000000000", "CapPrm:\t0000000000000400", "CapEff:\t0000000000000400", "/root"):
        assert line in text.splitlines(), (line, text)
    for uid, home in ((7, "/last"), (8, "/")):
        text = run(enter() + rooted(root) + [op("pivotRoot"), op("user", uid=uid, setGroups=1), *finish("echo $HOME", fillHome=1)])
        same(text, home + "\n")




@case
def user_namespace():
    root = fresh("userns")
    base = os.path.join(WORK, "userns")
    os.chmod(WORK, 0o755)
    for folder, _, files in os.walk(root):
        for name in files + [""]:
            os.lchown(os.path.join(folder, name), 100000, 100000)
    tree = libc.syscall(428, -100, (root + "/etc").encode(), 1 | 0o2000000)
    assert tree >= 0
    text = run([op("userns", setGroups=1), op("unshare", flags=ALL | NEWCGROUP), op("fork"), op("session"), op("hostname", name="inner"),
                op("oomScoreAdj", value=500), *rooted(root), *proc(),
                op("mount", target="/sys", source="sysfs", fstype="sysfs", ordinary=1, attrSet=RDONLY | NOSUID | NODEV | NOEXEC),
                op("mount", target="/dev", source="tmpfs", fstype="tmpfs", options=["mode=755"], attrSet=NOSUID),
                op("mkfile", target="/dev/null", mode=0o666), op("bind", target="/dev/null", source="/dev/null"),
                op("mkdir", target="/dev/pts", mode=0o755),
                op("mount", target="/dev/pts", source="devpts", fstype="devpts", options=["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                op("mkdir", target="/dev/mqueue", mode=0o755), op("mount", target="/dev/mqueue", source="mqueue", fstype="mqueue"),
                op("mkdir", target="/src", mode=0o755), op("bind", target="/src", source="/etc", sourceIndex=0, attrSet=RDONLY | NOSUID | NODEV),
                op("pivotRoot"), op("sysctl", name="net/ipv4/ip_forward", value="1"),
                op("maskPath", target="/proc/version"), op("maskPath", target="/sys/firmware"), op("maskPath", target="/proc/scsi"),
                op("maskPath", target="/root"), op("readonlyPath", target="/proc/sys"), op("rootReadonly"),
                op("stdioOwner", uid=3), op("user", uid=3, gid=4, setGroups=1, groups=[9]), op("capabilities"),
                *finish("id -u; id -g; grep -E 'CapEff|CapBnd' /proc/self/status; cat /proc/self/uid_map /proc/sys/net/ipv4/ip_forward;"
                        "touch /src/y 2>&1; ls /src; stat -c %t:%T /proc/version; cat /proc/self/oom_score_adj; hostname; ls /root")],
               maps=("0 100000 65536", "0 100000 65536", True), sources=[tree])
    os.close(tree)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    same(lines[:2], ["3", "4"])
    same(lines[2], "CapEff: 0000000000000000")
    same(lines[4], "0 100000 65536")
    same(lines[5], "1")
    assert "touch: /src/y: Read-only file system" in lines and "passwd" in lines and "1:3" in lines and "500" in lines, text
    same(lines[-1], "inner")
    assert base


@case
def setgroups_denied():
    root = fresh("denied")
    text = run([op("userns", setGroups=0), op("unshare", flags=ALL), op("fork"), *rooted(root), *proc(), op("pivotRoot"),
                op("user", uid=0, gid=0, setGroups=0), *finish("cat /proc/self/setgroups; id -u")],
               maps=("0 0 1", "0 0 1", False))
    same(text, "deny\n0\n")


@case
def setgroups_tried():
    """Where somebody has denied it for good, no groups are what there is; groups that are asked for are an error."""
    root = fresh("tried")
    steps = [op("userns", setGroups=2), op("unshare", flags=ALL), op("fork"), *rooted(root), *proc(), op("pivotRoot")]
    maps = ("0 0 1", "0 0 1", False)
    text = run([*steps, op("user", setGroups=2), *finish("cat /proc/self/setgroups")], maps=maps)
    same(text, "deny\n")
    refused([*steps, op("user", setGroups=2, groups=[0]), *finish("true")], "SYSCALL", errno.EPERM, "additional groups", maps=maps)
    refused([op("userns", setGroups=1), *steps[1:], *finish("true")], "SYSCALL", errno.EPERM, "no groups", maps=maps)


@case
def rootless_host():
    """A host that is not root: its /proc/PID/uid_map must be writable for it."""
    root = fresh("rootless")
    os.chmod(WORK, 0o755)
    for folder, _, files in os.walk(root):
        for name in files + [""]:
            os.lchown(os.path.join(folder, name), 1234, 1234)
    shutil.copy(INIT, WORK + "/init")
    os.chmod(WORK + "/init", 0o755)
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(1234, 1234, 1234)
            os.setresuid(1234, 1234, 1234)
            libc.prctl(4, 1, 0, 0, 0)
            container = Container(WORK + "/init", plan(
                op("oomScoreAdj", value=300), op("userns"), op("unshare", flags=ALL | NEWTIME), op("timeOffset", clock="boottime", secs=1000000),
                op("fork"), *rooted(root), *proc(), op("pivotRoot"), op("user"), *finish("id -u; cat /proc/self/oom_score_adj; cat /proc/uptime")),
                maps=("0 1234 1", "0 1234 1", False))
            container.serve()
            container.start()
            code = container.wait()
            text = container.output()
            container.close()
            good = code == 0 and text.startswith("0\n300\n1")
            if not good:
                print(text, file=sys.stderr)
            os._exit(0 if good else 1)
        except BaseException:
            traceback.print_exc()
            os._exit(2)
    same(os.waitpid(pid, 0)[1], 0)


@case
def join_namespaces():
    root = fresh("join")
    first = Container(INIT, plan(op("userns", setGroups=1), op("unshare", flags=ALL), op("fork"), op("hostname", name="joined"), *rooted(root), *proc(),
                      op("pivotRoot"), *finish(["sleep", "100"])), maps=("0 0 65536", "0 0 65536", True))
    try:
        first.serve()
        first.start()
        path = "/proc/%d/ns/" % first.pid
        joins = [op("join", ns=flag, path=path + name) for flag, name in
                 ((NEWUSER, "user"), (NEWNS, "mnt"), (NEWUTS, "uts"), (NEWIPC, "ipc"), (NEWNET, "net"), (NEWPID, "pid"))]
        text = run([op("oomScoreAdj", value=100), op("attach"), *joins, op("fork"), op("session"), op("chdir", target="/tmp"),
                    op("user", uid=1, gid=1, setGroups=1), *finish("hostname; pwd; id -u; ps -o comm | grep -c '^sleep'; cat /proc/self/oom_score_adj")])
        same(text, "joined\n/tmp\n1\n1\n100\n")
        refused([op("join", ns=NEWUTS, path=path + "net"), op("fork"), *finish("true")], "UNSAFE", errno.EINVAL, "the type of the namespace")
        refused([op("join", ns=NEWUTS, path="/etc/passwd"), op("fork"), *finish("true")], "SYSCALL", errno.ENOTTY, "/etc/passwd")
        refused([op("join", ns=NEWUTS, path="/nowhere"), op("fork"), *finish("true")], "SYSCALL", errno.ENOENT, "/nowhere")
        # The same without `start`: the conversation lasts until execve.
        text = run([*joins, op("fork"), op("session"), op("program", args=["echo", "hi"], env=["PATH=/bin"]), op("closeFrom", first=3),
                    op("ready"), op("exec")], listen=False)
        same(text, "hi\n")
    finally:
        first.close()


@case
def time_namespace():
    root = fresh("time")
    text = run([op("unshare", flags=ALL | NEWTIME), op("timeOffset", clock="boottime", secs=5000000), op("timeOffset", clock="monotonic", secs=86400, nanosecs=5),
                op("fork"), *rooted(root), *proc(), op("pivotRoot"), *finish("cat /proc/self/timens_offsets /proc/uptime")])
    lines = text.split("\n")
    same(lines[0].split(), ["monotonic", "86400", "5"])
    same(lines[1].split(), ["boottime", "5000000", "0"])
    assert float(lines[2].split()[0]) > 5000000, text


@case
def control_groups():
    """Entered by descriptors of the host's: v1 by stage one, the unified one by the clone; its namespace shows them as roots."""
    root = fresh("cgroups")
    name = "tsrun-cases-%d" % os.getpid()
    parents = [at for at in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup/devices") if os.path.exists(at + "/tasks")]
    unified = next((at for at in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(at + "/cgroup.controllers")), None)
    folders = [parent + "/" + name for parent in parents + ([unified] if unified else [])]
    for folder in folders:
        os.mkdir(folder)
    try:
        fds = [os.open(folder + "/tasks", os.O_WRONLY) for folder in folders[: len(parents)]]
        if unified:
            fds.append(os.open(folders[-1], os.O_RDONLY | os.O_DIRECTORY))
        seen = []

        def watch(container):
            for folder in folders:
                seen.append(open(folder + "/cgroup.procs").read().split())
            same(seen, [[str(container.pid)]] * len(folders))

        text = run([op("unshare", flags=ALL), op("attach"), op("fork"), op("unshare", flags=NEWCGROUP), *rooted(root), *proc(), op("pivotRoot"),
                    *finish("cat /proc/self/cgroup; ls /proc/self/fd | wc -l")],
                   cgroup={"fds": fds, "unified": 1 if unified else 0}, watch=watch)
        lines = text.split()
        for line in lines[:-1]:
            if re.search(r":(pids|devices|):", line):
                assert line.endswith(":/"), text
        for fd in fds:
            os.close(fd)
    finally:
        for folder in folders:
            os.rmdir(folder)
