/** linux.namespaces: each type new, shared with the host, or joined by path. */
import t from "tap";
import { probe, share } from "./support/config.ts";
import { intended, messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { hasEnded, namespaceOf } from "./support/outside.ts";

const host = openHost();

/** Spec name and name in /proc/PID/ns. */
const TYPES = [
  ["pid", "pid"],
  ["network", "net"],
  ["ipc", "ipc"],
  ["uts", "uts"],
  ["mount", "mnt"],
  ["cgroup", "cgroup"],
] as const;

t.test("all of them new: none is the host's", async (t) => {
  const [inside] = await host.ask(["ns"], (config) => void config.linux.namespaces.push({ type: "cgroup" }));
  for (const [type, file] of TYPES) t.not(inside[file], namespaceOf("self", file), type);
  t.equal(inside["user"], namespaceOf("self", "user"), "not asked for, so the host's");
});

t.test("left out: the host's", async (t) => {
  const [inside] = await host.ask(["ns"], (config) => {
    share(config, "pid", "network", "ipc", "uts", "cgroup");
    delete config.hostname;
    // A new sysfs or mqueue belongs to the namespaces that are shared now: the host's are enough.
    config.mounts = config.mounts.filter(
      ({ destination }) => destination === "/proc" || destination === "/dev",
    );
  });
  for (const [type, file] of TYPES) {
    if (type !== "mount") t.equal(inside[file], namespaceOf("self", file), type);
  }
});

t.test("in a pid namespace of its own the program is the first process, and sees only its own", async (t) => {
  const [proc] = await host.ask(["proc"]);
  t.equal(proc.pid, 1);
  t.equal(proc.ppid, 0);
  t.equal(proc.visible, 1);
  t.equal(proc.sid, 1, "it leads a session of its own");
});

t.test("a new network namespace has its loopback device up", async (t) => {
  const [net] = await host.ask(["net"]);
  t.same(
    net.find((device) => device.name === "lo"),
    { name: "lo", up: true },
  );
  t.notOk(
    net.some((device) => device.name === "eth0"),
    "none of the host's devices is there",
  );
});

t.test("joined by path: the other container's", async (t) => {
  const first = host.bundle((config) => {
    probe(config, "sleep", "1000");
    config.linux.namespaces.push({ type: "cgroup" });
  });
  const id = await host.running(first);
  const { pid } = await host.state(id);
  for (const [type, file] of TYPES) {
    if (type === "mount") continue;
    const [inside] = await host.ask(["ns"], (config) => {
      share(config, type);
      config.linux.namespaces.push({ type, path: `/proc/${pid}/ns/${file}` });
    });
    t.equal(inside[file], namespaceOf(pid, file), type);
  }
  const [all] = await host.ask(["ns", "proc"], (config) => {
    config.linux.namespaces = TYPES.map(([type, file]) =>
      type === "mount" ? { type } : { type, path: `/proc/${pid}/ns/${file}` },
    );
  });
  for (const [type, file] of TYPES) {
    if (type !== "mount") t.equal(all[file], namespaceOf(pid, file), `${type}, all at once`);
  }
  t.equal((await host.state(id)).status, "running", "the other container is not disturbed");
  await host.delete(id);
});

t.test("a container that joined another's pid namespace ends alone", async (t) => {
  const sleeping = host.bundle((config) => probe(config, "sleep", "1000"));
  const first = await host.running(sleeping);
  const { pid } = await host.state(first);
  const second = await host.running(
    host.bundle((config) => {
      probe(config, "sleep", "1000");
      share(config, "pid");
      config.linux.namespaces.push({ type: "pid", path: `/proc/${pid}/ns/pid` });
    }),
  );
  await host.delete(second);
  t.notOk(hasEnded(pid));
  t.equal((await host.state(first)).status, "running");
  await host.delete(first);
});

t.test("a path that is not there, or is no namespace, or one of another type", async (t) => {
  const wrong: [string, string][] = [
    ["network", "/proc/1/ns/nosuch"],
    ["network", "/etc/passwd"],
    ["uts", "/proc/self/ns/net"],
  ];
  for (const [type, path] of wrong) {
    const bundle = host.bundle((config) => {
      share(config, type);
      config.linux.namespaces.push({ type, path });
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1, path);
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), /config\.json#\/linux\/namespaces\/4/);
  }
});

t.test("a user namespace with mappings", async (t) => {
  const [ns, maps, ids, caps] = await host.ask(["ns", "maps", "ids", "caps"], (config) => {
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 200_000, size: 65_536 }];
  });
  t.not(ns["user"], namespaceOf("self", "user"));
  t.same(maps.uid, ["0 100000 65536"]);
  t.same(maps.gid, ["0 200000 65536"]);
  t.same(ids.uid, [0, 0, 0, 0]);
  t.not(caps.effective, "0000000000000000");
});

t.test("a user namespace joined by path", async (t) => {
  const first = host.bundle((config) => {
    probe(config, "sleep", "1000");
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  });
  const id = await host.running(first);
  const { pid } = await host.state(id);
  const [ns, maps] = await host.ask(["ns", "maps"], (config) => {
    config.linux.namespaces.push({ type: "user", path: `/proc/${pid}/ns/user` });
    if (process.env["TSRUN_TEST_RUNTIME"]?.endsWith("runc") === true) {
      // runc 1.1 wants the mappings repeated, and takes them as its own ids' mapping.
      config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    }
  });
  t.equal(ns["user"], namespaceOf(pid, "user"));
  t.same(maps.uid, ["0 100000 65536"]);
  await host.delete(id);
});

t.test("a time namespace with offsets", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  const [ns, clocks] = await host.ask(["ns", ["clocks", "values"]], (config) => {
    config.linux.namespaces.push({ type: "time" });
    config.linux.timeOffsets = { monotonic: { secs: 100_000 }, boottime: { secs: 200_000, nanosecs: 5 } };
  });
  t.not(ns["time"], namespaceOf("self", "time"));
  t.same(clocks.offsets, ["monotonic 100000 0", "boottime 200000 5"]);
  t.ok((clocks.boottime ?? 0) - (clocks.monotonic ?? 0) > 90_000);
});

t.test("a namespace type given twice", async (t) => {
  const bundle = host.bundle((config) => void config.linux.namespaces.push({ type: "uts" }));
  const outcome = await host.run(bundle);
  t.equal(outcome.code, intended(await host.kind(), { runc: 1, tsrun: 1, why: "the spec forbids it" }));
});

await host.end();
