/** linux.intelRdt on a host without it; test/unit/cgroup/rdt.test.ts has the rest, against a folder. */
import { readFileSync } from "node:fs";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";

const host = openHost();
const mounted = readFileSync("/proc/self/mountinfo", "utf8").includes(" - resctrl ");
const skip = mounted && "resctrl is mounted here";

t.test("refused, and nothing is left", { skip }, async (t) => {
  const bundle = host.bundle((config) => {
    config.linux.intelRdt = { l3CacheSchema: "L3:0=f" };
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /is specified in config, but Intel RDT(\/CAT)? is not enabled/);
  if ((await host.kind()) === "tsrun") {
    t.match(messageOf(outcome), "(config.json#/linux/intelRdt); hint: mount -t resctrl");
    t.match((await host.call(["check", "-b", bundle.dir])).stdout, /config\.json#\/linux\/intelRdt/);
  }
});

t.test("update of a container without a class of service", { skip }, async (t) => {
  const id = await host.running(host.bundle((config) => probe(config, "sleep", "1000")));
  for (const [option, value, words] of [
    ["--l3-cache-schema", "L3:0=f", /Intel RDT\/CAT: l3 cache schema is not enabled/],
    ["--mem-bw-schema", "MB:0=20", /Intel RDT\/MBA: memory bandwidth schema is not enabled/],
  ] as const) {
    const outcome = await host.call(["update", option, value, id]);
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), words);
  }
  if (await onlyTsrun(host, t)) {
    const outcome = await host.call(["update", "--mem-bw-schema", "L3:0=f", id]);
    t.match(messageOf(outcome), /invalid value for mem-bw-schema: "L3:0=f" does not begin with MB:/);
  }
  await host.delete(id);
});

t.test("features", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  t.match(JSON.parse((await host.must(["features"])).stdout), {
    linux: {
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      apparmor: { enabled: true },
      selinux: { enabled: true },
    },
  });
});

await host.end();
