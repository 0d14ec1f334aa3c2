"""A further process in a container that runs, and terminals."""

import errno
import fcntl
import os
import select
import stat
import termios

from support import (
    ALL, Container, Failure, INIT, NEWCGROUP, NEWNET, NEWNS, NEWPID, NEWUSER, NEWUTS, case, enter, finish, fresh, op, plan,
    proc, refused, rooted, run, same,
)

NAMES = {"mnt": NEWNS, "uts": NEWUTS, "pid": NEWPID, "net": NEWNET, "ipc": 0x8000000}


def last(script, env=("PATH=/bin",)):
    """The end of a plan that does not wait for start."""
    return [step for step in finish(script, env) if step != op("awaitStart")]


def going_in(flags=ALL, then=()):
    return [op("enter", flags=flags), op("attach"), op("fork"), *then, op("session")]


def beside(first, steps, **options):
    """Runs a plan beside a container that waits; what its program wrote."""
    pidfd = os.pidfd_open(first.pid)
    other = Container(INIT, plan(*steps), listen=False, process=pidfd, **options)
    try:
        other.serve()
        other.executed()
        same(other.wait(), 0)
        return other.output()
    finally:
        os.close(pidfd)
        other.close()


def namespaces(pid):
    return {name: os.readlink("/proc/%d/ns/%s" % (pid, name)) for name in os.listdir("/proc/%d/ns" % pid)}


LINKS = "for n in mnt uts pid net ipc cgroup user; do echo $n $(readlink /proc/self/ns/$n); done"


