/** tsrun is killed in the middle of create, start and delete: `delete --force` still leaves nothing. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { openHost } from "./support/host.ts";
import { cgroupsOf, mountsOf, processesOf, until } from "./support/outside.ts";
import { patience, some, times } from "./support/slow.ts";
import { callsOfCreate, createKilledAt, NO_STRACE } from "./support/strace.ts";

const host = openHost({ only: "tsrun" });
const bundle = host.bundle((config) => {
  probe(config, "sleep", "1000");
  config.linux.resources["memory"] = { limit: 1 << 27 };
  config.linux.resources["pids"] = { limit: 100 };
});

/** What a crash left after `delete --force`, in words; the list is empty when it converged. */
async function leftAfterDelete(id: string): Promise<string[]> {
  const outcome = await host.call(["delete", "--force", id]);
  const left: string[] =
    outcome.code === 0 ? [] : [`delete --force ended with ${outcome.code}: ${outcome.stderr}`];
  // The container's first process sees the end of its conversation by itself, and may take a moment to end.
  await until("no process", () => processesOf(id).length === 0, 2000).catch(() => undefined);
  left.push(...processesOf(id).map((process) => `process ${process}`));
  left.push(...cgroupsOf(id).map((folder) => `cgroup ${folder}`));
  left.push(...mountsOf(id).map((line) => `mount ${line}`));
  if (existsSync(join(host.stateRoot, id)))
    left.push(`state ${readdirSync(join(host.stateRoot, id)).join(" ")}`);
  return left;
}

async function sweep(
  t: Tap,
  verb: (id: string) => Promise<readonly string[]>,
  all: readonly number[],
): Promise<void> {
  const delays = some(t, all, 7);
  let interrupted = 0;
  for (const delay of delays) {
    const id = host.id();
    const call = host.start(await verb(id));
    await new Promise((resolve) => setTimeout(resolve, patience(delay)));
    call.kill("SIGKILL");
    if ((await call.ended).signal === "SIGKILL") interrupted += 1;
    t.same(await leftAfterDelete(id), [], `killed after ${delay} ms`);
    // The id is free again at once.
    if (delay % 5 === 0) {
      await host.must(["create", "-b", bundle.dir, id]);
      await host.delete(id);
    }
  }
  t.ok(interrupted > 0, `${interrupted} of ${delays.length} were killed before they had ended`);
}

type Tap = Pick<typeof t, "same" | "ok" | "comment">;

const DELAYS = Array.from({ length: 60 }, (_, index) => index / 2);

t.test("create, killed after 0 to 30 ms", async (t) => {
  await sweep(t, async (id) => ["create", "--bundle", bundle.dir, id], DELAYS);
});

t.test("run, killed after 0 to 40 ms", async (t) => {
  await sweep(
    t,
    async (id) => ["run", "--bundle", bundle.dir, id],
    DELAYS.filter((_, index) => index % 3 === 0).map((delay) => delay * 1.3),
  );
});

t.test("start and delete, killed after 0 to 15 ms", async (t) => {
  const delays = DELAYS.filter((_, index) => index % 4 === 0).map((delay) => delay / 2);
  for (const verb of [["start"], ["delete", "--force"]]) {
    await sweep(
      t,
      async (id) => {
        await host.must(["create", "-b", bundle.dir, id]);
        return [...verb, id];
      },
      delays,
    );
  }
});

t.test("create, killed at each of its system calls", { skip: NO_STRACE }, async (t) => {
  const { calls } = await callsOfCreate(host, bundle);
  const step = Math.max(1, Math.floor(calls.length / times(t, 120)));
  for (const point of calls.filter((_, index) => index % step === 0)) {
    const id = createKilledAt(host, bundle, point);
    t.same(
      await leftAfterDelete(id),
      [],
      `killed at system call ${point.number}: ${point.line.slice(0, 60)}`,
    );
  }
});

await host.end();
