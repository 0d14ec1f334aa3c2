"""Roots that were made to lead tsrun-init astray."""

import errno
import os
import stat

from support import (
    Container, Failure, INIT, NOEXEC, WORK, case, enter, finish, fresh, libc, op, plan, proc, refused,
    rooted, run, same,
)


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
def links_into_proc():
    """CVE-2019-16884: what the image's links lead into procfs is no place for a mount; what the plan names itself is."""
    root = fresh("intoproc")
    os.symlink("/proc", root + "/vol")
    os.symlink("../proc/sys", root + "/tmp/deep")
    os.makedirs(root + "/host/proc")
    words = "cannot be mounted because it is inside /proc"
    tmpfs = {"source": "t", "fstype": "tmpfs"}
    for step in (op("mount", target="/vol", **tmpfs), op("mount", target="/vol/sys", copyUp=1, **tmpfs),
                 op("mount", target="/vol/sys", source="t", fstype="tmpfs", options=["mode=755", "size=" + "0" * 300 + "4k"]),
                 op("mount", target="/tmp/deep/kernel", **tmpfs), op("bind", target="/vol/version", source=root + "/etc/passwd"),
                 op("remount", target="/vol", attrSet=NOEXEC)):
        refused(enter() + rooted(root) + proc() + [step, op("pivotRoot"), *finish("true")], "UNSAFE", errno.ELOOP, words)
    for source in (root + "/etc", "/proc/self", "/proc/sys"):
        refused(enter() + rooted(root) + [op("bind", target="/proc", source=source, recursive=1), op("pivotRoot"), *finish("true")],
                "UNSAFE", errno.EINVAL, "/proc: cannot be mounted because it is not of type proc")
    text = run(enter() + rooted(root) + [
        op("bind", target="/proc", source="/proc", recursive=1), *proc(), op("bind", target="/host/proc", source="/proc", recursive=1),
        op("mount", target="/host/proc/sys", **tmpfs), op("bind", target="/proc/uptime", source=root + "/etc/passwd"), op("pivotRoot"),
        *finish("echo $$; ls /host/proc/sys; head -c 4 /proc/uptime")])
    same(text, "1\nroot")


@case
def fake_null():
    """CVE-2025-31133: the image's /dev/null has no say in what masks a path."""
    root = fresh("fakenull")
    os.symlink("/proc/sys/kernel/core_pattern", root + "/dev/null")
    text = run(enter() + rooted(root) + proc() + [op("pivotRoot"), op("maskPath", target="/etc/passwd"), op("maskPath", target="/proc/version"),
               op("maskPath", target="/etc/passwd/x"), op("maskPath", target="/tmp"), op("maskPath", target="/root"),
               *finish("stat -c %t:%T /etc/passwd /proc/version; ls -l /etc/passwd | head -c 1; touch /tmp/x 2>&1; touch /root/x 2>&1; exit 0")])
    same(text, "1:3\n1:3\nctouch: /tmp/x: Read-only file system\ntouch: /root/x: Read-only file system\n")


@case
def race_of_folder_and_link():
    """CVE-2021-30465: a folder exchanged for a link while targets are made and mounted: nothing lands outside.

    It fails, as links_in_targets does, when the walk of native/init/path.c follows a component (tried: O_NOFOLLOW left out).
    """
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
