import t from "tap";
import type { DeviceRule } from "../../../src/bundle/types.ts";
import { compileDevices, deviceRules } from "../../../src/cgroup/devices.ts";
import { resources } from "./sample.ts";

/** `+c 1:3 rw` allows, `-a *:* rwm` denies. */
function rule(text: string): DeviceRule {
  const [, sign, type, major, minor, access] = /^([+-])([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(text) ?? [];
  if (type !== "a" && type !== "b" && type !== "c") throw new Error(`bad rule in the test: ${text}`);
  const number = (digits: string | undefined): number | undefined =>
    digits === "*" ? undefined : Number(digits);
  return { allow: sign === "+", type, major: number(major), minor: number(minor), access: access ?? "" };
}
const asked = (rules: readonly string[]) => resources({ devices: rules.map(rule) });
const writes = (rules: readonly string[]): string[] =>
  compileDevices(asked(rules)).map(({ file, value }) => `${file === "devices.allow" ? "+" : "-"}${value}`);

const DEFAULTS = [
  "+b *:* m",
  "+c *:* m",
  "+c 1:3 rwm",
  "+c 1:5 rwm",
  "+c 1:7 rwm",
  "+c 1:8 rwm",
  "+c 1:9 rwm",
  "+c 5:0 rwm",
  "+c 5:2 rwm",
  "+c 10:200 rwm",
  "+c 136:* rwm",
];
/** Those with a number below and from 10:200 on: the list is sorted. */
const BELOW = DEFAULTS.slice(0, -2);
const ABOVE = DEFAULTS.slice(-2);
const DENY = "-a *:* rwm";
const among = (...more: string[]): string[] => [DENY, ...BELOW, ...more, ...ABOVE];

const TABLE: readonly [string, readonly string[], readonly string[]][] = [
  ["no rules", [], [DENY, ...DEFAULTS]],
  ["deny all", [DENY], [DENY, ...DEFAULTS]],
  ["allow all", ["+a *:* rwm"], ["+a *:* rwm"]],
  ["allow all after others", [DENY, "+c 10:1 r", "+a *:* rwm"], ["+a *:* rwm"]],
  ["allow all but one", ["+a *:* rwm", "-c 10:229 w"], ["+a *:* rwm", "-c 10:229 w"]],
  ["allow all but a default: the default comes back", ["+a *:* rwm", "-c 1:3 w"], ["+a *:* rwm"]],
  ["deny all again", ["+a *:* rwm", DENY], [DENY, ...DEFAULTS]],
  ["one more", [DENY, "+c 10:1 rw"], among("+c 10:1 rw")],
  ["merged", [DENY, "+c 10:1 m", "+c 10:1 r"], among("+c 10:1 rm")],
  ["partly taken back", [DENY, "+c 10:1 rwm", "-c 10:1 w"], among("+c 10:1 rm")],
  ["wholly taken back", [DENY, "+c 10:1 r", "-c 10:1 rwm"], among()],
  ["a wider denial does not reach a single rule", [DENY, "+c 10:1 r", "-c 10:* r"], among("+c 10:1 r")],
  ["a default cannot be denied", [DENY, "-c 5:0 rwm"], [DENY, ...DEFAULTS]],
  [
    "sorted by number, then type",
    [DENY, "+c 10:1 r", "+b 10:1 r", "+b 8:* r"],
    among("+b 8:* r", "+b 10:1 r", "+c 10:1 r"),
  ],
  ["every type but one number is not every device", ["+a 10:1 r"], among("+b 10:1 r", "+c 10:1 r")],
];

for (const [name, rules, expected] of TABLE) {
  t.test(`devices: ${name}`, async (t) => {
    t.same(writes(rules), expected);
    t.same(deviceRules(asked(rules)), expected.map(rule), "the same as rules");
  });
}

t.test("devices: a hole in a wildcard is refused, at the rule", async (t) => {
  t.throws(() => writes([DENY, "+c 10:* rwm", "-c 10:200 w"]), {
    code: "unsupported",
    pointer: "/linux/resources/devices/2",
    message:
      "requested rule [c 10:200 w] not supported by devices cgroupv1 (cannot punch hole in existing wildcard rule [c 10:* rwm])",
  });
});

t.test("devices: a wildcard over a default is refused, at the wildcard", async (t) => {
  t.throws(() => writes(["+a *:* rwm", "-c 5:* w"]), {
    code: "unsupported",
    pointer: "/linux/resources/devices/1",
  });
});

t.test("devices: writes point at their rules", async (t) => {
  t.same(
    compileDevices(asked([DENY, "+c 10:1 r"]))
      .filter(({ pointer }) => pointer !== "/linux/resources/devices")
      .map(({ value, pointer }) => [value, pointer]),
    [
      ["a *:* rwm", "/linux/resources/devices/0"],
      ["c 10:1 r", "/linux/resources/devices/1"],
    ],
  );
});
