/** newuidmap and newgidmap (shadow-utils), which write id maps for users as /etc/subuid and /etc/subgid allow them. */
import type { IdMapping } from "../bundle/types.ts";
import { LaunchError, type Pointer, SystemError } from "../error.ts";
import { readTextIfThere, status } from "../sys/files.ts";
import { mayExecute } from "../sys/inspect.ts";
import { environment, ids, run } from "../sys/process.ts";
import { interrupted } from "./interrupted.ts";

/** The two programs. */
export type MapTool = "newuidmap" | "newgidmap";

/** Ids of the host that a user may map. */
export interface SubordinateRange {
  readonly start: number;
  readonly count: number;
}

const FILES = {
  newuidmap: { map: "uid_map", field: "uidMappings", allowed: "/etc/subuid", option: "--add-subuids" },
  newgidmap: { map: "gid_map", field: "gidMappings", allowed: "/etc/subgid", option: "--add-subgids" },
} as const;

/** How to get the programs. */
export const INSTALL_MAP_TOOL = "install it (package uidmap, or shadow-utils)";

/** Name services may be asked on the way. */
const TOOL_MS = 20_000;

/**
 * Lets newuidmap or newgidmap write the map of a process.
 *
 * @param own the caller's own uid or gid, which they allow beside the ranges
 * @throws SystemError where there is no such program; LaunchError where it refuses, with the reason and the cure
 */
export function runMapTool(tool: MapTool, pid: number, mappings: readonly IdMapping[], own: number): void {
  const { map, field } = FILES[tool];
  const pointer: Pointer = `/linux/${field}`;
  const path = findProgram(tool, process.env["PATH"] ?? "");
  if (path === undefined) {
    throw new SystemError("execve", "ENOENT", tool, {
      doing: `write the container's ${map} with ${tool}, which is not in PATH`,
      pointer,
      hint: `${INSTALL_MAP_TOOL}, or map nothing but your own id: {"containerID": 0, "hostID": ${own}, "size": 1}`,
    });
  }
  const ran = run({
    path,
    args: [tool, ...mapArguments(pid, mappings)],
    env: environment(),
    cwd: "/",
    input: "",
    timeout: TOOL_MS,
  });
  if (ran.kind === "ended" && "code" in ran.exit && ran.exit.code === 0) return;
  if (ran.kind === "interrupted") throw interrupted(`${path} was writing the container's ${map}`);
  const output = ran.kind === "not-started" ? ran.errno : ran.output.trim();
  const found = refusedMapping(tool, mappings, own);
  throw new LaunchError("op", `write the container's ${map}: ${path} refused: ${output || "no output"}`, {
    pointer: found.index === undefined ? pointer : `${pointer}/${found.index}`,
    hint: found.hint ?? toolHint(tool, path),
  });
}

/** What the programs are called with. Pure. */
export function mapArguments(pid: number, mappings: readonly IdMapping[]): string[] {
  const words = [String(pid)];
  for (const { containerID, hostID, size } of mappings) {
    words.push(String(containerID), String(hostID), String(size));
  }
  return words;
}

/** A program's path by PATH's text; `undefined` where it is in none of the folders. */
export function findProgram(name: string, path: string): string | undefined {
  for (const folder of path.split(":")) {
    const file = `${folder === "" ? "." : folder}/${name}`;
    if (folder.startsWith("/") && mayExecute(file)) return file;
  }
  return undefined;
}

/** Which mapping is not allowed, as far as the files tell; name services may have ranges, too. */
function refusedMapping(
  tool: MapTool,
  mappings: readonly IdMapping[],
  own: number,
): { readonly index?: number; readonly hint?: string } {
  const { allowed } = FILES[tool];
  const uid = ids().euid;
  const name = userName(readTextIfThere("/etc/passwd", 16 << 20) ?? "", uid);
  if (name === undefined)
    return { hint: `user ${uid} needs an entry in /etc/passwd: ${tool} asks for his name` };
  const ranges = subordinateRanges(readTextIfThere(allowed, 16 << 20) ?? "", name, uid);
  const index = mappings.findIndex((each) => !isAllowed(each, own, ranges));
  const refused = mappings[index];
  if (refused === undefined) return {};
  const { hostID, size } = refused;
  const wanted = `ids ${hostID} to ${hostID + size - 1}`;
  const have = ranges.map(({ start, count }) => `${start} to ${start + count - 1}`).join(", ");
  const hint =
    ranges.length === 0
      ? noRange(tool, name)
      : `the mapping takes ${wanted} of the host, and ${allowed} gives ${name} only ${have}`;
  return { index, hint };
}

/** What to do for a user who may map no ids but his own. Pure. */
export function noRange(tool: MapTool, name: string): string {
  const { allowed, option } = FILES[tool];
  return `${allowed} has no line for ${name}; root adds one: usermod ${option} 100000-165535 ${name}`;
}

/** A user's name in the text of /etc/passwd. Pure. */
export function userName(passwd: string, uid: number): string | undefined {
  for (const line of passwd.split("\n")) {
    const [name, , number] = line.split(":");
    if (number === String(uid)) return name;
  }
  return undefined;
}

/** A user's ranges in the text of /etc/subuid or /etc/subgid (subuid(5)): lines `NAME-OR-UID:START:COUNT`. Pure. */
export function subordinateRanges(text: string, name: string, uid: number): readonly SubordinateRange[] {
  const found: SubordinateRange[] = [];
  for (const line of text.split("\n")) {
    const [who, start = "", count = ""] = line.split(":");
    if (who !== name && who !== String(uid)) continue;
    if (/^[0-9]+$/.test(start) && /^[0-9]+$/.test(count)) {
      found.push({ start: Number(start), count: Number(count) });
    }
  }
  return found;
}

/** Whether a mapping is of the caller's own id, or lies in one of the ranges. Pure. */
export function isAllowed(
  { hostID, size }: IdMapping,
  own: number,
  ranges: readonly SubordinateRange[],
): boolean {
  if (size === 1 && hostID === own) return true;
  return ranges.some(({ start, count }) => hostID >= start && hostID + size <= start + count);
}

/** What to do for a program that is not setuid. Pure. */
export function notSetuid(tool: MapTool, path: string): string {
  const capability = tool === "newuidmap" ? "cap_setuid" : "cap_setgid";
  return `${path} is not setuid root: chmod u+s ${path}, or setcap ${capability}+ep ${path}`;
}

/** Where the ranges are good, the program itself has not the power. */
function toolHint(tool: MapTool, path: string): string {
  const mode = status(path)?.mode ?? 0;
  if ((mode & 0o4000) === 0) return notSetuid(tool, path);
  return "a setuid program has no power on a filesystem mounted nosuid, or once no_new_privs is set";
}
