/** Runtime.checkpoint and Runtime.restore: a container of a program goes on where it was. */
import { join } from "node:path";
import t from "tap";
import { StateError } from "../../src/error.ts";
import { Runtime } from "../../src/runtime.ts";
import { counter } from "./support/checkpoint.ts";
import { onlyTsrun, openHost } from "./support/host.ts";

const host = openHost({ criu: true });
t.setTimeout(600_000);

t.test("a container goes on under the program that restores it", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const runtime = new Runtime({ root: join(host.dir, "library") });
  const program = counter(host, "library");
  const [id, imagePath] = [host.id(), join(host.dir, "image")];
  await runtime.create({ id, bundle: program.bundle.dir });
  await runtime.start(id);
  const ended = runtime.wait(id);
  await program.counts();
  t.same(await runtime.checkpoint(id, { imagePath: `${imagePath}-stays`, leaveRunning: true }), []);
  t.equal((await runtime.state(id)).status, "running", "it may stay");
  await program.counts();
  t.same(await runtime.checkpoint(id, { imagePath }), []);
  t.same(await ended, { signal: 9 }, "who waited for it is told");
  await t.rejects(runtime.state(id), { code: "not-found" });
  const before = program.count();
  const state = await runtime.restore({ id, bundle: program.bundle.dir, imagePath });
  t.match(state, { id, status: "running", bundle: program.bundle.dir });
  const after = await program.counts();
  t.ok(after > before && after < before + 100, `it counted on from ${before}: ${after}`);
  await t.rejects(
    runtime.restore({ id, bundle: program.bundle.dir, imagePath }),
    { name: StateError.name, code: "exists" },
    "once",
  );
  const again = runtime.wait(id);
  await runtime.kill(id, "KILL");
  t.same(await again, { signal: 9 }, "the restored one is waited for as any other");
  t.same(await runtime.delete(id), []);
  t.same(await runtime.list(), []);
});

await host.end();
