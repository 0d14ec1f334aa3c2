/** The second half of an operation's line: options, flags, modes. */

import { PLAN } from "../sys/constants.gen.ts";
import {
  capabilityNames,
  deviceType,
  listText,
  modeText,
  propagationWord,
  schedulerFlagNames,
  seccompFlagNames,
} from "./names.ts";
import { type MountAttributes, NO_SOURCE, type Op } from "./ops.ts";
import { attributeWords } from "./shell-words.ts";

/** What `describe` leaves out for brevity: options, flags, modes; empty where there is nothing more. */
export function details(op: Op): readonly string[] {
  switch (op.op) {
    case "userns":
      return op.setGroups === 0 ? ["setgroups denied"] : [];
    case "mkdir":
    case "mkfile":
      return [modeText(op.mode)];
    case "mount":
      return [
        ...(op.source === op.fstype ? [] : [`source ${op.source}`]),
        ...new Set([...attributeDetails(op), ...op.options]),
        ...(op.ordinary === 1 ? ["no symbolic link on the way"] : []),
        ...(op.copyUp === 1 || op.copyUp === 3 ? ["with a copy of the folder's content"] : []),
        ...(op.copyUp === 2 ? ["with the folder's mode"] : []),
      ];
    case "bind":
      return [
        ...(op.recursive === 1 ? ["recursive"] : []),
        ...attributeDetails(op),
        ...(op.sourceIndex === NO_SOURCE ? [] : [`opened by the host as source ${op.sourceIndex}`]),
      ];
    case "remount":
      return [...(op.superblock === 1 ? ["and its filesystem"] : []), ...op.options, ...attributeDetails(op)];
    case "console":
      return op.height === 0 && op.width === 0 ? [] : [`${op.width} columns, ${op.height} rows`];
    case "mknod":
      return [`${deviceType(op.mode)} ${op.major}:${op.minor}`, modeText(op.mode), `${op.uid}:${op.gid}`];
    case "symlink":
      return op.replace === 1 ? ["replacing what is there"] : [];
    case "hook":
      return op.timeout === 0 ? [] : [`at most ${op.timeout} ms`];
    case "scheduler":
      return [
        ...(op.nice === 0n ? [] : [`nice ${op.nice}`]),
        ...(op.priority === 0 ? [] : [`priority ${op.priority}`]),
        ...(op.period === 0n ? [] : [`${op.runtime} of ${op.period} ns, deadline ${op.deadline} ns`]),
        ...(op.flags === 0n ? [] : [schedulerFlagNames(op.flags)]),
      ];
    case "memoryPolicy":
      return op.nodes.length === 0 ? [] : [`nodes ${listText(op.nodes)}`];
    case "user":
      return op.setGroups !== 0 ? [`groups ${op.groups.length === 0 ? "none" : op.groups.join(",")}`] : [];
    case "capabilities":
      return capabilityDetails(op);
    case "seccomp":
      return [
        op.when === PLAN.seccompExec ? "at the execution of the program" : "now",
        ...seccompFlagNames(op.flags),
      ];
    case "program":
      return [
        `args ${JSON.stringify(op.args)}`,
        `env ${JSON.stringify(op.env)}`,
        ...(op.fillHome === 1 ? ["HOME from the container's passwd"] : []),
      ];
    default:
      return [];
  }
}

function capabilityDetails(op: Extract<Op, { op: "capabilities" }>): readonly string[] {
  return [
    `effective ${capabilityNames(op.effective)}`,
    `permitted ${capabilityNames(op.permitted)}`,
    `inheritable ${capabilityNames(op.inheritable)}`,
    `ambient ${capabilityNames(op.ambient)}`,
    ...(op.reserve === 0n ? [] : [`${capabilityNames(op.reserve)} until the filter is installed`]),
  ];
}

/** Attributes in the words of mount(8), as config.json has them. */
function attributeDetails(op: MountAttributes): readonly string[] {
  const texts = [...attributeWords(op.attrSet, op.attrClear)];
  const tree = attributeWords(op.recAttrSet, op.recAttrClear);
  if (tree.length > 0) texts.push(`on the whole tree ${tree.join(" and ")}`);
  for (const flags of op.propagation) texts.push(propagationWord(flags));
  return texts;
}
