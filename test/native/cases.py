"""Real containers run by tsrun-init alone. `cases.py INIT [NAME...]` prints one line of JSON a case.

Each case is a function; it fails by an exception. Needs root, and busybox as a static program.
"""

import errno
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Container, Failure, busybox_root, op, plan, libc  # noqa: E402

NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, STRICTATIME = 1, 2, 4, 8, 0x10, 0x20
MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_REC = 1 << 18, 1 << 19, 1 << 20, 1 << 14
ALL = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET

INIT = sys.argv[1]
WORK = tempfile.mkdtemp(prefix="tsrun-cases-")
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def fresh(name):
    return busybox_root(os.path.join(WORK, name, "rootfs"))


def enter(flags=ALL):
    return [op("unshare", flags=flags), op("fork"), op("session")]


def rooted(root):
    return [op("propagation", flags=MS_SLAVE | MS_REC), op("rootfs", path=root)]


def proc():
    return [op("mount", target="/proc", source="proc", fstype="proc", ordinary=1,
               attrSet=NOSUID | NODEV | NOEXEC)]


def finish(script, env=("PATH=/bin",), **fields):
    args = ["sh", "-c", script] if isinstance(script, str) else script
    return [op("program", args=args, env=env, **fields), op("closeFrom", first=3), op("ready"), op("awaitStart"),
            op("exec")]


def run(steps, code=0, watch=None, **options):
    """Run a plan to its end; what the program wrote."""
    container = Container(INIT, plan(*steps), **options)
    try:
        container.serve()
        if watch:
            watch(container)
        if container.socket_path:
            container.start()
        got = container.wait()
        text = container.output()
        assert got == code, "exit code %d: %s" % (got, text)
        return text
    finally:
        container.close()


def refused(steps, detail, value, words, **options):
    """Run a plan that must fail before it is ready, in exactly this way."""
    container = Container(INIT, plan(*steps), **options)
    try:
        container.serve()
    except Failure as failure:
        said = "%s: %s" % (failure.call, failure.subject)
        assert (failure.detail, failure.value) == (detail, value), failure
        assert words in said, "%r not in %r" % (words, said)
        return failure
    finally:
        container.close()
    raise AssertionError("it was not refused")


def same(got, wanted):
    assert got == wanted, "%r, wanted %r" % (got, wanted)


# ---- the first steps ----


@case
def typical():
    root = fresh("typical")
    text = run([op("unshare", flags=ALL), op("attach"), op("unshare", flags=NEWCGROUP), op("fork"), op("keyring", name="_ses.x"),
                op("session"), op("loopback"), op("hostname", name="box"), op("domainname", name="dom"),
                op("oomScoreAdj", value=77), *rooted(root), *proc(),
                op("mount", target="/dev", source="tmpfs", fstype="tmpfs", options=["mode=755", "size=64k"], attrSet=NOSUID | STRICTATIME),
                op("mkdir", target="/dev/pts", mode=0o755),
                op("mount", target="/dev/pts", source="devpts", fstype="devpts",
                   options=["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"], attrSet=NOSUID | NOEXEC),
                op("mkdir", target="/dev/mqueue", mode=0o755),
                op("mount", target="/dev/mqueue", source="mqueue", fstype="mqueue", attrSet=NOSUID | NOEXEC | NODEV),
                op("mount", target="/sys", source="sysfs", fstype="sysfs", ordinary=1, attrSet=RDONLY),
                op("mknod", target="/dev/null", mode=stat.S_IFCHR | 0o666, major=1, minor=3),
                op("mknod", target="/dev/zero", mode=stat.S_IFCHR | 0o640, major=1, minor=5, uid=4, gid=6),
                op("symlink", target="/dev/ptmx", text="pts/ptmx"), op("symlink", target="/dev/fd", text="/proc/self/fd"),
                op("pivotRoot"), op("sysctl", name="net/ipv4/ip_forward", value="1"),
                op("sysctl", name="kernel/shm_rmid_forced", value="1"),
                op("sysctl", name="kernel/domainname", value="dom2"),
                op("maskPath", target="/proc/kcore"), op("maskPath", target="/proc/timer_list"), op("maskPath", target="/sys/firmware"),
                op("maskPath", target="/sys/block"), op("maskPath", target="/nowhere/at/all"),
                op("readonlyPath", target="/proc/sys"), op("readonlyPath", target="/nowhere"), op("rootReadonly"),
                op("chdir", target="/root"),
                *finish("hostname; cat /proc/sys/kernel/domainname /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced;"
                        "pwd; stat -c '%n %a %t:%T %u:%g' /dev/null /dev/zero; readlink /dev/ptmx; cat /proc/kcore; cat /proc/timer_list; ls /sys/firmware /sys/block;"
                        "touch /x 2>&1; echo 0 2>&1 >/proc/sys/net/ipv4/ip_forward; cat /sys/class/net/lo/flags; echo $$; ls /proc/self/fd;"
                        "grep ' / /' /proc/self/mountinfo | head -1 | grep -c master", fillHome=1)])
    same(text.replace("3\n0\n", "\n0\n"),
         "box\ndom2\n77\n1\n1\n/root\n/dev/null 666 1:3 0:0\n/dev/zero 640 1:5 4:6\npts/ptmx\n"
         "/sys/block:\n\n/sys/firmware:\ntouch: /x: Read-only file system\n"
         "sh: can't create /proc/sys/net/ipv4/ip_forward: Read-only file system\n0x9\n1\n0\n1\n2\n\n0\n")
    same(os.path.exists(root + "/x"), False)
    same(open("/proc/sys/net/ipv4/ip_forward").read(), "0\n")


