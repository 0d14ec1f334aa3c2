/** The example bundles do what their README.md says. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { exampleBundles, makeRootfs } from "../../scripts/make-rootfs.ts";
import { openHost, PROJECT } from "./support/host.ts";
import { textOf } from "./support/outside.ts";

const host = openHost({ busybox: true });
for (const bundle of exampleBundles()) makeRootfs(join(bundle, "rootfs"));

/** The lines below `$ tsrun run ...` in the bundle's README.md, up to the next command. */
function promised(name: string): string[] {
  const text = readFileSync(join(PROJECT, "bundles", name, "README.md"), "utf8");
  const lines = text
    .split("\n")
    .filter((line) => line.startsWith("    "))
    .map((line) => line.slice(4));
  const start = lines.findIndex((line) => line.startsWith("$ tsrun run"));
  const end = lines.findIndex((line, index) => index > start && line.startsWith("$ "));
  return lines.slice(start + 1, end < 0 ? undefined : end);
}

async function output(name: string): Promise<{ readonly lines: string[]; readonly code: number | null }> {
  const { stdout, code } = await host.call(["run", "-b", join(PROJECT, "bundles", name), host.id()]);
  return { lines: stdout.trimEnd().split("\n"), code };
}

for (const [name, code] of [
  ["hello", 0],
  ["mounts", 1],
  ["readonly", 1],
  ["userns", 1],
  ["seccomp", 1],
  ["hooks", 0],
] as const) {
  t.test(name, async (t) => {
    rmSync(join(PROJECT, "bundles/hooks/rootfs/hooks.log"), { force: true });
    const seen = await output(name);
    t.same(seen.lines, promised(name));
    t.equal(seen.code, code);
  });
}

t.test("hooks leave their lines", async (t) => {
  const log = join(PROJECT, "bundles/hooks/rootfs/hooks.log");
  const stages = (textOf(log) ?? "").trim().split("\n");
  rmSync(log, { force: true });
  t.same(stages.map((line) => line.split(":")[0]).sort(), [
    "createContainer",
    "createRuntime",
    "poststart",
    "poststop",
    "prestart",
  ]);
  if ((await host.kind()) === "tsrun") {
    t.same(stages, [
      "prestart: creating",
      "createRuntime: creating",
      "createContainer: creating",
      "poststart: running",
      "poststop: stopped",
    ]);
  }
});

t.test("limits", async (t) => {
  const seen = await output("limits");
  t.equal(seen.lines[0], promised("limits")[0]);
  const spin = JSON.parse(seen.lines[1] ?? "") as { cpu: number; wall: number };
  t.ok(spin.wall > spin.cpu * 2, `${spin.cpu} ms of processor time took ${spin.wall} ms`);
  t.match(seen.lines[2], '{"touched":0}');
  t.notOk(seen.lines.some((line) => line.includes("eaten")));
  t.equal(seen.code, 137);
});

await host.end();
