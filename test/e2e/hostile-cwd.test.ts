/**
 * The current folder, the bundle and the root file system belong to others. Files there that a JavaScript engine would
 * take for its own configuration must not be read: they would run code as root on the host.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { openHost } from "./support/host.ts";

const host = openHost();
const canary = join(host.dir, "canary");

/** Every file name by which Bun, Node or a resolver could be made to run or load something. */
function plant(folder: string): void {
  const evil = `require("node:fs").writeFileSync(${JSON.stringify(canary)}, "ran from ${folder}");`;
  const files: Record<string, string> = {
    "bunfig.toml": 'preload = ["./evil.js"]\n[run]\nbun = true\n[test]\npreload = ["./evil.js"]\n',
    "evil.js": evil,
    "index.js": evil,
    "index.ts": evil,
    ".env": `NODE_OPTIONS=--require=${folder}/evil.js\nBUN_OPTIONS=--preload=${folder}/evil.js\nTSRUN_ROOT=/nowhere\nLD_PRELOAD=${folder}/evil.so\n`,
    ".env.local": "BUN_OPTIONS=--preload=./evil.js\n",
    "package.json": JSON.stringify({ type: "commonjs", main: "./evil.js", imports: { "#x": "./evil.js" } }),
    "tsconfig.json": JSON.stringify({ compilerOptions: { paths: { "*": ["./evil.js"] } } }),
    "bun.lockb": "x",
    ".npmrc": "node-options=--require=./evil.js\n",
    "libtsrun.so": "not a library",
    "tsrun-init": `#!/bin/sh\ntouch ${canary}\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  const modules = join(folder, "node_modules");
  for (const name of ["koffi", "commander", "execa", "bun:ffi"]) {
    mkdirSync(join(modules, name), { recursive: true });
    writeFileSync(join(modules, name, "index.js"), evil);
    writeFileSync(join(modules, name, "package.json"), JSON.stringify({ name, main: "index.js" }));
  }
}

t.test("no file of the bundle, the root or the current folder is taken for configuration", async (t) => {
  const bundle = host.bundle((config) => probe(config, "hostname"));
  for (const folder of [bundle.dir, bundle.rootfs]) plant(folder);
  for (const cwd of [bundle.dir, bundle.rootfs]) {
    const id = host.id();
    await host.must(["--version"], { cwd, bare: true });
    await host.must(["features"], { cwd });
    await host.must(["list"], { cwd });
    await host.must(["create", "-b", bundle.dir, id], { cwd });
    await host.must(["state", id], { cwd });
    await host.must(["start", id], { cwd });
    await host.must(["delete", "--force", id], { cwd });
    const run = await host.must(["run", "-b", bundle.dir, host.id()], { cwd });
    t.match(run.stdout, '"hostname":"tsrun-test"');
    await host.must(["run", "--help"], { cwd });
    if ((await host.kind()) === "tsrun") {
      await host.call(["check", "-b", bundle.dir], { cwd });
      await host.call(["explain", "-b", bundle.dir], { cwd });
    }
    t.notOk(existsSync(canary), `nothing ran in ${cwd}`);
  }
});

t.test("the planted files would work, if they were read", async (t) => {
  const folder = join(host.dir, "proof");
  mkdirSync(folder);
  plant(folder);
  execFileSync(process.execPath, [join(folder, "evil.js")]);
  t.ok(existsSync(canary));
});

await host.end();
