/**
 * A plan as a shell script that a person can read and follow by hand: the same steps with the field's own tools. It is an
 * explanation, not a runtime: it resolves paths as the shell does, without tsrun-init's care for hostile images.
 */
import { append } from "../lists.ts";
import { describe } from "./describe.ts";
import type { HostStep } from "./explain.ts";
import { enterLines } from "./explain-shell-enter.ts";
import { explainProcess } from "./explain-shell-process.ts";
import { deviceType, modeText, propagationWord } from "./names.ts";
import type { Op, Plan } from "./ops.ts";
import { dirName } from "./paths.ts";
import { afterMount, attributeWords, comment, quote, quotePath } from "./shell-words.ts";

/** The script for a plan; `sh -n` accepts it whatever the bundle holds. */
export function explainShell(plan: Plan, host: readonly HostStep[]): string {
  const fork = plan.steps.findIndex(({ op }) => op.op === "fork");
  const lines = [
    "#!/bin/sh",
    "# What tsrun would do for this container, with the tools of util-linux, iproute2 and libcap (capsh).",
    "# Save it as a file and run that as root. It leaves the cgroups behind: remove them with rmdir.",
    "# It is an explanation, not a runtime: it trusts the image. chroot stands in for pivot_root, since the tools that are",
    "# needed after it are the host's.",
    "set -eu",
    ...enterLines(plan, fork, host),
  ];
  const root =
    plan.steps.map(({ op }) => (op.op === "rootfs" ? op.path : "")).find((path) => path !== "") ?? "/";
  let entered = false;
  for (const { op, pointer } of plan.steps.slice(fork + 1)) {
    lines.push("", comment(pointer === undefined ? describe(op) : `${describe(op)} (${pointer})`));
    append(lines, op.op === "propagation" && entered ? propagate(op, root) : opLines(op, root, plan));
    if (op.op === "pivotRoot" || op.op === "moveRoot") entered = true;
  }
  return `${lines.join("\n")}\n`;
}

function propagate(op: Extract<Op, { op: "propagation" }>, place: string): readonly string[] {
  return [`mount --make-${propagationWord(op.flags)} ${quotePath(place)}`];
}

/** The commands for one operation of stage two or three; none where no tool can do it. */
function opLines(op: Op, root: string, plan: Plan): readonly string[] {
  switch (op.op) {
    case "unshare":
      return ["# (done by the unshare above)"];
    case "loopback":
      return ["ip link set lo up"];
    case "hostname":
    case "domainname":
      return [`${op.op} -- ${quote(op.name)}`];
    case "oomScoreAdj":
      return [`printf %s ${op.value} > /proc/self/oom_score_adj`];
    case "propagation":
      return propagate(op, "/");
    case "overlay":
      return [
        `(cd ${quotePath(op.folder)} && mount -t overlay -o ${quote(op.options)} overlay ${quotePath(op.path)})`,
      ];
    case "rootfs":
      return [`mount --rbind ${quotePath(op.path)} ${quotePath(op.path)}`];
    case "pivotRoot":
    case "moveRoot":
      return ["# (the chroot at the end stands in for this)"];
    case "sysctl":
      return [`printf %s ${quote(op.value)} > ${quotePath(`/proc/sys/${op.name}`)}`];
    case "rootReadonly":
      return [`mount -o remount,bind,ro ${quotePath(root)}`];
    case "mkdir":
    case "mkfile":
    case "mount":
    case "bind":
    case "remount":
    case "mknod":
    case "symlink":
    case "readonlyPath":
    case "maskPath":
      return fileLines(op, quotePath(root + op.target), root + op.target);
    default:
      return explainProcess(op, plan, root);
  }
}

type FileOp = Extract<
  Op,
  {
    op: "mkdir" | "mkfile" | "mount" | "bind" | "remount" | "mknod" | "symlink" | "readonlyPath" | "maskPath";
  }
>;

function fileLines(op: FileOp, place: string, path: string): readonly string[] {
  switch (op.op) {
    case "mkdir":
      return [`[ -d ${place} ] || mkdir -p -m ${modeText(op.mode)} ${place}`];
    case "mkfile":
      return [`[ -e ${place} ] || { mkdir -p ${quotePath(dirName(path))}; : > ${place}; }`];
    case "mount": {
      const words = optionWords(op);
      const options = words.length === 0 ? "" : ` -o ${quote(words.join(","))}`;
      const command = `mount -t ${quote(op.fstype)}${options} ${quotePath(op.source)} ${place}`;
      if (op.copyUp === 1 || op.copyUp === 3)
        return [
          `copy="$(mktemp -d)"; cp -a ${place}/. "$copy"`,
          command,
          ...(op.copyUp === 3 ? [`chmod --reference=${place} "$copy"`] : []),
          `cp -a "$copy"/. ${place}; rm -r "$copy"`,
          ...afterMount(op, place),
        ];
      if (op.copyUp === 0) return [command, ...afterMount(op, place)];
      return [`mode=$(stat -c %a ${place})`, command, `chmod "$mode" ${place}`, ...afterMount(op, place)];
    }
    case "bind": {
      const words = attributeWords(op.attrSet, op.attrClear);
      const change = words.length === 0 ? [] : [`mount -o remount,bind,${words.join(",")} ${place}`];
      const how = op.recursive === 1 ? "--rbind" : "--bind";
      return [`mount ${how} ${quotePath(op.source)} ${place}`, ...change, ...afterMount(op, place)];
    }
    case "remount": {
      const words = optionWords(op);
      const first = op.superblock === 1 ? "remount" : "remount,bind";
      return [`mount -o ${quote([first, ...words].join(","))} ${place}`, ...afterMount(op, place)];
    }
    case "mknod": {
      const type = deviceType(op.mode);
      const numbers = type === "p" ? "" : ` ${op.major} ${op.minor}`;
      const make = `mknod -m ${modeText(op.mode)} ${place} ${type}${numbers}; chown ${op.uid}:${op.gid} ${place}`;
      return [`[ -e ${place} ] || { ${make}; }`];
    }
    case "symlink":
      return op.replace === 1
        ? [`ln -sfn -- ${quote(op.text)} ${place}`]
        : [`[ -e ${place} ] || [ -L ${place} ] || ln -s -- ${quote(op.text)} ${place}`];
    case "readonlyPath":
      return [`[ ! -e ${place} ] || { mount --rbind ${place} ${place}; mount -o remount,bind,ro ${place}; }`];
    case "maskPath":
      return [
        `if [ -d ${place} ]; then mount -t tmpfs -o ro tmpfs ${place}`,
        `elif [ -e ${place} ]; then mount --bind /dev/null ${place}; fi`,
      ];
    default:
      return op satisfies never;
  }
}

/** Attributes and filesystem options together: `ro` is both, and mount(8) has one word for it. */
function optionWords(op: Extract<Op, { op: "mount" | "remount" }>): readonly string[] {
  return [...new Set([...attributeWords(op.attrSet, op.attrClear), ...op.options])];
}