@case
def enter_all():
    root = fresh("enter")

    def watch(first):
        text = beside(first, going_in() + last(LINKS + "; pwd; ls /proc/self/fd"))
        have = namespaces(first.pid)
        for line in text.split("\n")[:7]:
            name, link = line.split()
            same(link, have[name])
        assert "/\n0\n1\n2\n3\n" in text, text
        text = beside(first, going_in() + last(["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]))
        same(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
        # Nothing but what is named.
        text = beside(first, going_in(NEWNET) + last("readlink /proc/self/ns/net; readlink /proc/self/ns/mnt"))
        same(text.split(), [have["net"], os.readlink("/proc/self/ns/mnt")])
        text = beside(first, going_in(0) + last("readlink /proc/self/ns/net"))
        same(text.strip(), os.readlink("/proc/self/ns/net"))

    run(enter() + rooted(root) + proc() + [op("pivotRoot"), *finish("true")], watch=watch)


@case
def enter_user_namespace():
    root = fresh("enteruser")
    os.chmod(os.path.dirname(os.path.dirname(root)), 0o755)

    def watch(first):
        steps = going_in(ALL | NEWUSER) + [op("user", uid=7, gid=8, setGroups=1, groups=[9])]
        text = beside(first, steps + last(["/bin/busybox", "sh", "-c", "id -u; id -g; id -G; readlink /proc/self/ns/user"]))
        same(text.split("\n")[:4], ["7", "8", "8 9", namespaces(first.pid)["user"]])

    run([op("userns", setGroups=1), *enter(), *rooted(root), *proc(), op("pivotRoot"), *finish(["/bin/busybox", "true"])],
        watch=watch, maps=("0 100000 65536", "0 100000 65536", True))


@case
def enter_is_not_dumpable():
    """CVE-2016-9962. While it asks, its files belong to the host's root, though it runs as another."""
    root = fresh("enterdump")

    def watch(first):
        pidfd = os.pidfd_open(first.pid)
        steps = going_in() + [op("user", uid=1000, gid=1000, setGroups=1)] + last("true")
        other = Container(INIT, plan(*steps), listen=False, process=pidfd)
        seen = []
        answer = other.answer

        def look(kind, *fds, **fields):
            pid = other.pid or other.stage_one
            seen.append(os.stat("/proc/%d/oom_score_adj" % pid).st_uid)
            links = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
            assert not [link for link in links if link.startswith("/") and link not in ("/dev/null",) and "memfd" not in link], links
            if other.pid:
                assert not [link for link in links if "pidfd" in link], links
            answer(kind, *fds, **fields)

        other.answer = look
        try:
            other.serve()
            other.executed()
            same(other.wait(), 0)
        finally:
            os.close(pidfd)
            other.close()
        same(seen, [0] * len(seen))
        assert len(seen) >= 3, seen

    run(enter() + rooted(root) + proc() + [op("pivotRoot"), *finish("true")], watch=watch)


@case
def enter_refusals():
    child = os.fork()
    if child == 0:
        os._exit(0)
    pidfd = os.pidfd_open(child)
    os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    refused(going_in() + last("true"), "SYSCALL", errno.ESRCH, "the container's first process", listen=False, process=pidfd)
    os.close(pidfd)
    refused(going_in() + last("true"), "SYSCALL", errno.EBADF, "setns", listen=False)
    null = os.open("/dev/null", os.O_RDONLY)
    refused(going_in() + last("true"), "SYSCALL", errno.EBADF, "first process", listen=False, process=null)
    os.close(null)
    for steps, words in (
        ([op("fork"), op("enter", flags=NEWNS)] + last("true"), "after fork"),
        (going_in() + last("true")[:-1] + [op("join", ns=NEWCGROUP, path="/proc/self/ns/cgroup"), last("true")[-1]], "after ready"),
        (going_in(then=[op("join", ns=NEWNET, path="/proc/self/ns/net")]) + last("true"), "after fork"),
        (going_in() + last("true")[:-1] + [op("console"), last("true")[-1]], "after ready"),
        ([op("console"), *going_in()] + last("true"), "before fork"),
        (going_in() + [op("console", target="/dev/console")] + last("true"), "before rootfs"),
    ):
        refused(steps, "PLAN", 0, words, listen=False)


@case
def enter_host_goes():
    """End of file at each step ends it, and the program does not run."""
    root = fresh("entergone")

    def watch(first):
        pidfd = os.pidfd_open(first.pid)
        for asked in ("ASKS_CGROUP", "ASKS_RECORD", "ASKS_READY"):
            other = Container(INIT, plan(*going_in(), *last("touch /tmp/ran")), listen=False, process=pidfd)
            answer = other.answer

            class Stop(Exception):
                pass

            def stop(kind, *fds, **fields):
                if other.asked[-1] == asked:
                    raise Stop
                answer(kind, *fds, **fields)

            other.answer = stop
            try:
                other.serve()
                raise AssertionError("it never asked " + asked)
            except Stop:
                pass
            other.host.close()
            same(os.waitstatus_to_exitcode(os.waitpid(other.pid or other.stage_one, 0)[1]), 1)
            other.pid = other.stage_one = None
            other.close()
        os.close(pidfd)
        assert not os.path.exists(root + "/tmp/ran")

    run(enter() + rooted(root) + proc() + [op("pivotRoot"), *finish("true")], watch=watch)


@case
def cgroup_namespace_after_fork():
    root = fresh("entercgroup")

    def watch(first):
        path = "/proc/%d/ns/cgroup" % first.pid
        text = beside(first, going_in(then=[op("join", ns=NEWCGROUP, path=path)]) + last("readlink /proc/self/ns/cgroup"))
        same(text.strip(), os.readlink(path))
        assert text.strip() != os.readlink("/proc/self/ns/cgroup")
        pidfd = os.pidfd_open(first.pid)
        for wrong, detail, value, words in (
            ("/proc/%d/ns/net" % first.pid, "UNSAFE", errno.EINVAL, "the type of the namespace"),
            ("/proc/%d/ns/nosuch" % first.pid, "SYSCALL", errno.ENOENT, "nosuch"),
        ):
            # Opened before anything is entered, so that the path is the host's.
            failure = refused(going_in(then=[op("join", ns=NEWCGROUP, path=wrong)]) + last("true"), detail, value, words,
                              listen=False, process=pidfd)
            same(failure.index, 3)
        os.close(pidfd)

    run([op("unshare", flags=ALL | NEWCGROUP), op("fork"), op("session"), *rooted(root), *proc(), op("pivotRoot"), *finish("true")], watch=watch)


def devpts():
    return [op("mount", target="/dev", source="tmpfs", fstype="tmpfs", options=["mode=755"]), op("mkdir", target="/dev/pts", mode=0o755),
            op("mount", target="/dev/pts", source="devpts", fstype="devpts", options=["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"])]


def read_terminal(master, words):
    text = ""
    while words not in text:
        ready, _, _ = select.select([master], [], [], 5)
        assert ready, text
        text += os.read(master, 4096).decode()
    return text


@case
def terminal():
    root = fresh("terminal")
    for target in ("", "/dev/console", "/dev/deep/er/console"):
        steps = enter() + rooted(root) + proc() + devpts() + [op("pivotRoot"), op("console", target=target, height=31, width=97)]
        shown = target or "/dev/pts/0"
        script = "stat -c '%%t:%%T %%g %%a' %s; test -t 0 && test -t 1 && test -t 2 && echo three; cut -d' ' -f7 /proc/self/stat; read line; echo got $line" % shown
        script = script.replace("cut -d' ' -f7 /proc/self/stat", "sed 's/.*) [A-Z] \\([0-9-]* \\)\\{3\\}//;s/ .*//' /proc/self/stat")
        container = Container(INIT, plan(*steps, *finish(script)))
        try:
            container.serve()
            master = container.console
            assert os.isatty(master)
            flags = fcntl.fcntl(master, fcntl.F_GETFL)
            same(flags & (os.O_NONBLOCK | os.O_ACCMODE), os.O_RDWR)
            size = fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8)
            same(size[:4], (31).to_bytes(2, "little") + (97).to_bytes(2, "little"))
            container.start()
            text = read_terminal(master, "three")
            assert "88:0 5 620" in text, text
            os.write(master, b"typed\n")
            text += read_terminal(master, "got typed")
            # The controlling terminal: 136:0.
            assert str(136 << 8) in text, text
            same(container.wait(), 0)
            os.close(master)
        finally:
            container.close()
        assert not os.path.exists(root + "/dev/console"), "it lies in the container's own /dev"


@case
def terminal_fakes():
    """What the image calls /dev/pts/ptmx is only taken where it is a devpts's."""
    root = fresh("fakes")
    outside = os.path.join(os.path.dirname(root), "outside")
    open(outside, "w").write("untouched")
    place = root + "/dev/pts/ptmx"
    os.makedirs(root + "/dev/pts")
    os.symlink("pts/ptmx", root + "/dev/ptmx")
    steps = enter() + rooted(root) + proc() + [op("pivotRoot"), op("console")] + finish("true")

    def refuses(detail, value, words):
        same(refused(steps, detail, value, words).index, 7)
        if os.path.lexists(place):
            os.rmdir(place) if stat.S_ISDIR(os.lstat(place).st_mode) else os.unlink(place)

    refuses("SYSCALL", errno.ENOENT, "/dev/pts/ptmx")
    open(place, "w").close()
    refuses("UNSAFE", errno.ENODEV, "not the ptmx of a devpts")
    os.mkfifo(place)
    refuses("UNSAFE", errno.ENODEV, "not the ptmx of a devpts")
    os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    refuses("UNSAFE", errno.ENODEV, "not the ptmx of a devpts")
    # The host's own driver by a node of the image's: it may answer, but not as a devpts of the container.
    os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(5, 2))
    try:
        run(steps)
        raise AssertionError("it was not refused")
    except Failure as failure:
        assert failure.detail in ("UNSAFE", "SYSCALL"), failure
    os.unlink(place)
    os.symlink("../../../../../../../.." + outside, place)
    refuses("SYSCALL", errno.ENOENT, "/dev/pts/ptmx")
    os.symlink("/proc/self/fd/0", place)
    refuses("SYSCALL", errno.ELOOP, "/dev/pts/ptmx")
    os.mkdir(place)
    refuses("SYSCALL", errno.EISDIR, "/dev/pts/ptmx")
    same(open(outside).read(), "untouched")


@case
def terminal_place():
    """/dev/console is made, or covered; a link there is refused, wherever it leads."""
    root = fresh("place")
    outside = os.path.join(os.path.dirname(root), "outside")
    open(outside, "w").write("untouched")
    os.makedirs(root + "/dev/pts")
    pts = op("mount", target="/dev/pts", source="devpts", fstype="devpts", options=["newinstance", "ptmxmode=0666"])
    steps = enter() + rooted(root) + proc() + [pts, op("pivotRoot"), op("console", target="/dev/console")]
    place = root + "/dev/console"
    for make in (lambda: None, lambda: open(place, "w").close(), lambda: os.mkfifo(place), lambda: os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 5))):
        make()
        container = Container(INIT, plan(*steps, *finish("stat -c %t /dev/console")))
        try:
            container.serve()
            container.start()
            assert "88" in read_terminal(container.console, "\n")
            os.close(container.console)
        finally:
            container.close()
        os.unlink(place)
    for link in ("../../../../../../../.." + outside, outside, "/tmp/made", "console"):
        os.symlink(link, place)
        refused(steps + finish("true"), "UNSAFE", errno.EINVAL, "a symbolic link or a folder")
        os.unlink(place)
    os.mkdir(place)
    refused(steps + finish("true"), "UNSAFE", errno.EINVAL, "a symbolic link or a folder")
    same(open(outside).read(), "untouched")
    same(os.listdir(root + "/tmp"), [])
    # Without a session of its own it can have no controlling terminal.
    refused([op("unshare", flags=ALL), op("fork"), *rooted(root), *proc(), pts, op("pivotRoot"), op("console"), *finish("true")],
            "SYSCALL", errno.EPERM, "TIOCSCTTY")
