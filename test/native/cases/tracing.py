"""The memory in which operations note their times."""

import fcntl
import os
import struct
import time

from host import FAILURES
from support import ALL, case, enter, finish, fresh, op, refused, rooted, run, same

ENTRY = 24
SHRINK, GROW = 2, 4


def memory(count, seals=SHRINK | GROW):
    fd = os.memfd_create("trace", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, count * ENTRY)
    fcntl.fcntl(fd, 1033, seals)
    return fd


def entries(fd, count):
    return [struct.unpack("=QQII", os.pread(fd, ENTRY, at * ENTRY)) for at in range(count)]


@case
def times_of_all_operations():
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    steps = [op("trace"), *enter(), *rooted(fresh("traced")), op("pivotRoot"), *finish("true")]
    fd = memory(len(steps))
    run(steps, trace=fd)
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    last = before
    noted = entries(fd, len(steps))
    for index, (begin, end, failed, _) in enumerate(noted[:-1]):
        assert last <= begin <= end <= after, (index, last, begin, end, after)
        same(failed, 0)
        last = end
    same(noted[-1][1:], (0, 0, 0))
    assert last <= noted[-1][0] <= after


@case
def an_operation_that_fails():
    steps = [op("trace"), *enter(), op("rootfs", path="/no/such/root"), *finish("true")]
    fd = memory(len(steps))
    failure = refused(steps, "SYSCALL", 2, "/no/such/root", trace=fd)
    noted = entries(fd, len(steps))
    begin, end, failed, value = noted[failure.index]
    assert 0 < begin <= end
    same((FAILURES[failed - 1], value), ("SYSCALL", 2))
    same(noted[failure.index + 1:], [(0, 0, 0, 0)] * (len(steps) - failure.index - 1))


@case
def memory_that_is_not_enough():
    steps = [op("trace"), *enter(), *finish("true")]
    for fd in (memory(len(steps) - 1), memory(0), memory(len(steps), 0), os.open("/dev/zero", os.O_RDWR)):
        refused(steps, "UNSAFE", 0, "too small, or may shrink", trace=fd)


@case
def one_trace_in_stage_one():
    end = finish("true")
    refused([op("trace"), op("trace"), *enter(), *end], "PLAN", 0, "twice")
    refused([*enter(), op("trace"), *end], "PLAN", 0, "after fork")


@case
def the_program_has_nothing_of_it():
    steps = [op("trace"), *enter(ALL), *rooted(fresh("untraced")), op("mkdir", target="/proc"),
             op("mount", target="/proc", source="proc", fstype="proc"), op("pivotRoot"),
             *finish("cat /proc/self/maps; ls -l /proc/self/fd")]
    text = run(steps, trace=memory(len(steps)))
    assert "tsrun-trace" not in text and "memfd:trace" not in text, text
