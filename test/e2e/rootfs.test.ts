/** root and linux.rootfsPropagation: what the container stands on, and what reaches the host. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import { probe } from "./support/config.ts";
import { answersOf, messageOf, openHost } from "./support/host.ts";

const host = openHost();

t.test("a writable root keeps what is written", async (t) => {
  const bundle = host.bundle((config) => probe(config, "write", "/kept", "text"));
  t.equal((await host.run(bundle)).code, 0);
  t.equal(readFileSync(join(bundle.rootfs, "kept"), "utf8"), "text");
});

t.test("a read-only root refuses writes, its mounts do not", async (t) => {
  const [root, etc, dev, shm, mounts] = await host.ask(
    [
      ["write", "/x", ""],
      ["write", "/etc/passwd", ""],
      ["write", "/dev/x", ""],
      ["write", "/dev/shm/x", ""],
      "mounts",
    ],
    (config) => {
      config.root.readonly = true;
    },
  );
  t.same(root, { call: "open", error: "EROFS" });
  t.same(etc, { call: "open", error: "EROFS" });
  t.same(dev, { result: "ok" });
  t.same(shm, { result: "ok" });
  t.match(mounts[0]?.options, /^ro,/);
});

t.test("a read-only root stays read-only for the file system that holds it", async (t) => {
  const bundle = host.bundle((config) => {
    config.root.readonly = true;
  });
  await host.run(bundle);
  mkdirSync(join(bundle.rootfs, "still-writable-outside"));
  t.ok(existsSync(join(bundle.rootfs, "still-writable-outside")));
});

t.test("an absolute root path", async (t) => {
  const real = host.bundle();
  const absolute = host.bundle((config) => {
    config.root.path = real.rootfs;
  });
  t.equal((await host.run(absolute)).code, 0);
});

t.test("a root that is not there, or is a file", async (t) => {
  const missing = host.bundle((config) => {
    config.root.path = "nope";
  });
  const outcome = await host.run(missing);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /nope.*no such file or directory/);
  const file = host.bundle((config) => {
    config.root.path = "config.json";
  });
  t.equal((await host.run(file)).code, 1);
});

t.test("the old root is out of reach", async (t) => {
  const [mounts, cwd] = await host.ask(["mounts", "cwd", ["stat", "/.."]]);
  t.equal(mounts.filter((line) => line.mountpoint === "/").length, 1);
  t.notOk(mounts.some((line) => line.mountpoint.includes(host.tag)));
  t.equal(cwd.cwd, "/");
});

t.test("--no-pivot: the same container, by moving the root", async (t) => {
  const [mounts, stat, read] = await host.ask(
    ["mounts", ["stat", "/etc/passwd"], ["read", "/etc/group"]],
    undefined,
    ["--no-pivot"],
  );
  t.equal(stat["/etc/passwd"]?.type, "file");
  t.match("text" in read ? read.text : "", /^root:/);
  t.notOk(mounts.some((line) => line.mountpoint.includes(host.tag)));
});

t.test("rootfsPropagation", async (t) => {
  const runc = (await host.kind()) === "runc";
  for (const [value, wanted] of [
    ["private", []],
    ["rprivate", []],
    [undefined, []],
    // runc 1.1.5 loses shared, and cannot start with unbindable.
    ["shared", runc ? [] : ["shared"]],
    ["rshared", runc ? [] : ["shared"]],
    ...(runc ? [] : [["unbindable", ["unbindable"]] as const]),
  ] as const) {
    const questions = ["mounts"] as const;
    const bundle = host.bundle((config) => {
      if (value !== undefined) config.linux.rootfsPropagation = value;
      config.process.args = askingArgs(questions);
    });
    const [mounts] = answersOf(questions, await host.run(bundle));
    t.same(mounts.find((line) => line.mountpoint === "/")?.propagation, wanted, String(value));
  }
});

t.test("a mount made in the container does not reach the host, whatever the propagation", async (t) => {
  const before = readFileSync("/proc/self/mountinfo", "utf8");
  for (const value of ["private", "rslave", "rprivate"]) {
    await host.ask(["mounts"], (config) => {
      config.linux.rootfsPropagation = value;
      config.mounts.push({ destination: "/x", type: "tmpfs", source: host.tag });
    });
  }
  t.equal(readFileSync("/proc/self/mountinfo", "utf8"), before);
});

await host.end();
