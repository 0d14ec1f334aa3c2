/** `create` with process.terminal: images that lie about /dev, a read-only /dev, user namespaces. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { type Patch, probe } from "./support/config.ts";
import { type Console, listen, master } from "./support/console.ts";
import { messageOf, onlyTsrun, openHost, type TestBundle } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost();
let sockets = 0;

const asking: Patch = (config) => {
  config.process.terminal = true;
  probe(config, "do", "tty", ",", "stat", "/dev/console", ",", "sleep", "0.3");
};

/** Only /proc: /dev is the image's. */
const ownDev: Patch = (config) => {
  asking(config);
  config.mounts = config.mounts.filter(
    ({ destination }) => destination === "/proc" || destination === "/dev/pts",
  );
};

async function runs(t: Test, bundle: TestBundle): Promise<Console> {
  sockets += 1;
  const console = await listen(host, t, `c${sockets}`);
  const id = await host.running(bundle, ["--console-socket", console.socket]);
  await until(`the answers in ${console.text()}`, () => console.text().includes('"/dev/console"'));
  await host.delete(id);
  return console;
}

t.test("the master is as runc's: blocking, of both directions, by its name", async (t) => {
  sockets += 1;
  const console = await listen(host, t, `c${sockets}`);
  const id = await host.running(host.bundle(asking), ["--console-socket", console.socket]);
  const held = await master(console);
  t.equal(held.flags & 0o4003, 2);
  t.match(console.text(), '"received":"/dev/ptmx"');
  await host.delete(id);
});

const KINDS: readonly [what: string, patch: Patch][] = [
  [
    "a user namespace",
    (config) => {
      config.linux.namespaces.push({ type: "user" });
      config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    },
  ],
  [
    "another user",
    (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
    },
  ],
  [
    "a read-only root",
    (config) => {
      config.root.readonly = true;
    },
  ],
  [
    "a read-only /dev",
    (config) => {
      config.mounts.find(({ destination }) => destination === "/dev")?.options?.push("ro");
    },
  ],
  ["its image's own /dev", ownDev],
];

for (const [what, patch] of KINDS) {
  t.test(`a container with ${what}`, async (t) => {
    const console = await runs(
      t,
      host.bundle((config) => {
        asking(config);
        patch(config);
      }),
    );
    t.match(console.text(), '"terminals":[true,true,true]');
    t.match(console.text(), '"controlling":"ok"');
    t.match(console.text(), '"/dev/console":{"type":"char"');
  });
}

/** A file of the host that a link of an image points at. */
const outside = join(host.dir, "outside");

t.test("/dev/console of the image", async (t) => {
  const images: readonly [what: string, make: (path: string) => void, works: boolean][] = [
    ["a regular file", (path) => writeFileSync(path, "the image's"), true],
    ["a device", (path) => void execFileSync("mknod", [path, "c", "1", "5"]), true],
    ["a fifo", (path) => void execFileSync("mkfifo", [path]), true],
    ["a link out", (path) => symlinkSync(`../../../../../../../../..${outside}`, path), false],
    ["an absolute link", (path) => symlinkSync(outside, path), false],
    ["a link to nothing", (path) => symlinkSync("/tmp/made", path), false],
    ["a folder", (path) => mkdirSync(path), false],
  ];
  if (!(await onlyTsrun(host, t))) return;
  for (const [what, make, works] of images) {
    writeFileSync(outside, "untouched");
    const before = statSync(outside);
    const bundle = host.bundle(ownDev);
    mkdirSync(join(bundle.rootfs, "dev/pts"));
    make(join(bundle.rootfs, "dev/console"));
    if (works) {
      t.match((await runs(t, bundle)).text(), '"terminals":[true,true,true]', what);
    } else {
      sockets += 1;
      const console = await listen(host, t, `c${sockets}`);
      const id = host.id();
      const outcome = await host.call(["create", "-b", bundle.dir, "--console-socket", console.socket, id]);
      t.equal(outcome.code, 1, what);
      t.match(messageOf(outcome), /terminal.*symbolic link or a folder.*\/dev\/console/, what);
      t.equal((await host.call(["state", id])).code, 1, "nothing is left");
    }
    const after = statSync(outside);
    t.equal(readFileSync(outside, "utf8"), "untouched");
    t.same(
      [after.mode, after.uid, after.mtimeMs],
      [before.mode, before.uid, before.mtimeMs],
      "not even its attributes",
    );
    t.same(readdirSync(join(bundle.rootfs, "tmp")), []);
  }
});

t.test("/dev of the image is a link", async (t) => {
  // runc 1.1 makes its link ptmx where this one leads.
  if (!(await onlyTsrun(host, t))) return;
  for (const to of ["../../../../../../tmp", host.dir, "/tmp"]) {
    const bundle = host.bundle(ownDev);
    execFileSync("rm", ["-r", join(bundle.rootfs, "dev")]);
    symlinkSync(to, join(bundle.rootfs, "dev"));
    const before = readdirSync(host.dir);
    sockets += 1;
    const console = await listen(host, t, `c${sockets}`);
    const id = host.id();
    const outcome = await host.call(["create", "-b", bundle.dir, "--console-socket", console.socket, id]);
    t.comment(`${to}: ${outcome.code} ${messageOf(outcome)}`);
    await host.delete(id);
    t.same(
      readdirSync(host.dir).filter((name) => /console|ptmx|pts|null/.test(name)),
      [],
      "nothing was made outside",
    );
    t.ok(readdirSync(host.dir).length >= before.length);
  }
});

t.test("no devpts", async (t) => {
  const bundle = host.bundle((config) => {
    asking(config);
    config.mounts = config.mounts.filter(({ destination }) => destination !== "/dev/pts");
  });
  sockets += 1;
  const console = await listen(host, t, `c${sockets}`);
  const id = host.id();
  const outcome = await host.call(["create", "-b", bundle.dir, "--console-socket", console.socket, id]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /no such file or directory/);
  if (await onlyTsrun(host, t)) t.match(messageOf(outcome), '"type": "devpts"');
  t.equal((await host.call(["state", id])).code, 1, "nothing is left");
});

await host.end();
