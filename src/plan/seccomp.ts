/** linux.seccomp: what is compiled to a filter, how it is installed, and when. */
import type { Bundle, Process, Seccomp } from "../bundle/types.ts";
import { CAPABILITIES } from "../bundle/vocabulary.ts";
import type { SeccompAction } from "../bundle/vocabulary-seccomp.ts";
import { PLAN, SECCOMP_FILTER_FLAG, SECCOMP_RET } from "../sys/constants.gen.ts";
import { add, type Draft } from "./draft.ts";
import { namespaceOf } from "./namespaces.ts";

const PLACE = "/linux/seccomp";

/** FILTER_VERSION of native/lib/seccomp.h. */
const VERSION = 1;

const ENOSYS = 38;

/** SCMP_CMP_* of <seccomp.h>. */
const OPERATORS = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
} as const;

/** What the kernel answers for an action (seccomp(2)); libseccomp's SCMP_ACT_* are the same numbers. */
function actionValue(action: SeccompAction, errno: number): number {
  switch (action) {
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
      return SECCOMP_RET.KILL_THREAD;
    case "SCMP_ACT_KILL_PROCESS":
      return SECCOMP_RET.KILL_PROCESS;
    case "SCMP_ACT_TRAP":
      return SECCOMP_RET.TRAP;
    case "SCMP_ACT_ERRNO":
      return SECCOMP_RET.ERRNO | errno;
    case "SCMP_ACT_TRACE":
      return SECCOMP_RET.TRACE | errno;
    case "SCMP_ACT_NOTIFY":
      return SECCOMP_RET.USER_NOTIF;
    case "SCMP_ACT_LOG":
      return SECCOMP_RET.LOG;
    case "SCMP_ACT_ALLOW":
      return SECCOMP_RET.ALLOW;
    default:
      return action satisfies never;
  }
}

/**
 * Whether calls that are newer than the filter get ENOSYS: where the default would refuse them in another way, which C
 * libraries take for an answer and do not try the older call. A tracer looks after them itself. As runc.
 */
