/**
 * Runs a program in a container with limits and a time-out, and says what became of it.
 *
 *     job-runner BUNDLE [SECONDS [MEBIBYTES]]
 *
 * With Bun: `bun examples/job-runner.ts ...`; with Node 22.18 or newer: `node examples/job-runner.ts ...`; with any other
 * from 20.16 on: `npx tsc -p tsconfig.json`, then `node build/examples/job-runner.js ...`.
 */
import { errorLine, type RunEnd, Runtime } from "tsrun";

const [bundle = ".", seconds = "10", mebibytes = "64"] = process.argv.slice(2);
const runtime = new Runtime();
const id = `job-${process.pid}`;

/** Runs a bundle for so long at most. */
async function job(): Promise<RunEnd & { readonly oomKills: number }> {
  await runtime.create({ id, bundle });
  try {
    await runtime.update(id, { memory: { limit: Number(mebibytes) << 20 }, pids: { limit: 64 } });
    let oomKills = 0;
    const watching = (async () => {
      for await (const { type } of runtime.events(id)) if (type === "oom") oomKills++;
    })();
    await runtime.start(id);
    // The container lives on when the wait is over; deleting it by force ends it.
    const exit = await runtime.wait(id, { signal: AbortSignal.timeout(Number(seconds) * 1000) });
    await watching;
    return { exit, failures: await runtime.delete(id), oomKills };
  } finally {
    await runtime.delete(id, { force: true });
  }
}

try {
  const { exit, oomKills } = await job();
  const how = exit && "signal" in exit ? `was killed by signal ${exit.signal}` : `exited with ${exit?.code}`;
  console.log(`the job ${how}${oomKills > 0 ? `, ${oomKills} of its processes for want of memory` : ""}`);
  process.exitCode = exit && "code" in exit ? exit.code : 1;
} catch (error) {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  console.error(late ? `the job took longer than ${seconds} s` : errorLine(error));
  process.exitCode = late ? 124 : 1;
}