@case
def mount_flags():
    root = fresh("flags")
    text = run(enter() + rooted(root) + proc() + [
        op("mkdir", target="/a", mode=0o700), op("mount", target="/a", source="x", fstype="tmpfs", attrSet=NOATIME | NODEV, options=["size=1m", "ro"]),
        op("mkdir", target="/b", mode=0o700), op("bind", target="/b", source=root + "/etc", attrSet=RDONLY | NOSUID | NOATIME, attrClear=0),
        op("mkdir", target="/c", mode=0o700), op("bind", target="/c", source="/dev", recursive=1, recAttrSet=RDONLY, propagation=[MS_PRIVATE | MS_REC]),
        op("mkdir", target="/d", mode=0o700), op("mount", target="/d", source="d", fstype="tmpfs", propagation=[MS_SHARED]),
        op("mkfile", target="/e/f/g", mode=0o640), op("bind", target="/e/f/g", source=root + "/etc/passwd"),
        op("remount", target="/e/f/g", attrSet=RDONLY | NOEXEC),
        op("mkdir", target="/cg", mode=0o755), op("mount", target="/cg", source="cgroup", fstype="cgroup", options=["none", "name=systemd"]),
        op("pivotRoot"), op("remount", target="/d", superblock=1, options=["size=4k"], attrSet=NOEXEC),
        *finish("cat /proc/self/mountinfo; ls -ld /e /e/f; ls -l /e/f/g; test -d /cg/user.slice -o -f /cg/cgroup.procs && echo cg")])
    points = {line.split()[4]: line for line in text.splitlines() if " - " in line}
    same(points["/a"].split()[5], "rw,nodev,noatime")
    assert " ro,size=1024k" in points["/a"], points["/a"]
    same(points["/b"].split()[5], "ro,nosuid,noatime")
    same(points["/c"].split()[5][:3], "ro,")
    same(points["/c/pts"].split()[5][:3], "ro,")
    assert "shared:" in points["/d"] and "size=4k" in points["/d"] and "noexec" in points["/d"], points["/d"]
    same(points["/e/f/g"].split()[5], "ro,noexec,relatime")
    assert "drwxr-xr-x" in text and text.strip().endswith("cg"), text
    same(stat.S_IMODE(os.stat(root + "/e/f/g").st_mode), 0o640)


@case
def overlay():
    root = fresh("overlay")
    base = os.path.join(WORK, "overlay")
    lower = []
    for number in range(12):
        folder = os.path.join(base, "a-lower-layer-with-a-long-name-%d" % number)
        os.makedirs(folder)
        open(folder + "/file%d" % number, "w").write("x")
        lower.append(folder)
    for name in ("upper", "work"):
        os.makedirs(os.path.join(base, name))
    option = "lowerdir=" + ":".join(lower)
    assert len(option) > 256
    text = run(enter() + rooted(root) + proc() + [
        op("mkdir", target="/o", mode=0o755),
        op("mount", target="/o", source="overlay", fstype="overlay", attrSet=NODEV, propagation=[MS_SHARED],
           options=[option, "upperdir=%s/upper" % base, "workdir=%s/work" % base]),
        op("mkdir", target="/p", mode=0o755),
        op("mount", target="/p", source="overlay", fstype="overlay", options=["lowerdir=" + lower[0] + ":" + lower[1]]),
        op("pivotRoot"), *finish("ls /o | wc -l; ls /p; grep ' /o ' /proc/self/mountinfo")])
    assert text.startswith("12\nfile0\nfile1\n") and "rw,nodev,relatime shared:" in text, text


