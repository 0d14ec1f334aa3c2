/** What only a root with every capability can do: raise limits, protect from the OOM killer, choose real-time policies. */
import { execFileSync } from "node:child_process";
import t from "tap";
import { probe } from "./support/config.ts";
import { askIn } from "./support/exec.ts";
import { onlyTsrun, openHost } from "./support/host.ts";
import { textOf } from "./support/outside.ts";

const host = openHost();

/** CAP_SYS_RESOURCE, number 24. */
const allowed =
  ((BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(textOf("/proc/self/status") ?? "")?.[1] ?? "0"}`) >> 24n) &
    1n) ===
  1n;
const skip = allowed ? false : "needs a root with CAP_SYS_RESOURCE";

/** Started with a hard limit of 512 files and of 1000 processes. */
const limited = { through: ["prlimit", "--nofile=256:512", "--nproc=1000:1000"] };

t.test("limits above the caller's own", { skip }, async (t) => {
  execFileSync("prlimit", ["--version"]);
  const [limits] = await host.ask(
    ["limits"],
    (config) => {
      config.process.rlimits = [
        { type: "RLIMIT_NOFILE", soft: 1000, hard: 4096 },
        { type: "RLIMIT_NPROC", soft: 5000, hard: 6000 },
      ];
    },
    [],
    limited,
  );
  t.same(limits["RLIMIT_NOFILE"], [1000, 4096]);
  t.same(limits["RLIMIT_NPROC"], [5000, 6000]);
});

t.test("a score that protects from the OOM killer, also for exec", { skip }, async (t) => {
  const bundle = host.bundle((config) => {
    probe(config, "pid1", "sleep", "600");
    config.process.oomScoreAdj = -700;
  });
  const id = await host.running(bundle);
  t.equal(textOf(`/proc/${(await host.state(id)).pid}/oom_score_adj`)?.trim(), "-700");
  const [oom] = await askIn(host, id, ["oom"]);
  if (await onlyTsrun(host, t)) t.equal(oom.oomScoreAdj, -700);
  await host.delete(id);
});

t.test("a lower score than the caller's, in a user namespace", { skip }, async (t) => {
  const [oom, maps] = await host.ask(["oom", "maps"], (config) => {
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
    config.process.oomScoreAdj = -300;
  });
  t.same(maps.uid, ["0 700000 65536"]);
  t.equal(oom.oomScoreAdj, -300);
});

await host.end();
