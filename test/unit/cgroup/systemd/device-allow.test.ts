import t from "tap";
import type { DeviceRule } from "../../../../src/bundle/types.ts";
import { deviceProperties, parseDrivers } from "../../../../src/cgroup/systemd/device-allow.ts";

const DRIVERS = parseDrivers(`Character devices:
  1 mem
  5 /dev/tty
136 pts
137 pts
240 a*b

Block devices:
  7 loop
259 blkext
`);

function rule(allow: boolean, type: "a" | "b" | "c", numbers: string, access: string): DeviceRule {
  const [major, minor] = numbers.split(":").map((part) => (part === "*" ? undefined : Number(part)));
  return { allow, type, major, minor, access };
}

const DENY = rule(false, "a", "*:*", "rwm");

const TABLE: readonly (readonly [rules: readonly DeviceRule[], exact: boolean, allow: readonly string[]])[] =
  [
    [[DENY], true, []],
    [[DENY, rule(true, "c", "10:229", "rw")], true, ["/dev/char/10:229 rw"]],
    [[DENY, rule(true, "c", "1:3", "r"), rule(true, "c", "1:3", "w")], true, ["/dev/char/1:3 rw"]],
    [[DENY, rule(true, "c", "136:*", "rwm")], true, ["char-pts rwm"]],
    [[DENY, rule(true, "b", "7:*", "r")], true, ["block-loop r"]],
    [[DENY, rule(true, "b", "*:*", "m"), rule(true, "c", "*:*", "m")], false, ["block-* m", "char-* m"]],
    [[DENY, rule(true, "b", "77:*", "r")], true, ["block-* r"]],
    [[DENY, rule(true, "b", "77:*", "r")], false, []],
    [[DENY, rule(true, "c", "240:*", "r")], false, []],
    [[DENY, rule(true, "c", "*:3", "r")], true, ["char-* r"]],
    [[DENY, rule(true, "c", "*:3", "r")], false, []],
    [[DENY, rule(true, "a", "7:1", "r")], true, ["/dev/block/7:1 r", "/dev/char/7:1 r"]],
    [[rule(true, "c", "1:1", "r"), DENY], true, []],
    // A denial is for who holds the rules themselves: a list of what is allowed has no holes.
    [[DENY, rule(true, "c", "1:*", "rw"), rule(false, "c", "1:1", "w")], true, ["char-mem rw"]],
  ];

t.test("rules as DeviceAllow", (t) => {
  for (const [rules, exact, allow] of TABLE) {
    const found = deviceProperties(rules, DRIVERS, exact);
    t.same(found.get("DevicePolicy"), { type: "s", value: "strict" });
    const list = found.get("DeviceAllow")?.value as readonly (readonly string[])[];
    t.same(
      list.map((pair) => pair.join(" ")),
      allow,
      JSON.stringify(rules.at(-1)),
    );
  }
  t.end();
});

t.test("where everything is allowed systemd is told nothing of exceptions", (t) => {
  const open = rule(true, "a", "*:*", "rwm");
  for (const rules of [[open], [DENY, open], [open, rule(false, "c", "1:1", "w")]]) {
    const found = deviceProperties(rules, DRIVERS, true);
    t.equal(found.get("DevicePolicy")?.value, "auto");
    t.same(found.get("DeviceAllow")?.value, []);
    const listed = deviceProperties(rules, DRIVERS, false);
    t.equal(listed.get("DevicePolicy")?.value, "strict", "on v1 the unit stays in the hierarchy of devices");
    const all = [
      ["block-*", "rwm"],
      ["char-*", "rwm"],
    ];
    t.same(listed.get("DeviceAllow")?.value, all);
  }
  t.end();
});

t.test("systemd is not kept busy with very many devices where it need not know them", async (t) => {
  const rules = [DENY, ...Array.from({ length: 257 }, (_, i) => rule(true, "c", `10:${i}`, "r"))];
  t.equal(deviceProperties(rules.slice(0, 257), DRIVERS, true).get("DevicePolicy")?.value, "strict");
  t.equal(deviceProperties(rules, DRIVERS, true).get("DevicePolicy")?.value, "auto");
  t.equal(deviceProperties(rules, DRIVERS, false).get("DevicePolicy")?.value, "strict");
});
