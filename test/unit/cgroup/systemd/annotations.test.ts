import t from "tap";
import { annotatedProperties } from "../../../../src/cgroup/systemd/annotations.ts";
import type { Value } from "../../../../src/sys/dbus-wire.ts";

function of(name: string, value: string) {
  return annotatedProperties(new Map([[`org.systemd.property.${name}`, value]]));
}

const TAKEN: readonly (readonly [
  name: string,
  given: string,
  property: string,
  type: string,
  value: Value,
])[] = [
  ["TimeoutStopUSec", "uint64 123000000", "TimeoutStopUSec", "t", 123000000n],
  ["TimeoutStopUSec", "5", "TimeoutStopUSec", "t", 5n],
  ["TimeoutStopSec", "900", "TimeoutStopUSec", "t", 900000000n],
  ["RuntimeMaxSec", "1.5", "RuntimeMaxUSec", "t", 1500000n],
  ["RuntimeMaxSec", "int64 2", "RuntimeMaxUSec", "t", 2000000n],
  ["CollectMode", "'inactive-or-failed'", "CollectMode", "s", "inactive-or-failed"],
  ["CollectMode", '"inactive"', "CollectMode", "s", "inactive"],
  ["SendSIGHUP", "true", "SendSIGHUP", "b", true],
  ["SendSIGHUP", "boolean false", "SendSIGHUP", "b", false],
  ["KillSignal", "int32 37", "KillSignal", "i", 37],
  ["After", "['a.service', 'b.service']", "After", "as", ["a.service", "b.service"]],
  ["After", "@as []", "After", "as", []],
  ["CPUWeight", "@t 18446744073709551615", "CPUWeight", "t", 2n ** 64n - 1n],
];

t.test("annotations set the properties that are in the list", (t) => {
  for (const [name, given, property, type, value] of TAKEN) {
    t.same([...of(name, given)], [[property, { type, value }]], `${name}=${given}`);
  }
  t.same(
    [
      ...annotatedProperties(
        new Map([
          ["org.systemd", "1"],
          ["a", "b"],
        ]),
      ),
    ],
    [],
  );
  t.end();
});

t.test("CVE-2024-3154: what executes, starts, stops or reboots is not in it", (t) => {
  const names = [
    "ExecStartPre",
    "ExecStart",
    "Wants",
    "Requires",
    "BindsTo",
    "Conflicts",
    "OnFailure",
    "FailureAction",
    "SuccessAction",
    "JobTimeoutAction",
    "PropagatesStopTo",
    "Slice",
    "Delegate",
    "PIDs",
    "Description",
    "DeviceAllow",
    "DevicePolicy",
    "MemoryMax",
    "BPFProgram",
    "User",
    "__proto__",
    "constructor",
    "",
    "Sec",
    "timeoutStopUSec",
    "TimeoutStopUSec ",
  ];
  for (const name of names) {
    t.throws(
      () => of(name, "'x'"),
      { name: "BundleError", code: "unsupported", pointer: `/annotations/org.systemd.property.${name}` },
      JSON.stringify(name),
    );
  }
  t.end();
});

const WRONG: readonly (readonly [name: string, given: string])[] = [
  ["TimeoutStopUSec", "-1"],
  ["TimeoutStopUSec", "18446744073709551616"],
  ["TimeoutStopUSec", "1.5"],
  ["TimeoutStopSec", "'5'"],
  ["CollectMode", "inactive"],
  ["CollectMode", "'a' + 'b'"],
  ["CollectMode", "'a\nExecStart=b'"],
  ["CollectMode", "'it\\'s'"],
  ["SendSIGHUP", "1"],
  ["After", "'a.service'"],
  ["After", "['a', b]"],
  ["KillSignal", "99999999999"],
];

t.test("a value of another type is refused, with runc's words", (t) => {
  for (const [name, given] of WRONG) {
    const message = `Annotation org.systemd.property.${name}=${given} value parse error`;
    t.throws(
      () => of(name, given),
      { name: "BundleError", code: "format", pointer: `/annotations/org.systemd.property.${name}` },
      message,
    );
  }
  t.end();
});
