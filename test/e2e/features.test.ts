/** features: the shape of runtime-spec features.md, and no less than runc 1.1.5 says. */
import t from "tap";
import { openHost } from "./support/host.ts";

const host = openHost();

interface Features {
  readonly ociVersionMin: string;
  readonly ociVersionMax: string;
  readonly hooks: string[];
  readonly mountOptions: string[];
  readonly linux: {
    readonly namespaces: string[];
    readonly capabilities: string[];
    readonly cgroup: Record<string, boolean>;
    readonly seccomp: { readonly enabled: boolean };
    readonly apparmor: { readonly enabled: boolean };
    readonly selinux: { readonly enabled: boolean };
  };
  readonly annotations: Record<string, string>;
}

const features = JSON.parse((await host.must(["features"])).stdout) as Features;

t.test("versions", async (t) => {
  t.equal(features.ociVersionMin, "1.0.0");
  t.match(features.ociVersionMax, /^1\.\d+\.\d+/);
});

t.test("hooks in the order of the spec", async (t) => {
  t.same(features.hooks, [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
  ]);
});

t.test("mount options: sorted, without repetition, with those that engines look for", async (t) => {
  t.same(features.mountOptions, [...new Set(features.mountOptions)].sort());
  for (const option of [
    "bind",
    "rbind",
    "ro",
    "rro",
    "rw",
    "rrw",
    "nosuid",
    "rnosuid",
    "noexec",
    "private",
    "rslave",
    "tmpcopyup",
    "nosymfollow",
  ]) {
    t.ok(features.mountOptions.includes(option), option);
  }
});

t.test("namespaces, capabilities, cgroups", async (t) => {
  for (const type of ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"])
    t.ok(features.linux.namespaces.includes(type), type);
  t.equal(features.linux.capabilities.length, 41);
  t.equal(features.linux.capabilities[0], "CAP_CHOWN");
  t.equal(features.linux.capabilities.at(-1), "CAP_CHECKPOINT_RESTORE");
  t.equal(features.linux.cgroup["v1"], true);
  for (const key of ["seccomp", "apparmor", "selinux"] as const)
    t.type(features.linux[key].enabled, "boolean", key);
});

t.test("the output is indented JSON, whatever the folder and the environment", async (t) => {
  const other = await host.must(["features"], { cwd: "/", env: {} });
  t.same(JSON.parse(other.stdout), features);
  t.match(other.stdout, /^\{\n +"ociVersionMin"/);
});

await host.end();
