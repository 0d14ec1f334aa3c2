"""Filters of system calls, as programs that were written by hand."""

import errno
import os
import struct

from support import Container, INIT, case, enter, finish, fresh, op, plan, proc, refused, rooted, run, same

NOW, EXEC = 0, 1
LOG, SPEC_ALLOW, NEW_LISTENER = 2, 4, 8
ALLOW, KILL_PROCESS, USER_NOTIF = 0x7FFF0000, 0x80000000, 0x7FC00000
MKDIR, SENDMSG, EXECVE, EXIT_GROUP, WRITE = ("mkdir", "sendmsg", "execve", "exit_group", "write")
NUMBERS = {
    "x86_64": {"mkdir": 83, "sendmsg": 46, "execve": 59, "exit_group": 231, "write": 1},
    "aarch64": {"mkdir": 34, "sendmsg": 211, "execve": 221, "exit_group": 94, "write": 64},
}[os.uname().machine]


def program(*rules, default=ALLOW):
    """`rules`: a call's name and what it gets."""
    steps = [(0x20, 0, 0, 0)]
    for name, answer in rules:
        steps += [(0x15, 0, 1, NUMBERS[name]), (0x06, 0, 0, answer)]
    steps.append((0x06, 0, 0, default))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def refusing(*names, with_errno=errno.EPERM):
    return program(*[(name, 0x50000 | with_errno) for name in names])


def inside(root, *steps, caps=0):
    return enter() + rooted(root) + proc() + [op("pivotRoot"), op("user", setGroups=1), *steps]


def filtered(root, script, filter_op, nnp=True, reserve=1 << 21, caps=0):
    """The program under a filter, with or without no_new_privs."""
    end = finish(script)
    before = [op("noNewPrivs")] if nnp else []
    sets = op("capabilities", effective=caps, permitted=caps, reserve=0 if nnp else reserve)
    return inside(root, *before, sets, *end[:2], filter_op, *end[2:])


@case
def filter_at_exec_and_now():
    root = fresh("seccomp")
    for when in (NOW, EXEC):
        for nnp in (True, False):
            made = op("seccomp", when=when, flags=SPEC_ALLOW, program=refusing(MKDIR))
            text = run(filtered(root, "grep Seccomp: /proc/self/status", made, nnp))
            assert "Seccomp:\t2" in text, (when, nnp, text)


@case
def filter_needs_a_reason():
    """Without no_new_privs and without CAP_SYS_ADMIN in reserve the kernel refuses; the reserve is gone afterwards."""
    root = fresh("seccomp-reserve")
    made = op("seccomp", when=NOW, program=refusing(MKDIR))
    refused(filtered(root, "true", made, nnp=False, reserve=0), "SYSCALL", errno.EACCES, "seccomp: the filter")

    def watch(container):
        status = open("/proc/%d/status" % container.pid).read()
        assert "CapPrm:\t0000000000000000" in status and "Seccomp:\t2" in status, status

    run(filtered(root, "true", made, nnp=False), watch=watch)

    def waits(container):
        status = open("/proc/%d/status" % container.pid).read()
        assert "CapPrm:\t0000000000200000" in status and "CapEff:\t0000000000000000" in status, status
        assert "Seccomp:\t0" in status, status

    run(filtered(root, "true", op("seccomp", when=EXEC, program=refusing(MKDIR)), nnp=False), watch=waits)


@case
def filter_rules_over_little():
    """At exec nothing but execve comes after it: calls that tsrun-init made before may be forbidden."""
    root = fresh("seccomp-little")
    made = op("seccomp", when=EXEC, program=refusing(SENDMSG))
    same(run(filtered(root, "echo ran", made)), "ran\n")
    end = finish("true")
    for forbidden, call in ((("execve",), "execve"), (("execve", "sendmsg"), "execve")):
        steps = inside(root, op("noNewPrivs"), *end[:2], op("seccomp", when=EXEC, program=refusing(*forbidden)), end[2], end[4])
        container = Container(INIT, plan(*steps), listen=False)
        try:
            for _ in ("ready", "about to execute", "why not"):
                container.serve()
        except Exception as failure:  # noqa: B902
            assert getattr(failure, "call", "") == call, failure
        else:
            raise AssertionError("execve was not refused")
        finally:
            container.close()


@case
def filter_that_lets_nobody_out():
    """exit_group is forbidden too: tsrun-init ends all the same."""
    if "sanitized" in INIT:
        return
    root = fresh("seccomp-stuck")
    end = finish("true")
    made = op("seccomp", when=EXEC, program=refusing("execve", "sendmsg", "write", "exit_group"))
    container = Container(INIT, plan(*inside(root, op("noNewPrivs"), *end[:2], made, end[2], end[4])), listen=False)
    container.serve()
    try:
        container.serve()
    except EOFError:
        pass
    assert container.wait() < 0
    container.pid = None
    container.close()


@case
def bad_filters():
    root = fresh("seccomp-bad")
    good = program()
    for fields, words in (
        (dict(when=EXEC, program=b""), "no program"),
        (dict(when=EXEC, program=good[:-1]), "no program"),
        (dict(when=EXEC, program=good[-8:] * 4097), "no program"),
        (dict(when=2, program=good), "when"),
        (dict(when=NOW, flags=1, program=good), "flags"),
        (dict(when=EXEC, flags=NEW_LISTENER, program=good), "flags"),
    ):
        refused(filtered(root, "true", op("seccomp", **fields)), "PLAN", errno.EINVAL, words)
    twice = finish("true")
    one = op("seccomp", when=EXEC, program=good)
    refused(inside(root, *twice[:2], one, one, *twice[2:]), "PLAN", 0, "twice")
    refused(filtered(root, "true", op("seccomp", when=NOW, program=b"\xff" * 8)), "SYSCALL", errno.EINVAL, "the filter")


@case
def listener():
    root = fresh("seccomp-listener")
    made = op("seccomp", when=NOW, flags=NEW_LISTENER, program=program((MKDIR, USER_NOTIF)))
    container = Container(INIT, plan(*filtered(root, "true", made)))
    try:
        container.serve()
        same(container.asked[-2:], ["ASKS_LISTENER", "ASKS_READY"])
        left = [os.readlink("/proc/%d/fd/%s" % (container.pid, fd)) for fd in os.listdir("/proc/%d/fd" % container.pid)]
        assert not any("seccomp" in name for name in left), left
        container.start()
        same(container.wait(), 0)
    finally:
        container.close()
