"""Plays the host's side of tsrun-init's conversation, so that tsrun-init is tested by itself.

A plan is written by hand as a list of (name, fields...) and encoded by the tables of native/plan.h itself; nothing of
tsrun's TypeScript or of libtsrun is involved.
"""

import array
import ctypes
import fcntl
import os
import re
import select
import shutil
import socket
import struct
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
while not os.path.exists(os.path.join(ROOT, "native", "plan.h")):
    assert ROOT != "/", "native/plan.h is in no folder above this one"
    ROOT = os.path.dirname(ROOT)
PLAN_H = open(os.path.join(ROOT, "native", "plan.h")).read()

JOINED = re.sub(r"\\\n", " ", PLAN_H)

U64_FULL = (1 << 64) - 1
NO_SOURCE = 0xFFFFFFFF


def table(name):
    """The (number, name) rows of one X-macro of plan.h."""
    text = re.search(r"#define %s\(X\)(.*)" % name, JOINED).group(1)
    return {row[1]: int(row[0]) for row in re.findall(r"X\((\d+), (\w+)\)", text)}


OPS = table("PLAN_OPS")
MESSAGES = table("PLAN_MESSAGES")
FAILURES = {number: name for name, number in table("PLAN_FAILURES").items()}
FIELDS = {
    name: re.findall(r"F\((\w+), (\w+)\)", re.search(r"#define PLAN_%s\(F\)(.*)" % name, JOINED).group(1))
    for name in OPS
}


def encode_str(value):
    data = value.encode() if isinstance(value, str) else value
    size = (len(data) + 1 + 3) // 4 * 4
    return struct.pack("=I", len(data)) + data.ljust(size, b"\0")


