/** How the process is scheduled (config.md, Linux process: scheduler, ioPriority, execCPUAffinity). */
import type { Fields } from "../fields.ts";
import { parseNumberList } from "../lists.ts";
import type { ExecCPUAffinity, IoPriority, Scheduler } from "../types.ts";
import { IO_PRIORITY_CLASSES, SCHEDULER_FLAGS, SCHEDULER_POLICIES } from "../vocabulary.ts";
import { quote } from "../words.ts";

/** @throws BundleError */
export function decodeScheduler(fields: Fields): Scheduler {
  return {
    policy: fields.must("policy", fields.oneOf("policy", SCHEDULER_POLICIES)),
    nice: fields.int("nice", -20, 19) ?? 0,
    priority: fields.int("priority", -0x80000000, 0x7fffffff) ?? 0,
    flags: fields.someOf("flags", SCHEDULER_FLAGS),
    runtime: fields.u64("runtime") ?? 0n,
    deadline: fields.u64("deadline") ?? 0n,
    period: fields.u64("period") ?? 0n,
  };
}

/** process.ioPriority. @throws BundleError `missing`, `type`, `range` */
export function decodeIoPriority(fields: Fields): IoPriority {
  return {
    class: fields.must("class", fields.oneOf("class", IO_PRIORITY_CLASSES)),
    priority: fields.must("priority", fields.int("priority", 0, 7)),
  };
}

/** process.execCPUAffinity. @throws BundleError `type`, `format` */
export function decodeExecCPUAffinity(fields: Fields): ExecCPUAffinity {
  return { initial: numberList(fields, "initial"), final: numberList(fields, "final") };
}

/** A list such as `0-3,7`; `undefined` where it is absent. @throws BundleError `format` */
export function numberList(fields: Fields, name: string): readonly number[] | undefined {
  const text = fields.string(name);
  if (text === undefined) return undefined;
  const numbers = parseNumberList(text);
  if (numbers === undefined) {
    fields.fail("format", name, `${name} ${quote(text)} is no list of numbers`, 'write it as "0-3,7"');
  }
  return numbers;
}
