"""Hooks that run from tsrun-init."""

import errno
import os
import time

from support import (
    WORK, case, enter, finish, fresh, op, proc, refused, rooted, run, same,
)


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
