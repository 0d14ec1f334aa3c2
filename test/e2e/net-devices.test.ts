/** linux.netDevices: devices of the host that become the container's, and that come home where the creation fails. */
import { readFileSync } from "node:fs";
import t from "tap";
import { script, share } from "./support/config.ts";
import { addressesIn, hasDevice, ip, makeDevice, noVeth } from "./support/devices.ts";
import { messageOf, openHost } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost({ only: "tsrun", busybox: true });
const skip = noVeth() ?? false;

const ADDRESSES = ["10.77.0.5/24 brd +", "10.77.0.6/24", "10.78.0.1/32 peer 10.78.0.2", "fd77::5/64 nodad"];
const KEPT = [
  "inet 10.77.0.5/24 global",
  "inet 10.77.0.6/24 global",
  "inet 10.78.0.1 global",
  "inet6 fd77::5/64 global",
];
const SHOW = "/bin/busybox ip addr show";

t.test("a device with its addresses, renamed and up, and gone from the host", { skip }, async (t) => {
  makeDevice(t, "tsrt0", ...ADDRESSES);
  ip("link", "set", "tsrt0", "mtu", "1400");
  const before = /link\/ether (\S+)/.exec(ip("link", "show", "tsrt0"))?.[1] ?? "no address";
  const id = await host.running(
    host.bundle((config) => {
      config.linux.netDevices = { tsrt0: { name: "net0" } };
      script(config, "exec /bin/busybox sleep 1000");
    }),
  );
  const { stdout } = await host.must(["exec", id, "/bin/sh", "-c", `${SHOW} net0`]);
  t.same(addressesIn(stdout), KEPT);
  t.match(stdout, /net0@\S+ <[^>]*\bUP\b[^>]*> mtu 1400/);
  t.match(stdout, `link/ether ${before}`, "its own hardware address");
  t.match(stdout, /10\.77\.0\.5\/24 brd 10\.77\.0\.255/);
  t.notOk(hasDevice("tsrt0"));
  await host.delete(id);
  await until("the end of the namespace", () => !hasDevice("tsrt0-"));
  t.notOk(hasDevice("tsrt0"), "what is virtual goes with its namespace");
});

t.test("several, in order: a pattern, and the host's own names", { skip }, async (t) => {
  for (const name of ["tsrt1", "tsrt2", "tsrt3"]) makeDevice(t, name);
  const bundle = host.bundle((config) => {
    config.linux.netDevices = { tsrt3: { name: "net%d" }, tsrt1: { name: "net%d" }, tsrt2: {} };
    script(config, "cd /sys/class/net; for i in *; do echo $i $(cat $i/flags); done");
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 0, outcome.stderr);
  t.match(outcome.stdout, /^lo \S+\nnet0 0x1[0-9a-f]*3\nnet1 0x1[0-9a-f]*3\ntsrt2 0x1[0-9a-f]*3\n$/);
});

t.test("a name that the other namespace has is no obstacle on the way", { skip }, async (t) => {
  // The container's device is called as another one of the host, which stays.
  makeDevice(t, "tsrt4", "10.77.4.1/24");
  makeDevice(t, "tsrt5");
  const bundle = host.bundle((config) => {
    config.linux.netDevices = { tsrt4: { name: "tsrt5" } };
    script(config, `${SHOW} tsrt5`);
  });
  const outcome = await host.run(bundle);
  t.same(addressesIn(outcome.stdout), ["inet 10.77.4.1/24 global"]);
  t.ok(hasDevice("tsrt5"));
});

t.test("in a user namespace", { skip }, async (t) => {
  makeDevice(t, "tsrt6", "10.77.6.1/24");
  const bundle = host.bundle((config) => {
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    config.linux.netDevices = { tsrt6: {} };
    script(config, `${SHOW} tsrt6`);
  });
  const outcome = await host.run(bundle);
  t.same(addressesIn(outcome.stdout), ["inet 10.77.6.1/24 global"], outcome.stderr);
});

t.test("into a namespace that is joined, where a name can be taken", { skip }, async (t) => {
  makeDevice(t, "tsrt7", "10.77.7.1/24");
  makeDevice(t, "tsrt8", ...ADDRESSES);
  const sleeping = host.bundle((config) => {
    config.linux.netDevices = { tsrt7: { name: "net0" } };
    script(config, "exec /bin/busybox sleep 1000");
  });
  const id = await host.running(sleeping);
  const { pid } = await host.state(id);
  const joining = host.bundle((config) => {
    share(config, "network");
    config.linux.namespaces.push({ type: "network", path: `/proc/${pid}/ns/net` });
    config.mounts = config.mounts.filter(({ destination }) => destination !== "/sys");
    config.linux.netDevices = { tsrt8: { name: "net0" } };
    script(config, SHOW);
  });
  const outcome = await host.run(joining);
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /tsrt8 into the container as net0: cannot see whether its name is free.*EEXIST.*\(config\.json#\/linux\/netDevices\/tsrt8\/name\); hint: .*"%d"/,
  );
  t.same(
    addressesIn(ip("addr", "show", "tsrt8")),
    KEPT.map((each) => each),
    "it is where it was",
  );
  joining.config.linux.netDevices = { tsrt8: { name: "net%d" } };
  joining.save();
  const second = await host.run(joining);
  t.match(second.stdout, /net1@\S+ </, second.stderr);
  await host.delete(id);
});

t.test("a creation that fails later brings it home: name, addresses, state", { skip }, async (t) => {
  makeDevice(t, "tsrt9", ...ADDRESSES);
  const bundle = host.bundle((config) => {
    config.linux.netDevices = { tsrt9: { name: "net0" } };
    config.hooks = { createRuntime: [{ path: "/bin/false" }] };
  });
  const outcome = await host.run(bundle);
  t.match(messageOf(outcome), /error running createRuntime hook #0/);
  const after = ip("addr", "show", "tsrt9");
  t.same(addressesIn(after).length, KEPT.length, after);
  t.match(after, /<[^>]*\bUP\b/);
});

t.test("one that cannot be moved leaves those before it at home", { skip }, async (t) => {
  makeDevice(t, "tsrta", "10.77.10.1/24");
  const bundle = host.bundle((config) => {
    config.linux.netDevices = { tsrta: { name: "net0" }, lo: { name: "lo2" } };
  });
  const outcome = await host.run(bundle);
  t.match(
    messageOf(outcome),
    /network device lo into the container as lo2: cannot move it: RTM_NEWLINK: EINVAL/,
  );
  t.match(messageOf(outcome), /\(config\.json#\/linux\/netDevices\/lo\); hint: devices such as lo/);
  t.same(addressesIn(ip("addr", "show", "tsrta")), ["inet 10.77.10.1/24 global"]);
});

t.test("explain and features tell of it", { skip }, async (t) => {
  makeDevice(t, "tsrtb");
  const bundle = host.bundle((config) => {
    config.linux.netDevices = { tsrtb: { name: "net0" } };
  });
  const { stdout } = await host.must(["explain", "-b", bundle.dir]);
  t.match(stdout, /move the network device tsrtb into the container as net0 +\/linux\/netDevices\/tsrtb/);
  t.ok(hasDevice("tsrtb"));
  const features = (await host.must(["features"])).stdout;
  t.match(JSON.parse(features), { linux: { netDevices: { enabled: true } } });
});

t.test("no device of these tests is left", async (t) => {
  t.notMatch(readFileSync("/proc/net/dev", "utf8"), /tsrt/);
});

await host.end();
