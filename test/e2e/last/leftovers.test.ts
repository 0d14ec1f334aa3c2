/** Run after all other e2e tests: nothing of any of them is left on the host. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import t from "tap";
import { differences, type Snapshot, snapshot } from "../support/host-snapshot.ts";
import { THROWAWAY } from "../support/machine.ts";
import { cgroupsOf, mountsOf, namesIn, processesOf, textOf, until } from "../support/outside.ts";

const TAG = "tsrun-test-";

/**
 * What changes in a machine that is thrown away: modules bring parameters and devices, a login its keyring, and runc 1.1 takes the options
 * of the host's cgroup2 away when it mounts one without a cgroup namespace.
 */
const OF_THE_MACHINE =
  /^((parameters|devices)\s+\S+: \(none\)\s+-> |keyrings \.user_reg|mounts \/sys\/fs\/cgroup: \[\d+:\d+ \/ \S+ (\S+ )?- cgroup2)/;

t.test("nothing with the tests' tag is left", async (t) => {
  t.same(processesOf(TAG), [], "no process");
  t.same(cgroupsOf(TAG), [], "no cgroup");
  t.same(mountsOf(TAG), [], "no mount");
  t.same(
    namesIn(tmpdir()).filter((name) => /^tsrun-test-\d+-\w{6}$/.test(name)),
    [],
    "no temporary folder",
  );
  for (const root of ["/run/tsrun", "/run/runc"]) {
    t.same(
      // Engines name their containers by a hash: what they were made from tells whose they are.
      namesIn(root).filter((name) => `${name}${textOf(`${root}/${name}/state.json`) ?? ""}`.includes(TAG)),
      [],
      `no state in ${root}`,
    );
  }
});

t.test("no container's first process waits for ever", async (t) => {
  t.same(
    processesOf("tsrun-init").filter((line) => /^\d+ tsrun-init /.test(line)),
    [],
  );
});

t.test(
  "tsrun's files, mounts, devices, parameters and keyrings are what they were before the first test",
  async (t) => {
    const file = process.env["TSRUN_TEST_BEFORE"];
    if (file === undefined) {
      t.pass("not applicable", { skip: "needs the whole suite: npm test" });
      return;
    }
    const before = JSON.parse(readFileSync(file, "utf8")) as {
      readonly own: readonly string[];
      readonly snapshot: Snapshot;
    };
    t.ok(Object.keys(before.snapshot.parameters).length > 500, "parameters were read");
    t.ok(Object.keys(before.snapshot.own).length > 5, "files were summed");
    const found = differences(before.snapshot, snapshot(before.own));
    t.same(THROWAWAY ? found.filter((line) => !OF_THE_MACHINE.test(line)) : found, []);
  },
);

t.test("no container's keyring is left in the caller's session", async (t) => {
  const left = (): string[] =>
    (textOf("/proc/keys") ?? "").split("\n").filter((line) => line.includes(`_ses.${TAG}`));
  // The kernel collects them some time after their last process.
  await until("the keyrings to be collected", () => left().length === 0, 10_000).catch(() => undefined);
  t.same(left(), []);
});
