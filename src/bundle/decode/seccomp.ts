/** linux.seccomp (config-linux.md, Seccomp): a filter of system calls. */
import { BundleError } from "../../error.ts";
import type { Fields } from "../fields.ts";
import type { Seccomp, SeccompArg, SeccompRule } from "../types-seccomp.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  type SeccompAction,
} from "../vocabulary-seccomp.ts";

/** What a filter answers with where nothing else is said: runc's, and the spec's own default. */
const EPERM = 1;

/** The kernel's MAX_ERRNO. */
const LARGEST_ERRNO = 4095;
/** What a tracer gets has 16 bits (SECCOMP_RET_DATA). */
const LARGEST_DATA = 0xffff;

/** `undefined` for an object without an action and without calls, which runc takes for "no filter". @throws BundleError */
export function decodeSeccomp(fields: Fields): Seccomp | undefined {
  const action = fields.oneOf("defaultAction", SECCOMP_ACTIONS);
  const errno = decodeErrno(fields, "defaultErrnoRet", action);
  const filter = {
    defaultErrno: errno,
    architectures: fields.someOf("architectures", SECCOMP_ARCHS),
    // An empty list is not the same as none: none means the runtime's own choice, as in runc.
    flags: flagsOf(fields) ?? ["SECCOMP_FILTER_FLAG_SPEC_ALLOW" as const],
    listenerPath: fields.absolutePath("listenerPath"),
    listenerMetadata: fields.string("listenerMetadata"),
    rules: fields.objects("syscalls", decodeRule),
  };
  if (action === undefined && filter.rules.length === 0) {
    const text = "seccomp has neither a defaultAction nor any syscalls: no filter is installed";
    fields.decoding.warn(fields.pointer, text, 'give it a defaultAction, such as "SCMP_ACT_ERRNO"');
    return undefined;
  }
  return { defaultAction: fields.must("defaultAction", action), ...filter };
}

function flagsOf(fields: Fields): Seccomp["flags"] | undefined {
  const words = fields.stringsIfThere("flags");
  return words?.map(
    (word, i) =>
      SECCOMP_FLAGS.find((flag) => flag === word) ?? fields.unknownWord("flags", i, word, SECCOMP_FLAGS),
  );
}

function decodeRule(fields: Fields): SeccompRule {
  const names = fields.strings("names");
  if (names.length === 0) fields.fail("missing", "names", "names is required, and is missing or empty");
  const wrong = names.includes("") || names.join("").includes("\0");
  const empty = wrong ? names.findIndex((name) => name === "" || name.includes("\0")) : -1;
  if (empty >= 0) {
    const sentence = "a system call's name is empty or holds a NUL";
    throw new BundleError("format", `${fields.at("names")}/${empty}`, sentence, "remove it");
  }
  const action = fields.must("action", fields.oneOf("action", SECCOMP_ACTIONS));
  return {
    names,
    action,
    errno: decodeErrno(fields, "errnoRet", action),
    args: fields.objects("args", decodeArg),
  };
}

/** The errno, or what a tracer gets; the spec wants an error where the action has neither. */
function decodeErrno(fields: Fields, name: string, action: SeccompAction | undefined): number {
  const most = action === "SCMP_ACT_TRACE" ? LARGEST_DATA : LARGEST_ERRNO;
  const value = fields.int(name, 0, most);
  if (value === undefined || action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE")
    return value ?? EPERM;
  const sentence = `${name} goes with SCMP_ACT_ERRNO or SCMP_ACT_TRACE, not with ${action ?? "no action"}`;
  return fields.fail("conflict", name, sentence, `remove ${name}, or change the action`);
}

function decodeArg(fields: Fields): SeccompArg {
  return {
    index: fields.must("index", fields.int("index", 0, 5)),
    value: fields.must("value", fields.u64("value")),
    valueTwo: fields.u64("valueTwo") ?? 0n,
    op: fields.must("op", fields.oneOf("op", SECCOMP_OPERATORS)),
  };
}