def encode_field(kind, value):
    if kind == "U32":
        return struct.pack("=I", value & 0xFFFFFFFF)
    if kind == "U64":
        return struct.pack("=II", value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF)
    if kind == "STR":
        return encode_str(value)
    if kind == "BYTES":
        return struct.pack("=I", len(value)) + value.ljust((len(value) + 3) // 4 * 4, b"\0")
    return struct.pack("=I", len(value)) + b"".join(
        encode_field("STR" if kind == "STRS" else "U64", each) for each in value
    )


DEFAULT = {"U32": 0, "U64": 0, "STR": "", "STRS": (), "U64S": (), "BYTES": b""}


def op(name, /, **fields):
    """One operation; fields that are left out are 0 or empty."""
    kinds = dict((field, kind) for kind, field in FIELDS[name])
    unknown = set(fields) - set(kinds)
    assert not unknown, "%s has no %s" % (name, unknown)
    if name == "bind":
        fields.setdefault("sourceIndex", NO_SOURCE)
    body = b"".join(encode_field(kind, fields.get(field, DEFAULT[kind])) for kind, field in FIELDS[name])
    return struct.pack("=II", OPS[name], len(body)) + body


def plan(*steps):
    body = b"".join(steps)
    return struct.pack("=IIII", 0x4E505354, 1, 16 + len(body), len(steps)) + body


libc = ctypes.CDLL(None, use_errno=True)


def sealed(data):
    fd = os.memfd_create("plan", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, 1033, 0xF)
    return fd


class Failure(Exception):
    def __init__(self, index, detail, value, call, subject):
        super().__init__("op %d: %s %d: %s: %s" % (index, detail, value, call, subject))
        self.index, self.detail, self.value, self.call, self.subject = index, detail, value, call, subject


class Container:
    """One run of tsrun-init. `answers` overrides what the host does when asked; see `on_*`."""

    def __init__(self, init, data, listen=True, maps=None, sources=(), hooks=None, cgroup=None, stdin=None,
                 stdout=None, env=None, seal=True, hard=None, extra=None, process=None, console=None,
                 trace=None):
        self.init, self.maps, self.sources, self.hooks, self.cgroup = init, maps, list(sources), hooks, cgroup
        self.process, self.console, self.trace = process, console, trace
        self.pid = None
        self.asked = []
        self.socket_path = None
        self.listener = None
        self.started = time.monotonic()
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        plan_fd = sealed(data) if seal else os.memfd_create("plan")
        if listen:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.socket_path = "/tmp/tsrun-test-%d-%d.sock" % (os.getpid(), id(self))
            self.listener.bind(self.socket_path)
            self.listener.listen(8)
        # One place for both: what waits for start enters nothing, and what enters is not waited for.
        other = self.listener.fileno() if listen else process if process is not None else -1
        self.out_read, out_write = os.pipe()
        self.stage_one = os.fork()
        if self.stage_one == 0:
            try:
                os.dup2(stdin if stdin is not None else os.open("/dev/null", os.O_RDONLY), 0)
                os.dup2(out_write if stdout is None else stdout, 1)
                os.dup2(out_write, 2)
                args = [init, str(plan_fd), str(there.fileno()), str(other)]
                for fd in (plan_fd, there.fileno()) + ((other,) if other >= 0 else ()):
                    os.set_inheritable(fd, True)
                if hard:
                    hard()
                os.execve(init, args, env if env is not None else {"HOST": "yes", **(extra or {})})
            finally:
                os._exit(99)
        os.close(out_write)
        os.close(plan_fd)
        there.close()
        if self.listener:
            self.listener.close()
        self.host = here

    def receive(self, sock, wait=10):
        ready, _, _ = select.select([sock], [], [], wait)
        if not ready:
            raise TimeoutError("tsrun-init says nothing")
        try:
            data, fds, _, _ = socket.recv_fds(sock, 4096, 1)
        except ConnectionResetError:
            data = b""
        if not data:
            return None
        self.passed = fds
        kind, index, value, detail = struct.unpack("=IIII", data[:16])
        if kind == MESSAGES["SAYS_ERROR"]:
            call, subject = data[16:].split(b"\0")[:2]
            raise Failure(index, FAILURES[detail], value, call.decode(), subject.decode(errors="replace"))
        return kind, index, value

    def answer(self, kind, *fds, value=0):
        message = struct.pack("=IIII", kind, 0, value, 0)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.host.sendmsg([message], rights)

    def serve(self):
        """Until ready. Raises Failure, or EOFError."""
        while True:
            message = self.receive(self.host)
            if message is None:
                raise EOFError("tsrun-init has gone")
            kind, _, value = message
            name = [key for key, number in MESSAGES.items() if number == kind][0]
            self.asked.append(name)
            if name == "ASKS_MAPS":
                self.write_maps()
            elif name == "ASKS_CGROUP" and self.cgroup:
                self.answer(kind, *self.cgroup["fds"], value=self.cgroup["unified"])
                continue
            elif name == "ASKS_RECORD":
                self.pid = value
                os.waitpid(self.stage_one, 0)
            elif name == "ASKS_HOOKS" and self.hooks:
                self.hooks(self.pid)
            elif name == "ASKS_SOURCE":
                self.answer(kind, self.sources[value])
                continue
            elif name == "ASKS_TRACE":
                self.answer(kind, self.trace)
                continue
            elif name == "ASKS_CONSOLE":
                assert len(self.passed) == 1, self.passed
                self.console = self.passed[0]
            elif name == "SAYS_EXEC":
                return
            self.answer(kind)
            if name == "ASKS_READY":
                self.ready = time.monotonic()
                return

    def write_maps(self):
        uid, gid, setgroups = self.maps
        base = "/proc/%d/" % self.stage_one
        if not setgroups:
            open(base + "setgroups", "w").write("deny")
        open(base + "uid_map", "w").write(uid)
        open(base + "gid_map", "w").write(gid)

    def start(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(self.socket_path)
        sock.send(struct.pack("=IIII", MESSAGES["START"], 0, 0, 0))
        seen = []
        while True:
            message = self.receive(sock)
            if message is None:
                break
            seen.append(message[0])
        sock.close()
        assert seen == [MESSAGES["SAYS_EXEC"]], seen

    def executed(self):
        """After ready, where no start is waited for."""
        message = self.receive(self.host)
        assert message and message[0] == MESSAGES["SAYS_EXEC"], message
        assert self.receive(self.host) is None

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def output(self):
        chunks = []
        while True:
            chunk = os.read(self.out_read, 65536)
            if not chunk:
                break
            chunks.append(chunk)
        return b"".join(chunks).decode(errors="replace")

    def close(self):
        self.host.close()
        for pid in (self.pid, self.stage_one):
            try:
                if pid:
                    if pid != self.stage_one:
                        os.kill(pid, 9)
                    os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        os.close(self.out_read)
        if self.socket_path and os.path.exists(self.socket_path):
            os.unlink(self.socket_path)


def busybox_root(at):
    """A root file system of one busybox at `at`."""
    os.makedirs(at + "/bin", exist_ok=True)
    shutil.copy("/bin/busybox", at + "/bin/busybox")
    for name in ("sh", "cat", "ls", "mount", "id", "true", "echo", "stat", "grep", "readlink", "touch", "head", "umask",
                 "hostname", "ps", "env", "pwd", "sleep", "kill", "test", "sed", "wc", "date", "uptime", "ulimit"):
        if not os.path.lexists(at + "/bin/" + name):
            os.symlink("busybox", at + "/bin/" + name)
    for name in ("etc", "proc", "sys", "dev", "tmp", "root", "old"):
        os.makedirs(at + "/" + name, exist_ok=True)
    with open(at + "/etc/passwd", "w") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:u:/home/user:/bin/sh\nlast:x:7:7::/last:/x")
    return at