@case
def kernel_words():
    root = fresh("words")
    failure = refused(enter() + rooted(root) + [op("mount", target="/tmp", source="t", fstype="tmpfs", options=["size=1m", "colour=red"]),
                      op("pivotRoot"), *finish("true")], "SYSCALL", errno.EINVAL, "/tmp: option colour=red: tmpfs: Unknown parameter 'colour'")
    same((failure.index, failure.call), (5, "fsconfig"))
    refused(enter() + rooted(root) + [op("mount", target="/tmp", source="t", fstype="nosuchfs"), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENODEV, "fsopen: nosuchfs")
    refused(enter() + rooted(root) + [op("bind", target="/etc/passwd", source="/etc"), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENOTDIR, "move_mount: /etc/passwd")
    refused(enter() + rooted(root) + [op("bind", target="/tmp", source="/no/such"), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENOENT, "open_tree: /no/such")
    refused(enter() + [op("rootfs", path="/"), op("pivotRoot"), *finish("true")], "UNSAFE", errno.EINVAL, "must not be the host's")


# ---- hostile roots ----


@case
def links_in_targets():
    root = fresh("links")
    outside = os.path.join(WORK, "links", "outside")
    os.makedirs(outside)
    os.makedirs(root + "/var")
    os.symlink("/run", root + "/var/run")  # /run is missing
    os.symlink("../../../../../../../.." + outside, root + "/var/up")
    os.symlink(outside, root + "/var/abs")
    os.symlink("loop", root + "/loop")
    os.symlink("/etc/../etc/./missing", root + "/var/lib")
    os.symlink("dangling", root + "/filelink")
    steps = enter() + rooted(root) + [
        op("mkdir", target="/var/run/x/y", mode=0o711), op("mkdir", target="/var/up/z", mode=0o755),
        op("mkfile", target="/var/abs/f", mode=0o600), op("mkfile", target="/filelink", mode=0o604),
        op("mkdir", target="/var/lib/../q", mode=0o755), op("mkdir", target="../../../above", mode=0o755),
        op("mknod", target="/var/abs/dev/n", mode=stat.S_IFIFO | 0o622),
        op("symlink", target="/var/up/l", text="t"), op("symlink", target="/var/up/l", text="other"),
        op("symlink", target="/etc/passwd", text="shadow", replace=1),
        op("mount", target="/var/run", source="t", fstype="tmpfs"), op("pivotRoot"), *finish("ls /run; ls /var/run")]
    same(run(steps), "")
    same(sorted(os.listdir(outside)), [])
    inside = root + outside
    same(sorted(os.listdir(inside)), ["dev", "f", "l", "z"])
    same(stat.S_IMODE(os.stat(inside + "/dev/n").st_mode), 0o622)
    same(os.readlink(inside + "/l"), "t")
    same(os.readlink(root + "/etc/passwd"), "shadow")
    same(stat.S_IMODE(os.stat(root + "/run/x/y").st_mode), 0o711)
    same(stat.S_IMODE(os.stat(root + "/run/x").st_mode), 0o755)
    same(stat.S_IMODE(os.stat(root + "/dangling").st_mode), 0o604)
    assert os.path.isdir(root + "/above") and os.path.isdir(root + "/etc/q")
    refused(enter() + rooted(root) + [op("mkdir", target="/loop/x", mode=0o755), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ELOOP, "/loop/x")
    refused(enter() + rooted(root) + [op("mkdir", target="/bin/busybox", mode=0o755), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENOTDIR, "/bin/busybox")
    refused(enter() + rooted(root) + [op("symlink", target="/bin", text="x", replace=1), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENOTEMPTY, "/bin")
    refused(enter() + rooted(root) + [op("mknod", target="/bin", mode=stat.S_IFCHR, major=1, minor=3), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.EEXIST, "/bin")


@case
def long_chain_of_links():
    root = fresh("chain")
    for number in range(250):
        os.symlink("/c%d" % (number + 1), root + "/c%d" % number)
    # The kernel itself follows 40; the walk is ours only where something is missing.
    run(enter() + rooted(root) + [op("mkdir", target="/c215/new", mode=0o755), op("pivotRoot"), *finish("true")])
    assert os.path.isdir(root + "/c250/new")


@case
def ordinary_directory():
    root = fresh("ordinary")
    os.rmdir(root + "/proc")
    os.makedirs(root + "/tmp/evil")
    os.symlink("/tmp/evil", root + "/proc")
    refused(enter() + rooted(root) + proc() + [op("pivotRoot"), *finish("true")], "UNSAFE", errno.ELOOP,
            "/proc: must be mounted on ordinary directory")
    os.unlink(root + "/proc")
    open(root + "/proc", "w").close()
    refused(enter() + rooted(root) + proc() + [op("pivotRoot"), *finish("true")], "UNSAFE", errno.ENOTDIR,
            "must be mounted on ordinary directory")


@case
def fake_null():
    """CVE-2025-31133: the image's /dev/null has no say in what masks a path."""
    root = fresh("fakenull")
    os.symlink("/proc/sys/kernel/core_pattern", root + "/dev/null")
    text = run(enter() + rooted(root) + proc() + [op("pivotRoot"), op("maskPath", target="/etc/passwd"), op("maskPath", target="/proc/kcore"),
               op("maskPath", target="/etc/passwd/x"), op("maskPath", target="/tmp"), op("maskPath", target="/root"),
               *finish("stat -c %t:%T /etc/passwd /proc/kcore; ls -l /etc/passwd | head -c 1; touch /tmp/x 2>&1; touch /root/x 2>&1")])
    same(text, "1:3\n1:3\nctouch: /tmp/x: Read-only file system\ntouch: /root/x: Read-only file system\n")


@case
def race_of_folder_and_link():
    """CVE-2021-30465: a folder exchanged for a link while targets are made and mounted: nothing lands outside."""
    root = fresh("race")
    outside = os.path.join(WORK, "race", "outside")
    os.makedirs(outside + "/deep")
    os.makedirs(root + "/vol/a/deep")
    os.symlink(outside, root + "/vol/b")
    pid = os.fork()
    if pid == 0:
        vol = os.open(root + "/vol", os.O_RDONLY)
        while True:
            libc.renameat2(vol, b"a", vol, b"b", 2)
    try:
        for _ in range(40):
            steps = enter() + rooted(root)
            for number in range(20):
                steps += [op("mkdir", target="/vol/a/deep/n%d" % number, mode=0o755),
                          op("mount", target="/vol/a/deep/n%d" % number, source="t", fstype="tmpfs"),
                          op("mkfile", target="/vol/b/f%d" % number, mode=0o644)]
            container = Container(INIT, plan(*steps, op("pivotRoot"), *finish("true")))
            try:
                container.serve()
                container.start()
                container.wait()
            except Failure as failure:
                assert failure.value in (errno.ENOENT, errno.ENOTDIR, errno.EAGAIN), failure
            finally:
                container.close()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    same(os.listdir(outside), ["deep"])
    same(os.listdir(outside + "/deep"), [])
    assert "race/outside" not in open("/proc/self/mountinfo").read()


# ---- who it runs as ----


@case
def ids_and_capabilities():
    root = fresh("ids")
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
                op("maskPath", target="/proc/kcore"), op("maskPath", target="/sys/firmware"), op("maskPath", target="/proc/scsi"),
                op("maskPath", target="/root"), op("readonlyPath", target="/proc/sys"), op("rootReadonly"),
                op("stdioOwner", uid=3), op("user", uid=3, gid=4, setGroups=1, groups=[9]), op("capabilities"),
                *finish("id -u; id -g; grep -E 'CapEff|CapBnd' /proc/self/status; cat /proc/self/uid_map /proc/sys/net/ipv4/ip_forward;"
                        "touch /src/y 2>&1; ls /src; stat -c %t:%T /proc/kcore; cat /proc/self/oom_score_adj; hostname; ls /root")],
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
            global run_init
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
        text = run([op("oomScoreAdj", value=-100), op("attach"), *joins, op("fork"), op("session"), op("chdir", target="/tmp"),
                    op("user", uid=1, gid=1, setGroups=1), *finish("hostname; pwd; id -u; ps | grep -c sleep; cat /proc/self/oom_score_adj")])
        same(text, "joined\n/tmp\n1\n2\n-100\n")
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


# ---- the program ----


@case
def program_lookup():
    root = fresh("lookup")
    open(root + "/etc/plain", "w").write("x")
    base = enter() + rooted(root) + [op("pivotRoot")]
    for args, value, words in ((["nosuch"], errno.ENOENT, "nosuch"), (["/bin/nosuch"], errno.ENOENT, "/bin/nosuch"),
                               (["/etc/plain"], errno.EACCES, "/etc/plain"), (["/etc"], errno.EACCES, "/etc"), (["plain"], errno.ENOENT, "plain")):
        failure = refused(base + finish(args, env=["PATH=/bin:/etc"]), "NOT_FOUND", value, words)
        same(failure.subject, args[0])
    refused(base + finish(["sh"], env=[]), "NOT_FOUND", errno.ENOENT, "sh")
    same(run(base + [op("chdir", target="/bin")] + finish(["echo", "x"], env=["PATH=/nowhere::/etc"])), "x\n")
    # What only the program's own ids may not execute.
    os.chmod(root + "/bin/busybox", 0o700)
    refused(base + [op("user", uid=5, gid=5, setGroups=1)] + finish(["/bin/sh"]), "NOT_FOUND", errno.EACCES, "/bin/sh")


@case
def exec_failure_goes_to_start():
    root = fresh("execfail")
    open(root + "/bin/script", "w").write("#!/no/interpreter\n")
    os.chmod(root + "/bin/script", 0o755)
    container = Container(INIT, plan(*enter(), *rooted(root), op("pivotRoot"), *finish(["script"])))
    try:
        container.serve()
        for _ in range(3):  # looks, and leaves
            probe = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            probe.connect(container.socket_path)
            probe.close()
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        probe.connect(container.socket_path)
        probe.send(b"nonsense")
        probe.close()
        try:
            container.start()
            raise AssertionError("exec worked")
        except Failure as failure:
            same((failure.detail, failure.value, failure.call, failure.subject), ("SYSCALL", errno.ENOENT, "execve", "/bin/script"))
        same(container.wait(), 1)
    finally:
        container.close()


@case
def working_directory():
    root = fresh("cwd")
    os.makedirs(root + "/home")
    os.makedirs(root + "/private")
    os.chmod(root + "/private", 0o700)
    os.chown(root + "/private", 1000, 1000)
    base = enter() + rooted(root) + proc() + [op("pivotRoot")]
    same(run(base + [op("chdir", target="/home")] + finish("pwd")), "/home\n")
    refused(base + [op("chdir", target="/proc/self/fd/0")] + finish("true"), "SYSCALL", errno.ENOTDIR, "/proc/self/fd/0")
    held = os.open("/", os.O_RDONLY)
    try:
        os.set_inheritable(held, True)
        refused(base + [op("chdir", target="/proc/self/fd/%d" % held)] + finish("true"), "SYSCALL", errno.ELOOP, "/proc/self/fd")
    finally:
        os.close(held)
    refused(base + [op("chdir", target="/nowhere")] + finish("true"), "SYSCALL", errno.ENOENT, "/nowhere")
    # Refused for root without CAP_DAC_OVERRIDE, tried again as the user.
    same(run(base + [op("capabilities", effective=0xc0, permitted=0xc0), op("chdir", target="/private"), op("user", uid=1000, gid=1000), *finish("pwd")]), "/private\n")


@case
def limits_and_scheduling():
    root = fresh("limits")
    text = run(enter() + rooted(root) + proc() + [
        op("pivotRoot"), op("rlimit", resource=7, soft=123, hard=456), op("umask", mask=0o027), op("scheduler", policy=3, nice=5),
        op("ioPriority", value=2 << 13 | 6), op("personality", persona=8), op("memoryPolicy", mode=3, nodes=[1]), op("affinity", cpus=[1]),
        *finish("ulimit -n; ulimit -Hn; umask; cut -d' ' -f19 /proc/self/stat; grep Cpus_allowed_list /proc/self/status; cat /proc/self/personality; cat /proc/self/numa_maps | head -1")], watch=None) if os.path.exists(root + "/bin/cut") else run(
        enter() + rooted(root) + proc() + [
        op("pivotRoot"), op("rlimit", resource=7, soft=123, hard=456), op("umask", mask=0o027), op("scheduler", policy=3, nice=5),
        op("ioPriority", value=2 << 13 | 6), op("personality", persona=0x40000), op("memoryPolicy", mode=3, nodes=[1]), op("affinity", cpus=[1]),
        *finish("ulimit -n; ulimit -Hn; umask; grep Cpus_allowed_list /proc/self/status; cat /proc/self/personality; cat /proc/self/numa_maps | head -1; "
                "sed 's/.*) //' /proc/self/stat")])
    lines = text.split("\n")
    same(lines[0:3], ["123", "456", "0027"])
    same(lines[3], "Cpus_allowed_list:\t0")
    same(lines[4], "00040000")
    assert " interleave:0" in lines[5], text
    fields = lines[6].split()
    same((fields[16], fields[38]), ("5", "3"))


@case
def standard_descriptors():
    root = fresh("stdio")
    path = os.path.join(WORK, "stdio", "out")
    out = os.open(path, os.O_CREAT | os.O_RDWR)
    before = os.stat("/dev/null")
    run(enter() + rooted(root) + [op("pivotRoot"), op("stdioOwner", uid=1000), *finish("true")], stdout=out)
    os.close(out)
    same(os.stat(path).st_uid, 1000)
    same(os.stat("/dev/null").st_uid, before.st_uid)
    # Closed by the caller: still closed for the program, and never one of tsrun-init's own.
    text = run(enter() + rooted(root) + proc() + [op("pivotRoot"), op("stdioOwner", uid=1000), *finish("ls /proc/self/fd")],
               hard=lambda: os.close(0))
    assert "1\n2\n" in text, text


@case
def signals():
    root = fresh("signals")

    def hard():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [10, 40])

    text = run(enter() + rooted(root) + proc() + [op("pivotRoot"), *finish(["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"])], hard=hard)
    same(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")


@case
def preserved_descriptors():
    root = fresh("preserve")

    def hard():
        null = os.open("/dev/null", os.O_RDONLY)
        for number in (100, 101, 102):
            os.dup2(null, number)
            os.set_inheritable(number, True)

    steps = finish("ls /proc/self/fd")
    steps[1] = op("closeFrom", first=102)
    text = run(enter() + rooted(root) + proc() + [op("pivotRoot"), *steps], hard=hard)
    lines = text.split()
    assert "100" in lines and "101" in lines and "102" not in lines, text


# ---- hooks ----


def hook(script, **fields):
    fields.setdefault("args", ["sh", "-c", script])
    return op("hook", stage="createContainer", index=2, path="/bin/sh", stateHead='{"pid":', stateTail=',"x":1}', **fields)


@case
def hooks():
    root = fresh("hooks")
    out = os.path.join(WORK, "hooks", "out")
    base = enter() + rooted(root)
    held = os.open("/", os.O_RDONLY)
    os.set_inheritable(held, True)
    run(base + [hook("cat >%s; echo; umask >>%s; env >>%s; ls /proc/self/fd >>%s; pwd" % (out, out, out, out)),
                hook("true"), hook("exec </dev/null"), op("hostHooks"), op("pivotRoot"),
                op("hook", stage="startContainer", index=0, path="/bin/sh", args=["sh", "-c", "echo $A >/tmp/in; id -u >>/tmp/in"], hasEnv=1, env=["A=b", "PATH=/bin"], timeout=5000),
                *finish("true")], env={"HOST": "yes", "PATH": "/bin:/usr/bin"})
    os.close(held)
    text = open(out).read()
    assert text.startswith('{"pid":1,"x":1}0022\n'), text
    assert "HOST=yes" in text and text.rstrip().split("\n")[-4:] == ["0", "1", "2", "3"], text
    same(open(root + "/tmp/in").read(), "b\n0\n")
    env = {"PATH": "/bin:/usr/bin"}
    failure = refused(base + [hook("echo no luck; echo at all >&2; exit 7"), op("pivotRoot"), *finish("true")], "HOOK_EXIT", 7, "no luck\nat all", env=env)
    same((failure.index, failure.call), (5, "/bin/sh"))
    refused(base + [hook("kill -9 $$"), op("pivotRoot"), *finish("true")], "HOOK_SIGNAL", 9, "", env=env)
    begun = time.monotonic()
    refused(base + [hook("echo slow; sleep 30 & sleep 30", timeout=200), op("pivotRoot"), *finish("true")], "HOOK_TIMEOUT", 200, "slow", env=env)
    assert time.monotonic() - begun < 3
    refused(base + [op("hook", stage="x", path="/no/hook", args=["x"]), op("pivotRoot"), *finish("true")], "SYSCALL", errno.ENOENT, "execve: /no/hook")
    # A child that keeps the output open does not keep the container waiting; output beyond the pipe's size does not block.
    begun = time.monotonic()
    run(base + [hook("sleep 4 & exit 0"), hook("head -c 300000 /dev/zero"), op("pivotRoot"), *finish("true")], env=env)
    assert time.monotonic() - begun < 3
    # A state larger than a pipe holds, read by nobody, and read by somebody.
    large = "y" * 500000
    run(base + [op("hook", stage="x", path="/bin/true", args=["true"], stateHead=large, stateTail=large),
                op("hook", stage="x", path="/bin/sh", args=["sh", "-c", "wc -c >%s" % out], stateHead=large, stateTail=large),
                op("pivotRoot"), *finish("true")], env=env)
    same(open(out).read().strip(), "1000001")


# ---- the root ----


@case
def move_root():
    root = fresh("move")
    text = run(enter() + rooted(root) + proc() + [op("moveRoot"), op("sysctl", name="net/ipv4/ip_forward", value="1"), op("maskPath", target="/proc/kcore"),
               *finish("ls / | wc -l; cat /proc/self/mountinfo; cat /proc/sys/net/ipv4/ip_forward")])
    assert text.endswith("\n1\n"), text
    same(len(re.findall(r" - (?:proc|sysfs) ", text)), 1)
    text = run([op("userns", setGroups=1), *enter(), *rooted(root), *proc(), op("moveRoot"), *finish("ls /bin | head -1")], maps=("0 0 65536", "0 0 65536", True))


@case
def root_is_a_mount():
    """A root that is a mount point, below one that is shared: nothing spreads to the host."""
    root = fresh("shared")
    before = open("/proc/self/mountinfo").read()
    assert libc.mount(root.encode(), root.encode(), None, 4096, None) == 0
    assert libc.mount(None, root.encode(), None, MS_SHARED, None) == 0
    try:
        held = open("/proc/self/mountinfo").read()
        same(run(enter() + [op("propagation", flags=MS_SLAVE | MS_REC), op("rootfs", path=root), *proc(), op("pivotRoot"), op("propagation", flags=MS_SHARED | MS_REC),
                            *finish("grep -c shared: /proc/self/mountinfo")]), "2\n")
        same(run(enter() + [op("propagation", flags=MS_SHARED | MS_REC), op("rootfs", path=root), op("mount", target="/tmp", source="t", fstype="tmpfs"), op("pivotRoot"), *finish("true")]), "")
        same(open("/proc/self/mountinfo").read(), held)
    finally:
        assert libc.umount2(root.encode(), 2) == 0
    same(open("/proc/self/mountinfo").read(), before)


@case
def mount_over_root():
    root = fresh("over")
    text = run(enter() + rooted(root) + [op("bind", target="/", source=root + "/bin"), op("pivotRoot"), *finish(["/busybox", "ls", "/"])])
    assert "busybox" in text and "proc" not in text.split(), text


@case
def copy_up():
    root = fresh("copyup")
    os.makedirs(root + "/data/sub/deeper")
    open(root + "/data/sub/file", "w").write("content" * 1000)
    os.chmod(root + "/data/sub/file", 0o4755)
    os.chown(root + "/data/sub", 12, 13)
    os.utime(root + "/data/sub", (1, 1234567))
    os.symlink("/etc/passwd", root + "/data/link")
    os.mkfifo(root + "/data/fifo")
    os.mknod(root + "/data/node", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.chmod(root + "/data", 0o1751)
    for number in range(100):
        open(root + "/data/sub/deeper/f%d" % number, "w").close()
    os.chmod(root + "/tmp", 0o1777)
    text = run(enter() + rooted(root) + [op("mount", target="/data", source="t", fstype="tmpfs", copyUp=1), op("mount", target="/tmp", source="t", fstype="tmpfs", copyUp=2, options=["mode=700"]),
               op("pivotRoot"), *finish("stat -c '%a %u:%g' /data /data/sub /data/sub/file; stat -c %Y /data/sub; readlink /data/link; stat -c '%F %t:%T' /data/fifo /data/node;"
                                         "ls /data/sub/deeper | wc -l; wc -c /data/sub/file; stat -c %a /tmp; touch /data/new")])
    same(text, "1751 0:0\n755 12:13\n4755 0:0\n1234567\n/etc/passwd\nfifo 0:0\ncharacter special file 1:3\n100\n7000 /data/sub/file\n1777\n")
    same(os.path.exists(root + "/data/new"), False)


@case
def many_mounts():
    """Thousands of mounts with few descriptors."""
    import resource

    root = fresh("many")
    steps = []
    for number in range(3000):
        steps += [op("mkdir", target="/m/%d" % number, mode=0o755), op("bind", target="/m/%d" % number, source=root + "/etc", attrSet=RDONLY)]
    text = run(enter() + rooted(root) + proc() + steps + [op("pivotRoot"), *finish("wc -l /proc/self/mountinfo")],
               hard=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    same(text, "3002 /proc/self/mountinfo\n")


# ---- the plan and the conversation ----


@case
def bad_plans():
    root = fresh("bad")
    end = finish("true")
    base = enter() + rooted(root) + [op("pivotRoot")]
    for steps, words in (
        ([op("mkdir", target="/x")] + end, "before fork"),
        (enter() + [op("mkdir", target="/x")] + end, "before rootfs"),
        (enter() + rooted(root) + [op("unshare", flags=0)] + end, "after fork"),
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

        def stop(kind, fd=None):
            if container.asked[-1] == asked:
                raise Stop
            answer(kind, fd)

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
        same(sum(name > "2" or len(name) > 1 for name in fds), 1)
        same(os.stat("/proc/%d/oom_score_adj" % container.pid).st_uid, 0)

    steps = typical_plan(root)
    run(steps, watch=watch)


def typical_plan(root):
    """About forty operations, as a container engine's bundle gives."""
    return [op("unshare", flags=ALL), op("attach"), op("unshare", flags=NEWCGROUP), op("fork"), op("keyring", name="_ses.x"), op("session"), op("loopback"), op("hostname", name="box"),
            *rooted(root), *proc(), op("mount", target="/dev", source="tmpfs", fstype="tmpfs", options=["mode=755", "size=65536k"], attrSet=NOSUID | STRICTATIME),
            op("mkdir", target="/dev/pts", mode=0o755), op("mount", target="/dev/pts", source="devpts", fstype="devpts", options=["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            op("mkdir", target="/dev/shm", mode=0o755), op("mount", target="/dev/shm", source="shm", fstype="tmpfs", options=["mode=1777", "size=64m"]),
            op("mkdir", target="/dev/mqueue", mode=0o755), op("mount", target="/dev/mqueue", source="mqueue", fstype="mqueue"),
            op("mount", target="/sys", source="sysfs", fstype="sysfs", ordinary=1, attrSet=RDONLY),
            *[op("mknod", target="/dev/" + name, mode=stat.S_IFCHR | 0o666, major=1, minor=minor) for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9))],
            op("symlink", target="/dev/ptmx", text="pts/ptmx"), op("symlink", target="/dev/fd", text="/proc/self/fd"), op("pivotRoot"),
            *[op("maskPath", target=path) for path in ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/scsi", "/sys/firmware")],
            *[op("readonlyPath", target="/proc/" + name) for name in ("bus", "fs", "irq", "sys", "sysrq-trigger")],
            op("chdir", target="/"), op("rlimit", resource=7, soft=1024, hard=1024), op("umask", mask=0o22), op("boundingSet", mask=0xa80425fb), op("user", setGroups=1),
            op("capabilities", effective=0xa80425fb, permitted=0xa80425fb), op("noNewPrivs"), *finish("true", fillHome=1)]


def main():
    failed = 0
    for name, function in CASES.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        try:
            function()
            print(json.dumps({"name": name, "ok": True}), flush=True)
        except Exception:
            failed += 1
            print(json.dumps({"name": name, "ok": False, "why": traceback.format_exc()}), flush=True)
    shutil.rmtree(WORK, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
