import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { PROJECT } from "../../../scripts/make-rootfs.ts";
import { bindNotify, makeNotifyFolder } from "../../../src/spawn/notify.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

t.test("the folder: everybody looks, only its owner writes, whatever the umask", async (t) => {
  const folder = join(t.testdir(), "notify");
  const before = process.umask(0o077);
  makeNotifyFolder(folder);
  process.umask(before);
  t.equal(statSync(folder).mode & 0o777, 0o755);
  t.throws(() => makeNotifyFolder(folder), { code: "EEXIST" });
});

t.test("the socket: everybody sends, whatever the umask and the length of the path", async (t) => {
  const deep = join(t.testdir(), "x".repeat(120));
  mkdirSync(deep);
  const path = join(deep, "notify.sock");
  writeFileSync(path, "left by a start that died");
  const before = process.umask(0o077);
  const socket = bindNotify(deep);
  process.umask(before);
  const { mode } = statSync(path);
  t.equal(mode & 0o777, 0o666);
  t.ok(statSync(path).isSocket());
  socket.close();
});

const PROBE = join(PROJECT, "build/native/probe");

t.test("a message arrives", { skip: !existsSync(PROBE) && "build/native/probe is not built" }, async (t) => {
  const folder = t.testdir();
  const socket = bindNotify(folder);
  const child = spawn(PROBE, ["notify-send", "READY=1", "STATUS=up"], {
    stdio: ["ignore", "ignore", "inherit", socket.fd],
    env: { NOTIFY_SOCKET: join(folder, "notify.sock") },
  });
  t.equal(await new Promise((resolve) => child.on("exit", resolve)), 0);
  const buffer = Buffer.alloc(100);
  t.equal(buffer.toString("utf8", 0, readSync(socket.fd, buffer)), "READY=1\nSTATUS=up");
  t.throws(() => readSync(socket.fd, buffer), { code: "EAGAIN" }, "reading does not block");
  socket.close();
});
