/** The library does the same under Node and under Bun, from the same files, with real containers. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { makeRootfs, PROBE, PROJECT } from "../../scripts/make-rootfs.ts";
import { VERSION } from "../../src/version.ts";

const LIBRARY = join(PROJECT, "dist/lib/src/index.js");
const BUN = join(PROJECT, "node_modules/.bin/bun");

function missing(): string | false {
  if (process.getuid?.() !== 0) return "needs root";
  for (const file of [LIBRARY, PROBE, BUN]) if (!existsSync(file)) return `${file} is missing`;
  return false;
}

const CONFIG = {
  ociVersion: "1.2.0",
  root: { path: "rootfs" },
  process: { user: { uid: 0, gid: 0 }, args: ["/bin/probe"], env: ["PATH=/bin"], cwd: "/" },
  mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
  linux: { namespaces: ["pid", "mount", "ipc", "uts"].map((type) => ({ type })) },
};

/** Only from Linux 6.15 on does the kernel tell others than the parent how a process ended. */
const KEEPS_STATUS = ((): boolean => {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 15);
})();

/** The events of a container that was started, and how it ended. */
function told(exit: object | undefined): readonly object[] {
  const last = { type: "exited", id: "ID", ...(exit === undefined ? {} : { exit }) };
  return [{ type: "started", id: "ID" }, last];
}

const EXPECTED = {
  version: VERSION,
  none: [],
  created: "created",
  twice: ["StateError", "exists", null],
  ended: { code: 7 },
  again: { code: 7 },
  stopped: "stopped",
  listed: [[true, "stopped"]],
  deleted: [],
  run: [{ exit: { signal: 9 }, failures: [] }, true],
  gone: ["StateError", "not-found", null],
  refused: ["StateError", "not-stopped", null],
  forced: [],
  ends: [{ signal: 9 }, KEEPS_STATUS ? { signal: 9 } : null],
  unknown: [[], ["StateError", "not-found", null]],
  signal: ["UsageError", "usage", null],
  exec: ["LaunchError", "exec", "/process/args/0"],
  executed: [{ code: 5 }, true],
  absent: ["LaunchError", "exec", null],
  paused: ["paused", ["StateError", "paused", null]],
  resumed: "running",
  limit: [102_400_000, true, ["BundleError", "type", "/memory/limit"]],
  processes: ["probe"],
  events: ["stats", "stats"],
  aborted: ["AbortError", "running"],
  told: [told({ code: 3 }), told(KEEPS_STATUS ? { code: 3 } : undefined)],
  abort: ["enough", []],
  never: ["enough"],
  stop: [{ signal: 9 }, "stopped", ["StateError", "not-running", null]],
  left: [],
  plan: "exec",
};

for (const [host, program] of [
  ["node", process.execPath],
  ["bun", BUN],
] as const) {
  t.test(`under ${host}`, { skip: missing() }, async (t) => {
    const bundle = mkdtempSync(join(tmpdir(), `tsrun-test-${process.pid}-`));
    t.teardown(() => rmSync(bundle, { recursive: true, force: true }));
    makeRootfs(join(bundle, "rootfs"));
    writeFileSync(join(bundle, "config.json"), JSON.stringify(CONFIG));
    const script = join(PROJECT, "build/test/contract/support/use-runtime.js");
    const run = await execa(program, [script, LIBRARY, bundle, `tsrun-test-${process.pid}-${host}`], {
      reject: false,
      cwd: "/",
    });
    t.equal(run.exitCode, 0, run.stderr);
    const [output, answers = "{}"] = run.stdout.split("\n");
    t.equal(output, "from the container", "its standard output is the container's");
    const { pure, ...said } = JSON.parse(answers) as Record<string, unknown>;
    t.strictSame(said, EXPECTED);
    t.match(pure, [Number, true, true]);
  });
}

t.test(
  "the types that a program is compiled against",
  { skip: !existsSync(LIBRARY) && `${LIBRARY} is missing` },
  async (t) => {
    const dir = t.testdir({
      "use.ts": [
        `import { type Exit, LaunchError, type Plan, Runtime, check, compilePlan, loadBundle } from ${JSON.stringify(LIBRARY)};`,
        'const runtime: Runtime = new Runtime({ root: "/r" });',
        'const exit: Exit | undefined = (await runtime.run({ id: "a", bundle: "b" })).exit;',
        'const plan: Plan = compilePlan(loadBundle("b"), { id: "a" });',
        'const pointers = check("b").warnings.map(({ pointer }) => pointer.length);',
        "export const all = [exit, plan.steps.length, pointers, LaunchError];",
      ].join("\n"),
    });
    const options = [
      "--noEmit",
      "--strict",
      "--target",
      "es2023",
      "--module",
      "nodenext",
      "--types",
      "node",
      "--typeRoots",
      join(PROJECT, "node_modules/@types"),
    ];
    const run = await execa(
      process.execPath,
      [join(PROJECT, "node_modules/typescript/bin/tsc"), ...options, join(dir, "use.ts")],
      { reject: false },
    );
    t.equal(run.stdout, "", "the compiler has nothing to say");
    t.equal(run.exitCode, 0);
  },
);
