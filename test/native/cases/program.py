"""The program: found, limited, started."""

import errno
import os
import signal
import socket

from support import (
    Container, Failure, INIT, WORK, case, enter, finish, fresh, op, plan, proc, refused, rooted,
    run, same,
)


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
    refused(base + [op("chdir", target="/proc/self/fd/0")] + finish("true"), "SYSCALL", errno.ELOOP, "/proc/self/fd/0")
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
    text = run(
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
