/**
 * Runs many containers at once from one process, as a program that uses the library does: `run-many LIBRARY BUNDLE ROOT PREFIX
 * COUNT`. Prints what it saw as JSON.
 */
import { readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

type Library = typeof import("../../../src/index.ts");

const [library = "", bundle = "", root = "", prefix = "", count = "0"] = process.argv.slice(2);
const { Runtime } = (await import(pathToFileURL(library).href)) as Library;
const runtime = new Runtime({ root });
const names = Array.from({ length: Number(count) }, (_, at) => `${prefix}-${at}`);
const threads = (): number => readdirSync("/proc/self/task").length;

let rounds = 0;
const timer = setInterval(() => rounds++, 1);
const together = new AbortController();
const runs = names.map((id) => runtime.run({ id, bundle, signal: together.signal }).catch(String));
await runtime.create({ id: `${prefix}-last`, bundle });
const before = threads();
const listed = await runtime.list();
const used = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 500));
const { user, system } = process.cpuUsage(used);
together.abort("enough");
const ends = await Promise.all(runs);
await runtime.delete(`${prefix}-last`);
clearInterval(timer);
console.log(
  JSON.stringify({
    listed: listed.length,
    statuses: [...new Set(listed.map(({ status }) => status))].sort(),
    ends: [...new Set(ends.map((end) => JSON.stringify(end)))],
    left: (await runtime.list()).length,
    threads: threads() - before,
    rounds,
    busy: (user + system) / 500_000,
  }),
);
