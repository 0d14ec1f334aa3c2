"""Filesystems, binds, and the root."""

import errno
import os
import re
import stat

from support import (
    ALL, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE, NEWCGROUP, NOATIME, NODEV, NOEXEC, NOSUID, RDONLY,
    STRICTATIME, WORK, case, enter, finish, fresh, libc, op, proc, refused, rooted, run, same,
)


@case
def typical():
    forwarding = open("/proc/sys/net/ipv4/ip_forward").read()
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
                op("maskPath", target="/proc/version"), op("maskPath", target="/proc/timer_list"), op("maskPath", target="/sys/firmware"),
                op("maskPath", target="/sys/block"), op("maskPath", target="/nowhere/at/all"),
                op("readonlyPath", target="/proc/sys"), op("readonlyPath", target="/nowhere"), op("rootReadonly"),
                op("chdir", target="/root"),
                *finish("hostname; cat /proc/sys/kernel/domainname /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced;"
                        "pwd; stat -c '%n %a %t:%T %u:%g' /dev/null /dev/zero; readlink /dev/ptmx; cat /proc/version; cat /proc/timer_list; ls /sys/firmware /sys/block;"
                        "touch /x 2>&1; echo 0 2>&1 >/proc/sys/net/ipv4/ip_forward; cat /sys/class/net/lo/flags; echo $$; ls /proc/self/fd;"
                        "grep ' / /' /proc/self/mountinfo | head -1 | grep -c master; exit 0", fillHome=1)])
    same(text.replace("3\n0\n", "\n0\n"),
         "box\ndom2\n77\n1\n1\n/root\n/dev/null 666 1:3 0:0\n/dev/zero 640 1:5 4:6\npts/ptmx\n"
         "/sys/block:\n\n/sys/firmware:\ntouch: /x: Read-only file system\n"
         "sh: can't create /proc/sys/net/ipv4/ip_forward: Read-only file system\n0x9\n1\n0\n1\n2\n\n0\n")
    same(os.path.exists(root + "/x"), False)
    same(open("/proc/sys/net/ipv4/ip_forward").read(), forwarding)


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
            "SYSCALL", errno.EINVAL, "move_mount: /etc/passwd")
    refused(enter() + rooted(root) + [op("bind", target="/tmp", source="/no/such"), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENOENT, "open_tree: /no/such")
    refused(enter() + [op("rootfs", path="/"), op("pivotRoot"), *finish("true")], "UNSAFE", errno.EINVAL, "must not be the host's")





@case
def move_root():
    root = fresh("move")
    text = run(enter() + rooted(root) + proc() + [op("moveRoot"), op("sysctl", name="net/ipv4/ip_forward", value="1"), op("maskPath", target="/proc/version"),
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
    open(root + "/etc/kept", "w").write("kept\n")
    text = run(enter() + rooted(root) + [op("mount", target="/data", source="t", fstype="tmpfs", copyUp=1), op("mount", target="/tmp", source="t", fstype="tmpfs", copyUp=2, options=["mode=700"]),
               op("mount", target="/etc", source="t", fstype="tmpfs", copyUp=3, options=["mode=705"]), op("pivotRoot"), *finish("stat -c '%a %u:%g' /data /data/sub /data/sub/file; stat -c %Y /data/sub; readlink /data/link; stat -c '%F %t:%T' /data/fifo /data/node;"
                                         "ls /data/sub/deeper | wc -l; wc -c /data/sub/file; stat -c %a /tmp /etc; cat /etc/kept; touch /data/new")])
    same(text, "1751 0:0\n755 12:13\n4755 0:0\n1234567\n/etc/passwd\nfifo 0:0\ncharacter special file 1:3\n100\n7000 /data/sub/file\n1777\n705\nkept\n")
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
