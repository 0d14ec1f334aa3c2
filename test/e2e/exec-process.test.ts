/** `exec` and the attributes of a process: affinity, scheduler, I/O priority, OOM score, limits. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Config } from "./support/config.ts";
import { askIn, entered, processJson, stillRuns } from "./support/exec.ts";
import { answersOf, type Host, messageOf, openHost } from "./support/host.ts";

const host = openHost({ only: "tsrun" });
const cpus = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
const QUESTIONS = ["sched", "ioprio", "oom", "limits"] as const;

async function described(host: Host, id: string, change: Readonly<Record<string, unknown>>) {
  writeFileSync(
    join(host.dir, "process.json"),
    processJson({
      args: ["/bin/probe", "do", ...QUESTIONS.flatMap((each) => [",", each]).slice(1)],
      ...change,
    }),
  );
  return host.call(["exec", "-p", "process.json", id]);
}

const id = await entered(host, (config: Config) => {
  config.process.scheduler = { policy: "SCHED_BATCH", nice: 3 };
  config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 6 };
  config.process.oomScoreAdj = 321;
  config.process.rlimits = [{ type: "RLIMIT_CORE", soft: 5, hard: 6 }];
});

t.test("the container's, by options and by a file that says nothing", async (t) => {
  const byOptions = await askIn(host, id, QUESTIONS);
  const byFile = answersOf(QUESTIONS, await described(host, id, {}));
  for (const [sched, ioprio, oom, limits] of [byOptions, byFile]) {
    t.equal(sched.policy, 3);
    t.equal(sched.nice, 3);
    t.same(ioprio, { class: 2, priority: 6 });
    t.equal(oom.oomScoreAdj, 321);
    t.same(limits["RLIMIT_CORE"], [5, 6]);
  }
});

t.test("those of the file", async (t) => {
  const [sched, ioprio, oom, limits] = answersOf(
    QUESTIONS,
    await described(host, id, {
      scheduler: { policy: "SCHED_IDLE" },
      ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 0 },
      oomScoreAdj: 500,
      rlimits: [{ type: "RLIMIT_FSIZE", soft: 1000, hard: 2000 }],
    }),
  );
  t.equal(sched.policy, 5);
  t.equal(ioprio.class, 3);
  t.equal(oom.oomScoreAdj, 500);
  t.same(limits["RLIMIT_FSIZE"], [1000, 2000]);
  t.not(limits["RLIMIT_CORE"]?.[0], 5, "the container's list is replaced, not extended");
});

t.test("execCPUAffinity: the final one is the program's", async (t) => {
  const [sched] = answersOf(
    QUESTIONS,
    await described(host, id, { execCPUAffinity: { initial: "0", final: "0" } }),
  );
  t.same(sched.cpus, [0]);
  const [late] = answersOf(QUESTIONS, await described(host, id, { execCPUAffinity: { final: "0" } }));
  t.same(late.cpus, [0]);
});

t.test("execCPUAffinity: the initial one alone lasts", async (t) => {
  const [sched] = answersOf(QUESTIONS, await described(host, id, { execCPUAffinity: { initial: "0" } }));
  t.same(sched.cpus, [0]);
  const [none] = answersOf(QUESTIONS, await described(host, id, {}));
  t.equal(none.cpus.length, cpus === "0" ? 1 : none.cpus.length);
});

t.test("execCPUAffinity of the container's own process", async (t) => {
  const own = await entered(host, (config) => {
    config.process.execCPUAffinity = { initial: "0", final: "0" };
  });
  const [sched] = await askIn(host, own, QUESTIONS);
  t.same(sched.cpus, [0]);
  await host.delete(own);
});

t.test("a policy that the kernel refuses names its place", async (t) => {
  const outcome = await described(host, id, { scheduler: { policy: "SCHED_FIFO", priority: 200 } });
  t.equal(outcome.code, 255);
  t.match(messageOf(outcome), /process\.json#\/scheduler/);
});

t.test("the container is unharmed", (t) => stillRuns(host, t, id));

await host.end();
