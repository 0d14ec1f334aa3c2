/** Parameters of the kernel, and limits whose names become names of files. */
import { join } from "node:path";
import t from "tap";
import { readLimit } from "../support/cgroup-files.ts";
import { type Config, probe, share } from "../support/config.ts";
import { messageOf, onlyTsrun, openHost } from "../support/host.ts";
import { cgroupsOfProcess, textOf } from "../support/outside.ts";
import { outsideOf } from "../support/outside-bundle.ts";
import { BY_SYSTEMD } from "../support/wants.ts";

const host = openHost();
const { canary, unharmed } = outsideOf(host);

t.test("CVE-2022-0811 and its like: parameters of the host's own namespaces", async (t) => {
  const parameters: [string, string, string][] = [
    ["network", "net", "net.ipv4.ip_forward"],
    ["ipc", "ipc", "kernel.shm_rmid_forced"],
    ["ipc", "ipc", "fs.mqueue.msg_max"],
    ["uts", "uts", "kernel.domainname"],
  ];
  for (const [type, file, name] of parameters) {
    if ((await host.kind()) === "runc" && type !== "network") continue; // runc 1.1.5 compares the network's alone
    // The present value, so that nothing happens where it is written.
    const value = textOf(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim() ?? "";
    const patch = (path: string) => (config: Config) => {
      delete config.hostname;
      share(config, type);
      config.linux.namespaces.push({ type, path });
      config.linux.sysctl = { [name]: value };
    };
    const outcome = await host.run(host.bundle(patch(`/proc/self/ns/${file}`)));
    t.equal(outcome.code, 1, name);
    t.match(
      messageOf(outcome),
      /not allowed in (the )?hosts? (network|ipc)|not in a separate kernel namespace/,
    );
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), `config.json#/linux/sysctl/${name}`);
  }
  const first = await host.running(host.bundle((config) => probe(config, "sleep", "100")));
  const { pid } = await host.state(first);
  const joined = await host.run(
    host.bundle((config) => {
      share(config, "network");
      config.linux.namespaces.push({ type: "network", path: `/proc/${pid}/ns/net` });
      config.linux.sysctl = { "net.ipv4.ip_forward": "1" };
    }),
  );
  t.equal(joined.code, 0, `another container's namespace is not the host's ${joined.stderr}`);
  await host.delete(first);
});

t.test("CVE-2022-0811: nothing but the named parameter is written", async (t) => {
  const pattern = textOf("/proc/sys/kernel/core_pattern");
  const wrong: Record<string, string>[] = [
    { "kernel.shm_rmid_forced": "1+kernel.core_pattern=|/evil" },
    { "kernel.shm_rmid_forced": "1\nkernel.core_pattern=|/evil" },
    { "net/../kernel/core_pattern": "|/evil" },
    { "net/ipv4/../../kernel/core_pattern": "|/evil" },
    { "net.ipv4.ip_forward\nkernel.core_pattern": "|/evil" },
    { [`net/../../../../../../../../..${canary}`]: "|/evil" },
  ];
  for (const sysctl of wrong) {
    const outcome = await host.run(
      host.bundle((config) => {
        config.linux.sysctl = sysctl;
      }),
    );
    // runc hands a value of two lines to the kernel, which takes the first.
    const isTwoLines = Object.values(sysctl).some((value) => value.includes("\n"));
    if (!isTwoLines || (await host.kind()) === "tsrun") t.equal(outcome.code, 1, JSON.stringify(sysctl));
    t.equal(textOf("/proc/sys/kernel/core_pattern"), pattern);
    unharmed(t, JSON.stringify(sysctl));
  }
});

t.test("a huge page size that is a path", async (t) => {
  for (const pageSize of ["../../../../../../../..".concat(canary), "2MB/../x", "2MB\n", ""]) {
    const bundle = host.bundle((config) => {
      config.linux.resources["hugepageLimits"] = [{ pageSize, limit: 0 }];
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1, JSON.stringify(pageSize));
    if ((await host.kind()) === "tsrun") {
      t.match(messageOf(outcome), "config.json#/linux/resources/hugepageLimits/0/pageSize");
    }
    unharmed(t, pageSize);
  }
});

const REFUSED = BY_SYSTEMD && "refused where systemd makes the cgroup: systemd.test.ts";

t.test(
  "CVE-2023-6476, CVE-2024-3154: annotations change no limit, no unit and no program",
  { skip: REFUSED },
  async (t) => {
    const made = join(host.dir, "made-by-an-annotation");
    const annotations = {
      "io.kubernetes.cri-o.UnifiedCgroup.tsrun-test": "memory.max=max",
      "run.oci.systemd.subgroup": "../../x",
      "run.oci.handler": "krun",
      "run.oci.keep_original_groups": "1",
      "run.oci.seccomp.receiver": join(host.dir, "receiver"),
      "org.systemd.property.ExecStartPre": `'${made}'`,
      "org.systemd.property.TasksMax": "4096",
      "io.podman.annotations.privileged": "TRUE",
      "io.tsrun.experimental": "1",
    };
    const id = await host.created(
      host.bundle((config) => {
        config.annotations = annotations;
        config.linux.resources["memory"] = { limit: 64 << 20 };
        config.linux.resources["pids"] = { limit: 17 };
      }),
    );
    const state = await host.state(id);
    t.has(state.annotations, annotations);
    const cgroups = cgroupsOfProcess(state.pid);
    t.equal(readLimit(cgroups, "memoryLimit"), String(64 << 20));
    t.equal(readLimit(cgroups, "pidsLimit"), "17");
    const status = textOf(`/proc/${state.pid}/status`) ?? "";
    t.match(status, /^Groups:\s*$/m, "the caller's groups are not kept");
    t.equal(textOf(made), undefined);
    await host.delete(id);
  },
);

t.test("names in resources that would leave the cgroup, or write more than one line", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const wrong: [string, Record<string, never> | object][] = [
    ["unified", { "../memory.max": "1" }],
    ["unified", { "memory.max\nx": "1" }],
    ["rdma", { "../x": { hcaHandles: 1 } }],
    ["network", { priorities: [{ name: "eth0\neth1", priority: 1 }] }],
    ["cpu", { cpus: "0\n1" }],
    ["cpu", { mems: "../0" }],
  ];
  for (const [name, value] of wrong) {
    const outcome = await host.run(
      host.bundle((config) => {
        config.linux.resources[name] = JSON.parse(JSON.stringify(value));
      }),
    );
    t.equal(outcome.code, 1, JSON.stringify({ [name]: value }));
    t.match(messageOf(outcome), `config.json#/linux/resources/${name}`);
  }
});

await host.end();
