/** linux.seccomp: decoded, with every word of its vocabularies, and its rules. */
import t from "tap";
import { dockerFilter } from "../../../scripts/docker-filter.ts";
import { parseBundle } from "../../../src/bundle/parse.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from "../../../src/bundle/vocabulary-seccomp.ts";
import { DIR, type Json, parse, refuses, small, withValue } from "./configs.ts";

const AT = "/linux/seccomp";
const rule = (more: { [name: string]: Json } = {}): { [name: string]: Json } => ({
  names: ["mkdir"],
  action: "SCMP_ACT_ALLOW",
  ...more,
});
const arg = (more: { [name: string]: Json } = {}): { [name: string]: Json } => ({
  index: 0,
  value: 1,
  op: "SCMP_CMP_EQ",
  ...more,
});
const filter = (more: { [name: string]: Json } = {}): Json => ({
  defaultAction: "SCMP_ACT_ERRNO",
  ...more,
});
const seccomp = (value: Json) => parse(withValue(small(), AT, value)).bundle.linux.seccomp;

t.test("defaults", (t) => {
  t.same(seccomp(filter({ syscalls: [rule({ args: [arg()] })] })), {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrno: 1,
    architectures: [],
    flags: ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
    listenerPath: undefined,
    listenerMetadata: undefined,
    rules: [
      {
        names: ["mkdir"],
        action: "SCMP_ACT_ALLOW",
        errno: 1,
        args: [{ index: 0, value: 1n, valueTwo: 0n, op: "SCMP_CMP_EQ" }],
      },
    ],
  });
  t.same(seccomp(filter({ flags: [] }))?.flags, [], "no flags are not the same as none said");
  t.same(seccomp(filter({ flags: null }))?.flags, ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]);
  t.equal(seccomp(filter({ defaultErrnoRet: 38 }))?.defaultErrno, 38);
  t.end();
});

t.test("no filter: none, null, and one without an action and without calls, which is warned about", (t) => {
  t.equal(seccomp(null), undefined);
  t.equal(parse(small()).bundle.linux.seccomp, undefined);
  for (const empty of [{}, { defaultAction: "", syscalls: [], architectures: null }]) {
    const { bundle, warnings } = parse(withValue(small(), AT, empty));
    t.equal(bundle.linux.seccomp, undefined);
    t.match(warnings, [{ pointer: AT, text: /no filter is installed/ }]);
  }
  t.end();
});

t.test("an engine's filter, without a warning", (t) => {
  const { bundle, warnings } = parse(withValue(small(), AT, dockerFilter() as unknown as Json));
  t.same(warnings, []);
  t.equal(bundle.linux.seccomp?.rules.length, 8);
  t.end();
});

t.test("64 bits survive", (t) => {
  const text = JSON.stringify(
    withValue(small(), AT, filter({ syscalls: [rule({ args: [arg({ value: "BIG", valueTwo: "BIG" })] })] })),
  ).replaceAll('"BIG"', "18446744073709551615");
  const [found] = parseBundle(text, DIR).bundle.linux.seccomp?.rules[0]?.args ?? [];
  t.equal(found?.value, 18446744073709551615n);
  t.equal(found?.valueTwo, 18446744073709551615n);
  t.end();
});

t.test("every word", (t) => {
  for (const action of SECCOMP_ACTIONS) {
    const got = seccomp(filter({ listenerPath: "/run/agent", syscalls: [rule({ action })] }));
    t.equal(got?.rules[0]?.action, action);
  }
  for (const op of SECCOMP_OPERATORS)
    t.equal(seccomp(filter({ syscalls: [rule({ args: [arg({ op })] })] }))?.rules[0]?.args[0]?.op, op);
  t.same(seccomp(filter({ architectures: [...SECCOMP_ARCHS] }))?.architectures, SECCOMP_ARCHS);
  const asks = [rule({ action: "SCMP_ACT_NOTIFY" })];
  const all = filter({ flags: [...SECCOMP_FLAGS], listenerPath: "/run/agent", syscalls: asks });
  t.same(seccomp(all)?.flags, SECCOMP_FLAGS);
  t.end();
});

t.test("what is wrong, and where", (t) => {
  const wrong = (value: Json, code: string, words: RegExp, pointer: string) => ({
    name: JSON.stringify(value),
    config: withValue(small(), AT, value),
    code,
    words,
    pointer: `${AT}${pointer}`,
  });
  const ruled = (more: { [name: string]: Json }): Json => filter({ syscalls: [rule(), rule(more)] });
  const argued = (more: { [name: string]: Json }): Json => ruled({ args: [arg(), arg(more)] });
  refuses([
    wrong([], "type", /must be an object/, ""),
    wrong({ syscalls: [rule()] }, "missing", /defaultAction is required/, "/defaultAction"),
    wrong({ defaultAction: "SCMP_ACT_ERNO" }, "range", /did you mean "SCMP_ACT_ERRNO"/, "/defaultAction"),
    wrong(filter({ defaultErrnoRet: 4096 }), "range", /from 0 to 4095/, "/defaultErrnoRet"),
    wrong(
      { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 },
      "conflict",
      /not with SCMP_ACT_ALLOW/,
      "/defaultErrnoRet",
    ),
    wrong(filter({ architectures: ["SCMP_ARCH_X86_65"] }), "range", /did you mean/, "/architectures/0"),
    wrong(filter({ flags: ["SECCOMP_FILTER_FLAG_LOGS"] }), "range", /FLAG_LOG"/, "/flags/0"),
    wrong(filter({ listenerPath: "agent" }), "format", /absolute/, "/listenerPath"),
    wrong(filter({ listenerMetadata: "x" }), "conflict", /without listenerPath/, "/listenerMetadata"),
    wrong(ruled({ names: [] }), "missing", /names is required/, "/syscalls/1/names"),
    wrong(ruled({ names: ["a", ""] }), "format", /empty/, "/syscalls/1/names/1"),
    wrong(ruled({ action: "" }), "missing", /action is required/, "/syscalls/1/action"),
    wrong(ruled({ action: "ALLOW" }), "range", /not known/, "/syscalls/1/action"),
    wrong(ruled({ errnoRet: 5 }), "conflict", /goes with SCMP_ACT_ERRNO/, "/syscalls/1/errnoRet"),
    wrong(ruled({ action: "SCMP_ACT_TRACE", errnoRet: 65536 }), "range", /65535/, "/syscalls/1/errnoRet"),
    wrong(argued({ index: 6 }), "range", /from 0 to 5/, "/syscalls/1/args/1/index"),
    wrong(argued({ value: -1 }), "range", /from 0/, "/syscalls/1/args/1/value"),
    wrong(argued({ value: null }), "missing", /value is required/, "/syscalls/1/args/1/value"),
    wrong(argued({ op: "SCMP_CMP_EG" }), "range", /did you mean/, "/syscalls/1/args/1/op"),
    wrong(
      { defaultAction: "SCMP_ACT_NOTIFY" },
      "conflict",
      /SCMP_ACT_NOTIFY cannot be used as default action/,
      "/defaultAction",
    ),
    wrong(
      ruled({ action: "SCMP_ACT_NOTIFY", names: ["read", "write"] }),
      "conflict",
      /SCMP_ACT_NOTIFY cannot be used for the write syscall/,
      "/syscalls/1/names/1",
    ),
    wrong(ruled({ action: "SCMP_ACT_NOTIFY" }), "missing", /listenerPath is not set/, "/listenerPath"),
    wrong(
      filter({ flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] }),
      "conflict",
      /no rule has SCMP_ACT_NOTIFY/,
      "/flags/1",
    ),
  ]);
  t.end();
});
