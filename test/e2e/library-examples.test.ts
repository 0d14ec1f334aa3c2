/** The programs in examples/ do what they say, under Node as compiled and under Bun as they stand. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { onlyTsrun, openHost, PROJECT } from "./support/host.ts";

const host = openHost();
const BUN = join(PROJECT, "node_modules/.bin/bun");

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The state of their containers is below /run: one of their own, not the host's. */
const OWN_RUN = 'mount -t tmpfs none /run && exec "$0" "$@"';

/** Runs an example; `until` is what it has to print before it is told to end. */
function run(engine: readonly string[], args: readonly string[], until?: RegExp): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("unshare", ["-m", "sh", "-c", OWN_RUN, ...engine, ...args], {
      cwd: host.dir,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let told = false;
    child.stdout.on("data", (data) => {
      stdout += data;
      // Once: a second signal would meet an engine that is about to end, and has no handlers any more.
      if (!told && until?.test(stdout)) told = child.kill("SIGTERM");
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

for (const [name, engine] of [
  ["node", (example: string) => [process.execPath, join(PROJECT, `build/examples/${example}.js`)]],
  ["bun", (example: string) => [BUN, join(PROJECT, `examples/${example}.ts`)]],
] as const) {
  const skip = name === "bun" && !existsSync(BUN) && `${BUN} is missing`;

  t.test(`job-runner under ${name}`, { skip }, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const job = engine("job-runner");
    const exits = host.bundle((config) => probe(config, "exit", "3"));
    t.match(await run(job, [exits.dir]), { code: 3, stdout: "the job exited with 3\n" });
    const sleeps = host.bundle((config) => probe(config, "sleep", "1000"));
    t.match(await run(job, [sleeps.dir, "0.2"]), { code: 124, stderr: "the job took longer than 0.2 s\n" });
    const eats = host.bundle((config) => probe(config, "eat", String(64 << 20)));
    t.match(await run(job, [eats.dir, "60", "24"]), {
      code: 1,
      stdout: /\nthe job was killed by signal 9, 1 of its processes for want of memory\n$/,
    });
    const missing = await run(job, ["/no/such/bundle"]);
    t.match(missing, { code: 1, stderr: /config.json not found in \/no\/such\/bundle.*; hint: / });
  });

  t.test(`memory-sweep under ${name}`, { skip }, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const bundle = host.bundle((config) => probe(config, "eat", String(20 << 20)));
    const file = join(host.dir, `${name}.svg`);
    const { code, stdout, stderr } = await run(engine("memory-sweep"), [bundle.dir, file, "64"]);
    t.equal(code, 0, stderr);
    const rows = stdout
      .split("\n")
      .flatMap((line) => /^ +([0-9]+) +[0-9.]+ {2}(.*)$/.exec(line)?.slice(1) ?? []);
    t.same(rows, ["65536", "works", "32768", "works", "16384", "out of memory"]);
    const svg = readFileSync(file, "utf8");
    t.equal(svg.match(/<rect /g)?.length, 3, "a bar each");
    t.match(svg, />65536<\/text>/);
  });

  t.test(`supervisor under ${name}`, { skip }, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const dies = host.bundle((config) => probe(config, "exit", "1"));
    const lives = host.bundle((config) => probe(config, "sleep", "1000"));
    const { code, stdout } = await run(
      engine("supervisor"),
      [dies.dir, lives.dir],
      /(ended with [^\n]*\n[\s\S]*){2}/,
    );
    t.equal(code, 0);
    t.match(stdout, /^b[0-9]+-[0-9]+: ended with {"code":1}\n/);
    t.equal(stdout.match(/: stopped\n/g)?.length, 2);
  });
}

await host.end();
