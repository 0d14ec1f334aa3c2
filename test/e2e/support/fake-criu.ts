/** A criu that knows every kernel: it opens the files that criu opens, as criu opens them, and copies nothing else of it. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CallOptions, Host } from "./host.ts";

/** What it writes of a container, beside its log. */
export const IMAGES = ["inventory.img", "core-1.img", "pagemap-1.img", "pages-1.img"] as const;

/**
 * criu's RPC (https://criu.org/RPC), of which it reads the fields that name files. A dump writes them and ends the process, a restore
 * reads every image, says what it has read on standard error, and fails.
 */
const PROGRAM = `#!/usr/bin/env python3
import os, signal, socket, sys
def number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128: return value, at
def fields(data):
    at, found = 0, {}
    while at < len(data):
        key, at = number(data, at)
        value, at = number(data, at)
        if key & 7 == 2: value, at = data[at:at + value], at + value
        found[key >> 3] = value
    return found
def write(name, text, folder=None):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=folder)
    os.write(fd, text)
    os.close(fd)
rpc = socket.socket(fileno=3)
while True:
    asked = fields(rpc.recv(1 << 16))
    if not asked: break
    kind, options = asked[1], fields(asked.get(2, b""))
    if kind == 10:
        rpc.send(bytes([8, kind, 16, 1, 82, 4, 8, 3, 16, 17]))
        break
    if kind == 9:
        rpc.send(bytes([8, kind, 16, 1, 66, 2, 8, 1]))
        break
    caller = os.getppid()
    images = os.open("/proc/%d/fd/%d" % (caller, options[1]), os.O_RDONLY)
    os.chdir("/proc/%d/fd/%d" % (caller, options[17]))
    log = os.open(options[10], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if kind in (1, 4):
        if 14 in options:
            os.stat(options[14], dir_fd=images)
            os.symlink(options[14], b"parent", dir_fd=images)
            os.listdir(os.open("parent", os.O_RDONLY, dir_fd=images))
        for name in ${JSON.stringify(IMAGES)}: write(name, b"image", images)
        write("stats-dump", b"stats")
        os.write(log, b"(00.1) dumped\\n")
        if kind == 1 and not options.get(3): os.kill(options[2], signal.SIGKILL)
        rpc.send(bytes([8, kind, 16, 1]))
    else:
        write("stats-restore", b"stats")
        for name in sorted(os.listdir(images)):
            if not name.endswith(".img"): continue
            if os.environ.get("FAKE_CRIU_LINK"):
                os.unlink(os.environ["FAKE_CRIU_LINK"] + "/" + name)
                os.symlink(os.environ["FAKE_CRIU_SECRET"], os.environ["FAKE_CRIU_LINK"] + "/" + name)
            try: said = os.read(os.open(name, os.O_RDONLY, dir_fd=images), 100).decode()
            except OSError as error: said = error.strerror
            os.write(log, ("Error: %s: %s\\n" % (name, said)).encode())
        rpc.send(bytes([8, kind, 16, 0]))
    break
`;

/** Options of a call that finds this criu. */
export function fakeCriu(host: Host, env: Readonly<Record<string, string>> = {}): CallOptions {
  const folder = join(host.dir, "fake");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "criu"), PROGRAM);
  chmodSync(join(folder, "criu"), 0o755);
  return { env: { PATH: `${folder}:${process.env["PATH"]}`, TSRUN_TEST: host.tag, ...env } };
}
