/** Files of the image that the runtime reads or makes: passwd, group, the folder to work in. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "../support/config.ts";
import { staying } from "../support/exec.ts";
import { onlyTsrun, openHost } from "../support/host.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { climbing, unharmed } = outsideOf(host);

t.test("CVE-2026-55686: a missing working folder behind a link", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.cwd = "/work/new";
  });
  symlinkSync(climbing, join(bundle.rootfs, "work"));
  await host.run(bundle);
  unharmed(t, "cwd");
});

t.test("CVE-2026-55686: exec --cwd to what is missing behind a link makes nothing", async (t) => {
  const bundle = host.bundle(staying());
  symlinkSync(climbing, join(bundle.rootfs, "work"));
  const id = await host.running(bundle);
  for (const cwd of ["/work/new", "/missing/folder", "/work"]) {
    const outcome = await host.call(["exec", "--cwd", cwd, id, "/bin/probe", "cwd"]);
    t.notMatch(outcome.stdout, `"${host.dir}`, cwd);
    unharmed(t, cwd);
  }
  await host.delete(id);
});

t.test("CVE-2026-47262: the image's passwd is read in bounds, without waiting", async (t) => {
  const make: Record<string, (path: string) => void> = {
    "a pipe": (path) => void execFileSync("mkfifo", [path]),
    "a link to a device": (path) => symlinkSync("/dev/zero", path),
    "many gigabytes of nothing": (path) => {
      closeSync(openSync(path, "w"));
      execFileSync("truncate", ["-s", "8G", path]);
    },
  };
  if (!(await onlyTsrun(host, t))) return;
  for (const [what, put] of Object.entries(make)) {
    const bundle = host.bundle((config) => probe(config, "env"));
    rmSync(join(bundle.rootfs, "etc/passwd"));
    put(join(bundle.rootfs, "etc/passwd"));
    const outcome = await host.run(bundle, [], { limit: 5000 });
    t.equal(outcome.code, 0, what);
    t.match(outcome.stdout, "HOME=/", what);
  }
});

t.test("CVE-2026-47262: exec and group files without an end", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle(staying());
  const id = await host.running(bundle);
  for (const name of ["etc/passwd", "etc/group"]) {
    const path = join(bundle.rootfs, name);
    const make: [string, () => void][] = [
      ["a pipe", () => void execFileSync("mkfifo", [path])],
      ["a link to a device", () => symlinkSync("/dev/zero", path)],
      ["one line without an end", () => writeFileSync(path, "x".repeat(3 << 20))],
      [
        "ids that overflow",
        () =>
          writeFileSync(
            path,
            "a:x:18446744073709551616:0::/over:/x\nb:x:4294967296:0::/over:/x\nc:x:-1:0::/over:/x\n",
          ),
      ],
      [
        "names with control characters",
        () => writeFileSync(path, "a\u001b[2J:x:0:0:\u0007:/\u001b[31mroot:/x\n"),
      ],
    ];
    for (const [what, put] of make) {
      rmSync(path, { force: true });
      put();
      const outcome = await host.call(["exec", id, "/bin/probe", "env"], { limit: 5000 });
      t.equal(outcome.code, 0, `${name}: ${what} ${outcome.stderr}`);
      t.match(outcome.stdout, "HOME=/", what);
      t.notMatch(outcome.stdout, "HOME=/over", what);
    }
    rmSync(path);
  }
  await host.delete(id);
});

await host.end();
