/** Who calls: privileges that are missing, and what ordinary users need. */
import { CAPABILITIES } from "../../bundle/vocabulary.ts";
import { capabilityNames } from "../../plan/names.ts";
import {
  INSTALL_MAP_TOOL,
  type MapTool,
  noRange,
  notSetuid,
  subordinateRanges,
  userName,
} from "../../spawn/map-tools.ts";
import { usernsHint } from "../../spawn/userns-hint.ts";
import type { Finding, World } from "./world.ts";

/** Users. */
export function users(world: World): readonly Finding[] {
  return [
    ...(world.privilege === "user" ? [] : [capabilities(world)]),
    ordinary(world),
    mapTool(world, "newuidmap"),
    mapTool(world, "newgidmap"),
    ...(world.privilege === "user" ? [ranges(world, "newuidmap"), ranges(world, "newgidmap")] : []),
  ];
}

/** What is lost with some capabilities (capabilities(7)). */
const LOST: { readonly [name: string]: string } = {
  CAP_SYS_ADMIN: "nearly everything",
  CAP_SYS_RESOURCE: "raising hard limits (process.rlimits), and an oomScoreAdj below the present one",
  CAP_MKNOD: "device nodes",
  CAP_NET_ADMIN: "netDevices, and network settings in linux.sysctl",
  CAP_SETUID: "another user for the program",
  CAP_SETGID: "other groups for the program",
  CAP_SYS_PTRACE: "entering containers of others, and the exit code of processes of others",
  CAP_SYS_NICE: "realtime scheduling",
  CAP_SETPCAP: "a smaller bounding set, which is what process.capabilities usually asks for",
  CAP_DAC_OVERRIDE: "bundles that belong to others",
};

function capabilities({ read }: World): Finding {
  const about = { area: "users", name: "capabilities" } as const;
  const status = read("/proc/self/status") ?? "";
  const mask = BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const last = BigInt((read("/proc/sys/kernel/cap_last_cap") ?? `${CAPABILITIES.length - 1}`).trim());
  const all = (1n << (last + 1n)) - 1n;
  const absent = all & ~mask;
  if (absent === 0n) return { ...about, state: "ok", found: "root has all of them" };
  const names = capabilityNames(absent);
  const lost = Object.keys(LOST).filter((name) => names.split(",").includes(name) || names === "all");
  return {
    ...about,
    state: "partial",
    found: `root lacks ${names}`,
    lost: [...lost.map((name) => `${name}: ${LOST[name]}`), "giving them to containers"].join("; "),
    cure: "whoever started this shell took them away: an outer container, or systemd's CapabilityBoundingSet=",
  };
}

/** Whether users can have namespaces; whoever is one has tried it by now. */
function ordinary({ read }: World): Finding {
  const about = { area: "users", name: "user namespaces for all" } as const;
  const hint = usernsHint(read);
  if (hint === undefined) return { ...about, state: "ok", found: "no setting forbids them" };
  return {
    ...about,
    state: "missing",
    found: "a setting forbids them",
    lost: "containers of ordinary users",
    cure: hint,
  };
}

function mapTool(world: World, tool: MapTool): Finding {
  const about = { area: "users", name: tool } as const;
  const lost = "ordinary users can map no ids but their own: images with several users";
  const path = world.program(tool);
  if (path === undefined)
    return { ...about, state: "missing", found: "not in PATH", lost, cure: INSTALL_MAP_TOOL };
  if (((world.mode(path) ?? 0) & 0o4000) !== 0) return { ...about, state: "ok", found: `${path}, setuid` };
  return {
    ...about,
    state: "partial",
    found: `${path}, not setuid; file capabilities do as well`,
    lost,
    cure: notSetuid(tool, path),
  };
}

function ranges({ read, uid }: World, tool: MapTool): Finding {
  const file = tool === "newuidmap" ? "/etc/subuid" : "/etc/subgid";
  const about = { area: "users", name: file } as const;
  const name = userName(read("/etc/passwd") ?? "", uid);
  const lost = "more than one id in a container";
  if (name === undefined) {
    return {
      ...about,
      state: "missing",
      found: `user ${uid} has no entry in /etc/passwd`,
      lost,
      cure: `${tool} asks for his name: useradd`,
    };
  }
  const found = subordinateRanges(read(file) ?? "", name, uid);
  if (found.length === 0)
    return { ...about, state: "missing", found: "no range", lost, cure: noRange(tool, name) };
  return {
    ...about,
    state: "ok",
    found: found.map(({ start, count }) => `${start} to ${start + count - 1}`).join(", "),
  };
}
