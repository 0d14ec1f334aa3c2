/** Terminals: where the container's other end comes from, where /dev/console is put, and whose terminal it controls. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { askingArgs } from "../support/answers.ts";
import type { Patch } from "../support/config.ts";
import { listen } from "../support/console.ts";
import { canRace, whileExchanged } from "../support/exchange.ts";
import { entered } from "../support/exec.ts";
import { onlyTsrun, openHost, type TestBundle } from "../support/host.ts";
import { bind } from "../support/mounts.ts";
import { textOf } from "../support/outside.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { outside, climbing, unharmed } = outsideOf(host);

let sockets = 0;

/** Creates a container with a terminal and starts it; what its program said there, or the error. */
async function spoken(t: Test, bundle: TestBundle): Promise<string> {
  sockets += 1;
  const console = await listen(host, t, `c${sockets}`);
  const id = host.id();
  const made = await host.call(["create", "-b", bundle.dir, "--console-socket", console.socket, id]);
  if (made.code === 0) {
    await host.must(["start", id]);
    await host.reaches(id, "stopped");
  }
  await host.delete(id);
  console.child.kill();
  return made.code === 0 ? console.text() : `refused ${made.stderr}`;
}

/** The image's own /dev, and a terminal. */
const ownDev: Patch = (config) => {
  config.process.terminal = true;
  config.process.args = askingArgs(["tty", ["write", "/dev/console", "written\n"]]);
  config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
};

t.test("CVE-2026-88264: /dev/console of the image is a link out", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const text of [
    `${outside}/new`,
    `${climbing}/new`,
    `${climbing}/canary`,
    "/proc/sys/kernel/core_pattern",
  ]) {
    const pattern = textOf("/proc/sys/kernel/core_pattern");
    const bundle = host.bundle((config) => {
      ownDev(config);
      config.mounts.push({
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["newinstance", "ptmxmode=0666"],
      });
    });
    symlinkSync(text, join(bundle.rootfs, "dev/console"));
    t.match(await spoken(t, bundle), /^refused .*\/dev\/console/s, text);
    t.equal(textOf("/proc/sys/kernel/core_pattern"), pattern);
    unharmed(t, text);
  }
});

t.test("CVE-2025-52565: /dev/ptmx and /dev/pts of the image lead elsewhere", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const pattern = textOf("/proc/sys/kernel/core_pattern");
  const shapes: [string, (dev: string) => void][] = [
    [
      "pts/0 is a link to core_pattern",
      (dev) => symlinkSync("/proc/sys/kernel/core_pattern", join(dev, "pts/0")),
    ],
    ["pts/0 is a link out", (dev) => symlinkSync(`${climbing}/canary`, join(dev, "pts/0"))],
    [
      "pts/ptmx is a device of null",
      (dev) => void execFileSync("mknod", [join(dev, "pts/ptmx"), "c", "1", "3"]),
    ],
    [
      "pts/ptmx is a multiplexer outside of devpts",
      (dev) => void execFileSync("mknod", [join(dev, "pts/ptmx"), "c", "5", "2"]),
    ],
    ["ptmx is a link out", (dev) => symlinkSync(`${climbing}/canary`, join(dev, "ptmx"))],
    ["pts/ptmx is a file", (dev) => writeFileSync(join(dev, "pts/ptmx"), "x")],
  ];
  for (const [what, make] of shapes) {
    const bundle = host.bundle(ownDev);
    mkdirSync(join(bundle.rootfs, "dev/pts"));
    make(join(bundle.rootfs, "dev"));
    const text = await spoken(t, bundle);
    t.match(text, /^refused /, what);
    t.equal(textOf("/proc/sys/kernel/core_pattern"), pattern, what);
    unharmed(t, what);
  }
});

t.test("CVE-2025-52565: /dev/console's folder is exchanged for a link to /proc meanwhile", async (t) => {
  if (!(await onlyTsrun(host, t)) || !canRace(t)) return;
  const volume = join(host.dir, "console-volume");
  mkdirSync(join(volume, "a/pts"), { recursive: true });
  symlinkSync("/proc/sys/kernel", join(volume, "b"));
  const pattern = textOf("/proc/sys/kernel/core_pattern");
  let made = 0;
  await whileExchanged(t, volume, async () => {
    const bundle = host.bundle((config) => {
      ownDev(config);
      config.mounts.push(bind("/vol", ["bind"], volume));
      config.mounts.push({
        destination: "/vol/a/pts",
        type: "devpts",
        source: "devpts",
        options: ["newinstance", "ptmxmode=0666"],
      });
    });
    rmSync(join(bundle.rootfs, "dev"), { recursive: true });
    symlinkSync("/vol/a", join(bundle.rootfs, "dev"));
    const text = await spoken(t, bundle);
    if (!text.startsWith("refused")) made++;
    rmSync(bundle.dir, { recursive: true });
  });
  t.comment(`${made} containers got a terminal`);
  t.equal(textOf("/proc/sys/kernel/core_pattern"), pattern);
});

/** Runs a call of the runtime on a terminal of its own, by script(1); what appeared there. */
function onTerminal(args: readonly string[]): string {
  const words = [host.runtime, "--root", host.stateRoot, ...args].map((word) => `'${word}'`).join(" ");
  return execFileSync("script", ["-qec", words, "/dev/null"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
    timeout: 20_000,
  });
}

t.test(
  "CVE-2017-5226, CVE-2016-10124: the caller's terminal is no program's controlling terminal",
  async (t) => {
    const asked = askingArgs(["tty"]);
    const bundle = host.bundle((config) => {
      config.process.args = asked;
    });
    t.match(onTerminal(["run", "-b", bundle.dir, host.id()]), /"controlling":"E/, "run");
    const id = await entered(host);
    t.match(onTerminal(["exec", id, ...asked]), /"controlling":"E/, "exec");
    const own = onTerminal(["exec", "-t", id, ...asked]);
    t.match(own, /"terminals":\[true,true,true\]/, "exec -t has a terminal of its own");
    t.match(own, /"controlling":"ok"/);
    t.match(own, /"name":"\/dev\/pts\/0"/, "of the container's devpts");
    await host.delete(id);
  },
);

await host.end();
