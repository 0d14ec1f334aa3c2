/** An image's configuration as a config.json, field by field of conversion.md. */
import t from "tap";
import { type BaseConfig, readImageConfig, toConfig, type Wishes } from "../../../src/image/config.ts";
import { Node } from "../../../src/image/json.ts";
import { specConfig } from "../../../src/lifecycle/spec.ts";

const BASE: BaseConfig = specConfig(false);
const NOTHING: Wishes = {
  args: [],
  entrypoint: undefined,
  env: [],
  user: undefined,
  cwd: undefined,
  hostname: undefined,
  tty: false,
  readonly: false,
  caps: [],
  memory: undefined,
  pids: undefined,
  cpus: undefined,
  userns: undefined,
};
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

interface Made {
  readonly process: Readonly<Record<string, unknown>>;
  readonly root: object;
  readonly hostname: string;
  readonly mounts: readonly { readonly destination: string }[];
  readonly annotations?: object;
  readonly linux: Readonly<Record<string, unknown>>;
}

function made(image: object, wishes: Partial<Wishes> = {}, top: object = {}): Made {
  const config = readImageConfig(new Node("config", "", { ...top, config: { Cmd: ["sh"], ...image } }));
  const files = { passwd: "user:x:1000:1001::/home/user:/bin/sh\n", group: "audio:x:29:user\n" };
  return toConfig(BASE, config, { ...NOTHING, ...wishes }, files, "rootfs") as Made;
}

t.test("what is run", async (t) => {
  const image = { Entrypoint: ["a", "b"], Cmd: ["c"] };
  t.same(made(image).process["args"], ["a", "b", "c"]);
  t.same(made(image, { args: ["x", "y"] }).process["args"], ["a", "b", "x", "y"], "args replace Cmd");
  t.same(made(image, { entrypoint: "e" }).process["args"], ["e"], "an entrypoint replaces both");
  t.same(made(image, { entrypoint: "e", args: ["f"] }).process["args"], ["e", "f"]);
  t.same(made({ Entrypoint: null }).process["args"], ["sh"], "null is nothing");
  t.throws(() => made({ Cmd: [] }), { code: "missing", message: /does not say which program/ });
  t.throws(() => made({ Cmd: "sh" }), { code: "format", pointer: "/config/Cmd" });
});

t.test("the environment", async (t) => {
  t.same(made({}).process["env"], [PATH]);
  t.same(made({ Env: ["A=1", "PATH=/bin", "A=2"] }).process["env"], ["PATH=/bin", "A=2"]);
  t.same(made({ Env: ["A=1"] }, { env: ["A=3", "B=4"], tty: true }).process["env"], [
    PATH,
    "TERM=xterm",
    "A=3",
    "B=4",
  ]);
});

t.test("user, folder, terminal, root, name", async (t) => {
  const { process, root, hostname } = made({ User: "user", WorkingDir: "/work" });
  t.same(process["user"], { uid: 1000, gid: 1001, additionalGids: [29] });
  t.equal(process["cwd"], "/work");
  t.equal(process["terminal"], false);
  t.same(root, { path: "rootfs", readonly: false });
  t.equal(hostname, "tsrun");
  const other = made({ User: "user" }, { user: "0", cwd: "/x", tty: true, readonly: true, hostname: "h" });
  t.same(other.process["user"], { uid: 0, gid: 0 });
  t.equal(other.process["cwd"], "/x");
  t.equal(other.process["terminal"], true);
  t.same(other.root, { path: "rootfs", readonly: true });
  t.equal(other.hostname, "h");
});

t.test("annotations, of which labels count most", async (t) => {
  const image = {
    StopSignal: "SIGINT",
    ExposedPorts: { "80/tcp": {}, "443/tcp": {} },
    Labels: { "org.opencontainers.image.author": "label", x: "y" },
  };
  const top = { os: "linux", architecture: "amd64", author: "me", created: "2020-01-01T00:00:00Z" };
  t.same(made(image, {}, top).annotations, {
    "org.opencontainers.image.os": "linux",
    "org.opencontainers.image.architecture": "amd64",
    "org.opencontainers.image.author": "label",
    "org.opencontainers.image.created": "2020-01-01T00:00:00Z",
    "org.opencontainers.image.stopSignal": "SIGINT",
    "org.opencontainers.image.exposedPorts": "443/tcp,80/tcp",
    x: "y",
  });
  t.equal(made({}).annotations, undefined);
});

t.test("volumes are mounts only where the root is read-only", async (t) => {
  const image = { Volumes: { "/data": {}, relative: {} } };
  t.same(made(image).mounts, BASE.mounts);
  t.same(made(image, { readonly: true }).mounts.slice(BASE.mounts.length), [
    { destination: "/data", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "tmpcopyup"] },
  ]);
});

t.test("limits, capabilities, a user namespace", async (t) => {
  const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const { linux, process } = made(
    {},
    { memory: 1 << 20, pids: 5, cpus: 1.5, caps: ["CAP_CHOWN"], userns: { uid: map, gid: map } },
  );
  t.match(linux["resources"], {
    memory: { limit: 1 << 20 },
    pids: { limit: 5 },
    cpu: { quota: 150_000, period: 100_000 },
    devices: [{ allow: false, access: "rwm" }],
  });
  t.same(linux["uidMappings"], map);
  t.same((linux["namespaces"] as object[]).at(-1), { type: "user" });
  const caps = process["capabilities"] as Readonly<Record<string, readonly string[]>>;
  for (const set of ["bounding", "effective", "permitted"]) t.ok(caps[set]?.includes("CAP_CHOWN"), set);
});

t.test(
  "labels that somebody would obey are left out, and the others kept whatever they are called",
  async (t) => {
    const labels = JSON.parse('{"run.oci.handler":"krun","__proto__":"x","maintainer":"me","toString":"y"}');
    const config = readImageConfig(new Node("config", "", { config: { Cmd: ["sh"], Labels: labels } }));
    t.strictSame(config.leftOut, ["run.oci.handler"]);
    const text = JSON.stringify(toConfig(BASE, config, NOTHING, { passwd: "", group: "" }, "rootfs"));
    t.match(text, '"annotations":{"__proto__":"x","maintainer":"me","toString":"y"}');
  },
);