export function answersNewer({ defaultAction, defaultErrno }: Seccomp): boolean {
  if (defaultAction === "SCMP_ACT_ERRNO") return defaultErrno !== ENOSYS;
  return !["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(defaultAction);
}

/** The bytes so far. */
interface Writer {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  used: number;
  readonly encoder: InstanceType<typeof TextEncoder>;
}

function reserve(writer: Writer, more: number): void {
  if (writer.used + more <= writer.bytes.length) return;
  const bytes = new Uint8Array((writer.used + more) * 2);
  bytes.set(writer.bytes.subarray(0, writer.used));
  writer.bytes = bytes;
  writer.view = new DataView(bytes.buffer);
}

function writeWord(writer: Writer, value: number): void {
  reserve(writer, 4);
  writer.view.setUint32(writer.used, value, true);
  writer.used += 4;
}

function writeLong(writer: Writer, value: bigint): void {
  reserve(writer, 8);
  writer.view.setBigUint64(writer.used, value, true);
  writer.used += 8;
}

/** A count, and names that each end in a NUL. */
function writeNames(writer: Writer, names: readonly string[]): void {
  writeWord(writer, names.length);
  if (names.length === 0) return;
  const block = `${names.join("\0")}\0`;
  reserve(writer, block.length * 3);
  writer.used += writer.encoder.encodeInto(block, writer.bytes.subarray(writer.used)).written;
}

/** What libtsrun compiles a filter from (native/lib/seccomp.h): the same bytes for the same filter. */
export function filterDescription(seccomp: Seccomp): Uint8Array {
  const bytes = new Uint8Array(8192);
  const view = new DataView(bytes.buffer);
  const writer: Writer = { bytes, view, used: 0, encoder: new TextEncoder() };
  writeWord(writer, VERSION);
  writeWord(writer, actionValue(seccomp.defaultAction, seccomp.defaultErrno));
  writeWord(writer, answersNewer(seccomp) ? 1 : 0);
  writeNames(
    writer,
    seccomp.architectures.map((word) => word.slice("SCMP_ARCH_".length).toLowerCase()),
  );
  writeWord(writer, seccomp.rules.length);
  for (const { action, errno, args, names } of seccomp.rules) {
    writeWord(writer, actionValue(action, errno));
    writeWord(writer, args.length);
    for (const { index, op, value, valueTwo } of args) {
      writeWord(writer, index);
      writeWord(writer, OPERATORS[op]);
      writeLong(writer, value);
      writeLong(writer, valueTwo);
    }
    writeNames(writer, names);
  }
  return writer.bytes.subarray(0, writer.used);
}

/** A filter for people: its default, how many calls get what, and its architectures. */
export function filterSummary(seccomp: Seccomp): string {
  const shown = (action: SeccompAction, errno: number): string =>
    action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE" ? `${action} ${errno}` : action;
  const counts = new Map<string, number>();
  for (const { names, action, errno, args } of seccomp.rules) {
    const what = `${shown(action, errno)}${args.length === 0 ? "" : " under conditions"}`;
    counts.set(what, (counts.get(what) ?? 0) + names.length);
  }
  const parts = [`by default ${shown(seccomp.defaultAction, seccomp.defaultErrno)}`];
  for (const [what, count] of counts)
    parts.push(`${count} ${count === 1 ? "system call" : "system calls"} ${what}`);
  if (answersNewer(seccomp)) parts.push("newer ones ENOSYS");
  if (seccomp.architectures.length > 0) parts.push(seccomp.architectures.join(" "));
  return parts.join(", ");
}

const SYS_ADMIN = 1n << BigInt(CAPABILITIES.indexOf("CAP_SYS_ADMIN"));

/** What must stay permitted for the filter's sake: without no_new_privs the kernel wants CAP_SYS_ADMIN (seccomp(2)). */
export function capabilityReserve({ linux }: Bundle, process: Process, effective: bigint): bigint {
  return linux.seccomp === undefined || process.noNewPrivileges || (effective & SYS_ADMIN) !== 0n
    ? 0n
    : SYS_ADMIN;
}

/**
 * The filter is installed at the very end, with the program's execution, since whatever tsrun-init does after it has to be
 * allowed by it. There are two exceptions. A listener must be handed over while the host is there. And where others share
 * the pid namespace, and could be allowed to trace this process, no privilege is held back for as long as it waits.
 *
 * @param program the compiled filter
 */
export function compileSeccomp(
  draft: Draft,
  bundle: Bundle,
  program: Uint8Array | undefined,
  reserved: boolean,
): void {
  const { seccomp } = bundle.linux;
  if (seccomp === undefined) return;
  if (program === undefined) throw new TypeError("the filter has not been compiled");
  const notifies = seccomp.rules.some(({ action }) => action === "SCMP_ACT_NOTIFY");
  const watched = reserved && namespaceOf(bundle, "pid")?.namespace.path !== undefined;
  let flags: number = notifies ? SECCOMP_FILTER_FLAG.NEW_LISTENER : 0;
  for (const flag of seccomp.flags) {
    switch (flag) {
      case "SECCOMP_FILTER_FLAG_TSYNC":
        break; // One thread is all there is.
      case "SECCOMP_FILTER_FLAG_LOG":
        flags |= SECCOMP_FILTER_FLAG.LOG;
        break;
      case "SECCOMP_FILTER_FLAG_SPEC_ALLOW":
        flags |= SECCOMP_FILTER_FLAG.SPEC_ALLOW;
        break;
      case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV":
        flags |= SECCOMP_FILTER_FLAG.WAIT_KILLABLE_RECV;
        break;
      default:
        flag satisfies never;
    }
  }
  const when = notifies || watched ? PLAN.seccompNow : PLAN.seccompExec;
  add(draft, { op: "seccomp", when, flags, program }, PLACE);
}
