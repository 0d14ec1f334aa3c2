"""Labels of security modules: which file of procfs they are written to, and when. This kernel need have no module."""

import errno
import os
import sys
import traceback

from support import (
    ALL, Container, INIT, MS_PRIVATE, MS_REC, WORK, case, enter, finish, fresh, libc, op, plan, proc, refused, rooted, run, same,
)

APPARMOR, SELINUX, KEY = 0, 1, 2
ATTRIBUTES = {APPARMOR: "attr/apparmor/exec", SELINUX: "attr/exec", KEY: "attr/keycreate"}


def kernel_says(attribute, text):
    """What the kernel answers to whoever writes this: 0 or an errno. In a child, whose label it may change."""
    pid = os.fork()
    if pid == 0:
        try:
            fd = os.open("/proc/self/" + ATTRIBUTES[attribute], os.O_WRONLY)
            os.write(fd, text.encode())
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def label_or_refusal(steps, attribute, label, text):
    """Runs steps with a label among them; it must come to what the kernel says to anybody else."""
    wanted = kernel_says(attribute, text)
    if wanted == 0:
        run(steps)
        return
    failure = refused(steps, "SYSCALL", wanted, "/proc/self/" + ATTRIBUTES[attribute])
    same(failure.call, "openat2" if wanted == errno.ENOENT and attribute == APPARMOR else "write")


@case
def label_goes_to_the_kernel():
    root = fresh("label")
    for attribute, text in ((APPARMOR, "exec tsrun-nosuch"), (SELINUX, "tsrun-nosuch"), (KEY, "tsrun-nosuch")):
        label_or_refusal(enter() + rooted(root) + proc() + [op("pivotRoot"), op("label", attribute=attribute, label="tsrun-nosuch"),
                         *finish("true")], attribute, "tsrun-nosuch", text)


@case
def label_with_the_programs_ids():
    root = fresh("labelids")
    label_or_refusal(enter() + rooted(root) + [op("pivotRoot"), op("user", uid=1000, gid=1000, setGroups=1), op("capabilities"),
                     op("label", attribute=SELINUX, label="tsrun-nosuch"), *finish("true")], SELINUX, "tsrun-nosuch", "tsrun-nosuch")


@case
def label_under_a_fake_proc():
    """A caller whose /proc is a folder that looks like one: nothing may be written there."""
    root = fresh("fakeproc")
    wanted = kernel_says(SELINUX, "tsrun-nosuch")
    pid = os.fork()
    if pid == 0:
        try:
            libc.unshare(0x20000)
            libc.mount(b"", b"/", None, MS_PRIVATE | MS_REC, None)
            libc.mount(b"fake", b"/proc", b"tmpfs", 0, None)
            # As many pids as the next processes can have.
            top = os.open(WORK + "/none", os.O_RDWR | os.O_CREAT)
            os.close(top)
            for name in ["self", "thread-self"] + [str(os.getpid() + i) for i in range(50)]:
                os.makedirs("/proc/%s/attr" % name)
                open("/proc/%s/attr/exec" % name, "w").close()
            try:
                run(enter() + rooted(root) + [op("pivotRoot"), op("label", attribute=SELINUX, label="tsrun-nosuch"), *finish("true")])
                got = 0
            except Exception as error:
                got = getattr(error, "value", -1)
            touched = [name for name in os.listdir("/proc") if os.path.getsize("/proc/%s/attr/exec" % name)]
            if touched or got != wanted:
                print(touched, got, wanted, file=sys.stderr)
                os._exit(1)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(2)
    same(os.waitpid(pid, 0)[1], 0)


@case
def label_out_of_place():
    root = fresh("labelplace")
    ready = [op("program", args=["true"], env=["PATH=/bin"]), op("ready")]
    refused(enter() + rooted(root) + [op("pivotRoot"), *ready, op("label", attribute=SELINUX, label="x"), op("awaitStart"), op("exec")],
            "PLAN", 0, "an operation that needs the host comes after ready")
    refused(enter() + rooted(root) + [op("label", attribute=3, label="x"), *finish("true")], "PLAN", errno.EINVAL, "no such attribute")
    refused(enter() + rooted(root) + [op("label", attribute=SELINUX), *finish("true")], "PLAN", errno.EINVAL, "no label")
    refused(enter() + rooted(root) + [op("label", attribute=SELINUX, label="x" * 5000), *finish("true")],
            "SYSCALL", errno.ENAMETOOLONG, "/proc/self/attr/exec")


@case
def label_before_the_namespaces_are_entered():
    """As exec has it: in stage one, and nothing of the host's procfs comes along."""
    root = fresh("labelenter")
    first = Container(INIT, plan(*enter(), *rooted(root), *proc(), op("pivotRoot"), *finish("sleep 100")))
    try:
        first.serve()
        process = os.pidfd_open(first.pid)
        steps = [op("label", attribute=SELINUX, label="tsrun-nosuch"), op("enter", flags=ALL), op("fork"), op("session"),
                 op("program", args=["true"], env=["PATH=/bin"]), op("ready"), op("exec")]
        wanted = kernel_says(SELINUX, "tsrun-nosuch")
        if wanted:
            refused(steps, "SYSCALL", wanted, "/proc/self/attr/exec", listen=False, process=process)
        os.close(process)
    finally:
        first.close()


@case
def file_label():
    root = fresh("filelabel")

    def look(container):
        value = os.getxattr("/proc/%d/root/tmp" % container.pid, "security.selinux")
        same(value, b"a:b:c:s0\0")

    run(enter() + rooted(root) + [op("mount", target="/tmp", source="tmpfs", fstype="tmpfs"), op("fileLabel", target="/tmp", label="a:b:c:s0"),
        op("pivotRoot"), *finish("true")], watch=look)
    refused(enter() + rooted(root) + [op("fileLabel", target="/nosuch", label="x"), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENOENT, "/nosuch")
    os.symlink("/etc/passwd-of-the-host", root + "/tmp/link")
    refused(enter() + rooted(root) + [op("fileLabel", target="/tmp/link", label="x"), op("pivotRoot"), *finish("true")],
            "SYSCALL", errno.ENOENT, "/tmp/link")
