/** Labels, network devices and Intel RDT: what is decoded, and what is refused. */
import t from "tap";
import { type Json, parse, refuses, small, withValue } from "./configs.ts";

const NET = "/linux/netDevices";
const RDT = "/linux/intelRdt";

function linuxOf(put: string, value: Json, ...namespaces: string[]) {
  return parse(withValue(small(...namespaces), put, value));
}

t.test("labels: an empty one is none", async (t) => {
  const config = withValue(
    withValue(withValue(small(), "/process/apparmorProfile", "p"), "/process/selinuxLabel", "a:b:c"),
    "/linux/mountLabel",
    "d:e:f",
  );
  const { bundle } = parse(config);
  t.match(bundle.process, { apparmorProfile: "p", selinuxLabel: "a:b:c" });
  t.equal(bundle.linux.mountLabel, "d:e:f");
  const none = parse(withValue(withValue(small(), "/process/apparmorProfile", ""), "/linux/mountLabel", ""));
  t.equal(none.bundle.process?.apparmorProfile, undefined);
  t.equal(none.bundle.linux.mountLabel, undefined);
  t.strictSame(none.warnings, []);
});

t.test("network devices, in config.json's order", async (t) => {
  const value = { eth1: { name: "net%d" }, eth0: {}, eth2: null, eth3: { name: "" } };
  const { bundle, warnings } = linuxOf(NET, value, "network");
  t.strictSame(bundle.linux.netDevices, [
    { hostName: "eth1", name: "net%d" },
    { hostName: "eth0", name: undefined },
    { hostName: "eth2", name: undefined },
    { hostName: "eth3", name: undefined },
  ]);
  t.strictSame(warnings, []);
  t.strictSame(linuxOf(NET, {}).bundle.linux.netDevices, [], "none need no namespace");
  t.match(linuxOf(NET, { eth0: { nam: "x" } }, "network").warnings, [
    { pointer: `${NET}/eth0/nam`, text: 'unknown field "nam" is ignored', hint: /name/ },
  ]);
});

t.test("network devices that cannot be", async (t) => {
  const row = (name: string, value: Json, code: string, pointer: string, words: RegExp, ...ns: string[]) => ({
    name,
    config: withValue(small(...ns), NET, value),
    code,
    pointer,
    words,
  });
  refuses([
    row("no namespace", { eth0: {} }, "conflict", NET, /without a network namespace.*"network"/),
    row("no object", { eth0: "eth1" }, "type", `${NET}/eth0`, /must be an object/, "network"),
    row("a list", [{}], "type", NET, /must be an object/, "network"),
    row(
      "too long",
      { abcdefghijklmnop: {} },
      "format",
      `${NET}/abcdefghijklmnop`,
      /invalid network device name/,
      "network",
    ),
    row("too many bytes", { äääääääü: {} }, "format", `${NET}/äääääääü`, /1 to 15 bytes/, "network"),
    row("a slash", { "a/b": {} }, "format", `${NET}/a~1b`, /invalid network device name "a\/b"/, "network"),
    row("no name", { "": {} }, "format", `${NET}/`, /invalid network device name ""/, "network"),
    row("the parent", { eth0: { name: ".." } }, "format", `${NET}/eth0/name`, /"\.\."/, "network"),
    row("a blank", { eth0: { name: "a b" } }, "format", `${NET}/eth0/name`, /"a b"/, "network"),
    row("another pattern", { eth0: { name: "a%s" } }, "format", `${NET}/eth0/name`, /one "%d"/, "network"),
    row("two patterns", { eth0: { name: "%d%d" } }, "format", `${NET}/eth0/name`, /one "%d"/, "network"),
    row(
      "one name twice",
      { eth0: {}, eth1: { name: "eth0" } },
      "conflict",
      `${NET}/eth1/name`,
      /two network devices.*"eth0"/,
      "network",
    ),
  ]);
  const twice = linuxOf(NET, { a: { name: "n%d" }, b: { name: "n%d" } }, "network").bundle.linux.netDevices;
  t.equal(twice.length, 2, "a pattern may come twice");
});

t.test("Intel RDT", async (t) => {
  t.strictSame(linuxOf(RDT, {}).bundle.linux.intelRdt, {
    closID: undefined,
    l3CacheSchema: undefined,
    memBwSchema: undefined,
    schemata: [],
    enableMonitoring: false,
  });
  const all = {
    closID: "/",
    l3CacheSchema: "L3:0=f",
    memBwSchema: "MB:0=20",
    schemata: ["L2:0=f", "L2:1=f"],
    enableMonitoring: true,
  };
  t.strictSame(linuxOf(RDT, all).bundle.linux.intelRdt, all);
  t.match(linuxOf(RDT, { enableCMT: true, enableMBM: false }).warnings, [
    { pointer: `${RDT}/enableCMT`, text: /no more since version 1.3/, hint: /enableMonitoring/ },
  ]);
});

t.test("Intel RDT that cannot be", async () => {
  const row = (field: string, value: Json, code: string, words: RegExp) => ({
    name: `${field} ${JSON.stringify(value)}`,
    config: withValue(small(), `${RDT}/${field}`, value),
    code,
    pointer: `${RDT}/${field}`,
    words,
  });
  refuses([
    ...["..", ".", "a/b", "/a", "info", "mon_groups", "mon_data", "a\nb"].map((id) =>
      row("closID", id, "format", /is no name of a class of service/),
    ),
    row("memBwSchema", "L3:0=f", "format", /must be one line that begins with "MB:"/),
    row("memBwSchema", "MB:0=1\nL3:0=f", "format", /must be one line/),
    row("schemata", "L3:0=f", "type", /must be an array/),
    row("enableMonitoring", "yes", "type", /must be a boolean/),
  ]);
});
