/**
 * Uses the built library as a program of its own would: `use-runtime LIBRARY BUNDLE ID`. Prints what it got as JSON. The
 * bundle's program sleeps; its root file system has the probe.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

type Library = typeof import("../../../src/index.ts");

const [library = "", bundle = "", id = ""] = process.argv.slice(2);
const tsrun = (await import(pathToFileURL(library).href)) as Library;
const runtime = new tsrun.Runtime({ root: join(bundle, "state") });
const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as {
  process: { args: string[] };
};

/** Gives the container another program. */
function program(...args: readonly string[]): void {
  config.process.args = ["/bin/probe", ...args];
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
}

/** What a promise is refused with. */
async function refusal(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { resolved: await promise };
  } catch (error) {
    const known = error instanceof tsrun.TsrunError;
    return known ? [error.name, error.code, error.pointer ?? null] : String(error);
  }
}

/** Whether the event loop goes round while something is awaited; at the sixth round `end` makes it end. */
async function alongside<T>(promise: Promise<T>, end: () => void): Promise<readonly [T, boolean]> {
  let rounds = 0;
  const timer = setInterval(() => {
    if (++rounds === 6) end();
  }, 5);
  const value = await promise;
  clearInterval(timer);
  return [value, rounds > 5];
}

const said: Record<string, unknown> = { version: tsrun.VERSION, none: await runtime.list() };

program("do", "echo", "from the container", ",", "exit", "7");
said["created"] = (await runtime.create({ id, bundle })).status;
said["twice"] = await refusal(runtime.create({ id, bundle }));
await runtime.start(id);
said["ended"] = await runtime.wait(id);
said["again"] = await runtime.wait(id);
said["stopped"] = (await runtime.state(id)).status;
said["listed"] = (await runtime.list()).map((row) => [row.id === id, row.status]);
said["deleted"] = await runtime.delete(id);

program("sleep", "100");
said["run"] = await alongside(runtime.run({ id, bundle }), () => void runtime.kill(id, "kill"));
said["gone"] = await refusal(runtime.state(id));

await runtime.create({ id, bundle });
await runtime.start(id);
const other = new tsrun.Runtime({ root: runtime.root });
const [own, foreign] = [runtime.wait(id), other.wait(id)];
said["refused"] = await refusal(runtime.delete(id));
said["forced"] = await runtime.delete(id, { force: true });
said["ends"] = [await own, (await foreign) ?? null];
said["unknown"] = [await runtime.delete(id, { force: true }), await refusal(runtime.delete(id))];
said["signal"] = await refusal(runtime.kill(id, "FOO"));

await runtime.create({ id, bundle });
await runtime.start(id);
const executed = await runtime.exec({ id, args: ["/bin/probe", "exit", "5"] });
said["executed"] = [await executed.exit, executed.pid > 1];
said["absent"] = await refusal(runtime.exec({ id, args: ["/no/such"] }));
await runtime.pause(id);
said["paused"] = [
  (await runtime.state(id)).status,
  await refusal(runtime.exec({ id, args: ["/bin/probe"] })),
];
await runtime.resume(id);
said["resumed"] = (await runtime.state(id)).status;
await runtime.update(id, { memory: { limit: 102_400_000 } });
const { memory } = await runtime.stats(id);
said["limit"] = [
  memory.limit,
  memory.used > 0 && memory.used < 102_400_000,
  await refusal(runtime.update(id, { memory: { limit: "much" } })),
];
said["processes"] = (await runtime.processes(id)).map(({ comm }) => comm);
const seen: string[] = [];
for await (const { type } of runtime.events(id, { interval: 20 })) if (seen.push(type) === 2) break;
said["events"] = seen;
const aborted = new AbortController();
setTimeout(() => aborted.abort(), 30);
said["aborted"] = [
  await runtime.wait(id, { signal: aborted.signal }).catch((error) => error.name),
  (await runtime.state(id)).status,
];
const stopping = runtime.wait(id);
await runtime.stop(id, { timeout: 50 });
said["stop"] = [await stopping, (await runtime.state(id)).status, await refusal(runtime.stats(id))];
await runtime.delete(id);

/** The events of a container until there are no more, without statistics. */
async function all(of: InstanceType<Library["Runtime"]>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const event of of.events(id, { interval: 60_000 })) found.push(event);
  return found;
}
program("do", "sleep", "0.05", ",", "exit", "3");
await runtime.create({ id, bundle });
const told = [all(runtime), all(other)];
await new Promise((resolve) => setTimeout(resolve, 20));
await runtime.start(id);
said["told"] = JSON.parse(JSON.stringify(await Promise.all(told)).replaceAll(id, "ID"));
await runtime.delete(id);

program("sleep", "100");
const abort = new AbortController();
const killed = runtime.run({ id, bundle, signal: abort.signal }).catch((error) => error);
setTimeout(() => abort.abort(new Error("enough")), 50);
said["abort"] = [(await killed).message, await runtime.list()];
said["never"] = [await runtime.run({ id, bundle, signal: abort.signal }).catch((error) => error.message)];

config.process.args = ["/no/such"];
writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
said["exec"] = await refusal(runtime.create({ id, bundle }));
said["left"] = await runtime.list();

const loaded = tsrun.loadBundle(bundle);
said["plan"] = tsrun.compilePlan(loaded, { id }).steps.at(-1)?.op.op;
said["pure"] = [
  tsrun.check(bundle).problems.length,
  tsrun.explain(bundle, { id }, "json").startsWith("{"),
  "hooks" in tsrun.features(),
];
console.log(JSON.stringify(said));
