/**
 * Keeps containers running: one for each bundle, made anew when it has ended, a little later each time it does so early. SIGTERM
 * and SIGINT stop them all.
 *
 *     supervisor BUNDLE...
 *
 * With Bun: `bun examples/supervisor.ts ...`; with Node 22.18 or newer: `node examples/supervisor.ts ...`; with any other from
 * 20.16 on: `npx tsc -p tsconfig.json`, then `node build/examples/supervisor.js ...`.
 */
import { basename, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { errorLine, Runtime } from "tsrun";

const runtime = new Runtime();
const over = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => over.abort());

/** After a life of this many milliseconds a container counts as healthy. */
const HEALTHY_MS = 5000;
const LONGEST_PAUSE_MS = 10_000;

/** Runs a bundle again and again, until all is over. */
async function keep(bundle: string): Promise<void> {
  const id = `${basename(resolve(bundle))}-${process.pid}`;
  for (let wait = 100; !over.signal.aborted; ) {
    const begin = performance.now();
    try {
      const { exit } = await runtime.run({ id, bundle, signal: over.signal });
      console.log(`${id}: ended with ${JSON.stringify(exit)}`);
    } catch (error) {
      if (over.signal.aborted) break;
      console.log(`${id}: ${errorLine(error)}`);
    }
    wait = performance.now() - begin > HEALTHY_MS ? 100 : Math.min(wait * 2, LONGEST_PAUSE_MS);
    await pause(wait, undefined, { signal: over.signal }).catch(() => undefined);
  }
  console.log(`${id}: stopped`);
}

await Promise.all(process.argv.slice(2).map(keep));
