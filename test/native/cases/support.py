"""What the cases share: short names, the usual beginnings and ends of plans, how a plan is run or must be refused."""

import os
import stat
import sys
import tempfile

from host import Container, Failure, busybox_root, libc, op, plan  # noqa: F401

INIT = sys.argv[1]

NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, STRICTATIME = 1, 2, 4, 8, 0x10, 0x20
MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_REC = 1 << 18, 1 << 19, 1 << 20, 1 << 14
ALL = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET

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
            *[op("maskPath", target=path) for path in ("/proc/acpi", "/proc/version", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/scsi", "/sys/firmware")],
            *[op("readonlyPath", target="/proc/" + name) for name in ("bus", "fs", "irq", "sys", "sysrq-trigger")],
            op("chdir", target="/"), op("rlimit", resource=7, soft=1024, hard=1024), op("umask", mask=0o22), op("boundingSet", mask=0xa80425fb), op("user", setGroups=1),
            op("capabilities", effective=0xa80425fb, permitted=0xa80425fb), op("noNewPrivs"), *finish("true", fillHome=1)]
