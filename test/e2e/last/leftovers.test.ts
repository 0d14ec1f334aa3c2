/** Run after all other e2e tests: nothing of any of them is left on the host. */
import { tmpdir } from "node:os";
import t from "tap";
import { cgroupsOf, mountsOf, namesIn, processesOf } from "../support/outside.ts";

const TAG = "tsrun-test-";

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
      namesIn(root).filter((name) => name.startsWith(TAG)),
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
