import t from "tap";
import { parseBundle } from "../../../../src/bundle/parse.ts";
import { type Confined, looseness } from "../../../../src/lifecycle/criu/confinement.ts";
import { baseConfig, type Config } from "../../../e2e/support/config.ts";

const HOST: Confined = {
  namespaces: { cgroup: 1n, ipc: 2n, mnt: 3n, net: 4n, pid: 5n, time: 6n, user: 7n, uts: 8n },
  threads: [],
  labels: [],
  uidMap: "         0          0 4294967295\n",
  gidMap: "         0          0 4294967295\n",
};
const OWN = { cgroup: 1n, ipc: 12n, mnt: 13n, net: 14n, pid: 15n, time: 16n, user: 7n, uts: 18n };

/** CAP_KILL, CAP_NET_BIND_SERVICE and CAP_AUDIT_WRITE, as the base config has them. */
const ALLOWED = "0000000020000420";

function status(changes: Readonly<Record<string, string>> = {}): string {
  const fields = {
    CapInh: "0000000000000000",
    CapPrm: ALLOWED,
    CapEff: ALLOWED,
    CapBnd: ALLOWED,
    CapAmb: "0000000000000000",
    NoNewPrivs: "1",
    Seccomp: "2",
    ...changes,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join("");
}

function looser(change: (config: Config) => void, first: Partial<Confined>, joined: bigint[] = []): unknown {
  const config = baseConfig("unit");
  change(config);
  const { bundle } = parseBundle(JSON.stringify(config), "/bundle");
  const all = bundle.linux.namespaces.map((_, index) => joined[index]);
  return looseness(bundle, { ...HOST, namespaces: OWN, threads: [status()], ...first }, HOST, all)?.pointer;
}

t.test("what is as config.json says", (t) => {
  t.equal(
    looser(() => undefined, {}),
    undefined,
  );
  t.equal(
    looser(() => undefined, { threads: [status({ CapPrm: "0", CapEff: "0", CapBnd: "0" })] }),
    undefined,
    "less than it may",
  );
  t.end();
});

t.test("what is less", (t) => {
  const keep = (): void => undefined;
  t.equal(looser(keep, { namespaces: { ...OWN, net: 4n } }), "/linux/namespaces/1");
  t.equal(looser(keep, { namespaces: { ...OWN, pid: undefined } }), "/linux/namespaces/0");
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    t.equal(looser(keep, { threads: [status({ [set]: "0000000020200420" })] }), "/process/capabilities", set);
  }
  t.equal(
    looser(keep, { threads: [status(), status({ CapEff: "1" })] }),
    "/process/capabilities",
    "a thread",
  );
  const filtered = (config: Config): void => {
    config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
  };
  t.equal(looser(filtered, {}), undefined);
  t.equal(looser(filtered, { threads: [status({ Seccomp: "0" })] }), "/linux/seccomp");
  const named = (config: Config): void => {
    config.linux.namespaces = [{ type: "network", path: "/run/netns/x" }, { type: "mount" }, { type: "uts" }];
  };
  t.equal(looser(named, {}, [14n]), undefined);
  t.equal(looser(named, {}, [99n]), "/linux/namespaces/0");
  const mapped = (config: Config): void => {
    config.linux.namespaces = [{ type: "user" }, { type: "mount" }, { type: "uts" }];
    config.linux.uidMappings = [{ containerID: 0, hostID: 1000, size: 1 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 1000, size: 1 }];
  };
  const map = "         0       1000          1\n";
  const namespaces = { ...OWN, user: 17n };
  t.equal(looser(mapped, { namespaces, uidMap: map, gidMap: map }), undefined);
  t.equal(looser(mapped, { namespaces, uidMap: HOST.uidMap, gidMap: map }), "/linux/uidMappings");
  t.equal(looser(mapped, { namespaces, uidMap: map, gidMap: HOST.gidMap }), "/linux/gidMappings");
  t.end();
});
