import t from "tap";
import { deviceRules } from "../../../src/cgroup/devices.ts";
import {
  type DeviceList,
  deviceChanges,
  deviceList,
  parseDeviceList,
} from "../../../src/cgroup/update-devices.ts";
import { resources } from "./sample.ts";

const list = (named: Record<string, string>, allowAll = false): DeviceList => ({
  allowAll,
  named: new Map(Object.entries(named)),
});
const shown = (from: DeviceList, to: DeviceList): string[] =>
  deviceChanges(from, to).map(({ file, value }) => `${file} ${value}`);

t.test("parseDeviceList: as the kernel shows it", async (t) => {
  t.same(parseDeviceList("c 1:3 rwm\nb *:* m\n"), list({ "c 1:3": "rwm", "b *:*": "m" }));
  t.same(parseDeviceList("a *:* rwm\n"), list({}, true));
  t.same(parseDeviceList(""), list({}));
});

t.test("deviceChanges: only the difference, and taking away comes first", async (t) => {
  const from = list({ "c 1:3": "rwm", "c 1:5": "rw", "b 8:0": "r" });
  t.same(shown(from, from), []);
  t.same(shown(from, list({ "c 1:3": "rwm", "c 1:5": "rm", "c 10:229": "rwm" })), [
    "devices.deny c 1:5 w",
    "devices.deny b 8:0 r",
    "devices.allow c 1:5 m",
    "devices.allow c 10:229 rwm",
  ]);
});

t.test("deviceChanges: from and to a list that allows everything, it is begun anew", async (t) => {
  t.same(shown(list({}, true), list({ "c 1:3": "rwm" })), [
    "devices.deny a *:* rwm",
    "devices.allow c 1:3 rwm",
  ]);
  t.same(shown(list({ "c 1:3": "rwm" }), list({ "b 8:0": "w" }, true)), [
    "devices.allow a *:* rwm",
    "devices.deny b 8:0 w",
  ]);
});

t.test("deviceList: nothing is allowed that no rule allows", async (t) => {
  const rule = { allow: true, type: "c", major: 10, minor: 229, access: "rw" } as const;
  const { allowAll, named } = deviceList(deviceRules(resources({ devices: [rule] })));
  t.equal(allowAll, false);
  t.equal(named.get("c 10:229"), "rw");
  t.equal(named.get("c 1:3"), "rwm", "a default device");
  t.equal(named.get("b 8:0"), undefined);
});
