/** Two hundred containers at once, made, waited for and taken away by one program that uses the library. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { probe } from "./support/config.ts";
import { onlyTsrun, openHost, PROJECT } from "./support/host.ts";
import { cgroupsOf, processesOf } from "./support/outside.ts";

const host = openHost();
const LIBRARY = join(PROJECT, "dist/lib/src/index.js");
const BUN = join(PROJECT, "node_modules/.bin/bun");
const COUNT = 200;

interface Seen {
  readonly listed: number;
  readonly statuses: readonly string[];
  readonly ends: readonly string[];
  readonly left: number;
  readonly threads: number;
  readonly rounds: number;
  readonly busy: number;
}

for (const [name, program] of [
  ["node", process.execPath],
  ["bun", BUN],
] as const) {
  t.test(`under ${name}`, { skip: !existsSync(program) && `${program} is missing` }, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const bundle = host.bundle((config) => {
      probe(config, "sleep", "1000");
      config.root.readonly = true;
    });
    const script = join(PROJECT, "build/test/e2e/support/run-many.js");
    const args = [script, LIBRARY, bundle.dir, host.stateRoot, host.id(), String(COUNT)];
    const { stdout } = await execa(program, args, { cwd: "/" });
    const { listed, statuses, ends, left, threads, rounds, busy } = JSON.parse(stdout) as Seen;
    t.equal(listed, COUNT + 1, "all were there at once");
    t.same(statuses, ["created", "running"]);
    t.same(ends, ['"enough"'], "each was killed, and its promise rejected with the reason");
    t.equal(left, 0, "and deleted");
    t.ok(threads <= 0, `no thread more for them: ${threads}`);
    t.ok(rounds >= COUNT / 2, `the loop went round in between: ${rounds}`);
    t.ok(busy < 0.5, `waiting for them takes no processor time: ${busy}`);
    t.same(processesOf(host.tag), []);
    t.same(cgroupsOf(host.tag), []);
  });
}

await host.end();
