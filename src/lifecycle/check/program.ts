/** Whether the program will be found and executed (execve(2)); the same search as tsrun-init's. */
import type { Op } from "../../plan/ops.ts";
import { join } from "../../plan/paths.ts";
import { text } from "../../sys/bytes.ts";
import { entries, status } from "../../sys/files.ts";
import { readStart } from "../../sys/inspect.ts";
import { type Identity, identity, mayUse, type Refusal, type World } from "./world.ts";

type Verdict = { readonly found: string } | { readonly errno: string } | "unknown";

/** What finding the program will come to. */
export function foreseeProgram(op: Extract<Op, { op: "program" }>, world: World): Refusal | undefined {
  const name = op.args[0] ?? "";
  const who = identity(world, "program");
  const cwd = world.bundle.process?.cwd ?? "/";
  const verdict = name.includes("/")
    ? candidate(absolute(cwd, name), world, who)
    : search(name, pathOf(op.env), cwd, world, who);
  if (verdict === "unknown") return undefined;
  if ("found" in verdict) {
    world.program = verdict.found;
    return undefined;
  }
  const { errno } = verdict;
  const reason = errno === "ENOENT" || errno === "EACCES" ? "NOT_FOUND" : "SYSCALL";
  return { call: "statx", errno, subject: name, reason };
}

function pathOf(env: readonly string[]): string {
  return env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? "";
}

function absolute(cwd: string, path: string): string {
  return path.startsWith("/") ? path : join(cwd, path);
}

function search(name: string, path: string, cwd: string, world: World, who: Identity): Verdict {
  if (path === "") return { errno: "ENOENT" };
  for (const folder of path.split(":")) {
    const verdict = candidate(join(absolute(cwd, folder === "" ? "." : folder), name), world, who);
    if (verdict === "unknown" || "found" in verdict) return verdict;
  }
  return { errno: "ENOENT" };
}

function candidate(path: string, world: World, who: Identity): Verdict {
  const look = world.tree.look(path);
  if (look.kind === "unknown") return "unknown";
  if (look.kind === "error") return { errno: look.errno };
  const file = status(look.path);
  if (file?.kind !== "file" || !mayUse(file, who)) return { errno: "EACCES" };
  return { found: look.path };
}

/** What executing it will come to. */
export function foreseeExec(world: World): Refusal | undefined {
  const { program } = world;
  if (program === undefined || hasForeignFormats()) return undefined;
  const errno = executing(program, world, 0);
  const path = program.startsWith(`${world.tree.root}/`) ? program.slice(world.tree.root.length) : program;
  return errno === undefined ? undefined : { call: "execve", errno, subject: path };
}

/** binfmt_misc lets the kernel execute anything, such as programs of other machines. */
function hasForeignFormats(): boolean {
  const folder = "/proc/sys/fs/binfmt_misc";
  return (
    status(`${folder}/register`) !== undefined &&
    entries(folder).some(({ name }) => name !== "register" && name !== "status")
  );
}

/** How deep scripts may name scripts (fs/exec.c, exec_binprm). */
const DEEPEST = 5;

function executing(path: string, world: World, depth: number): string | undefined {
  if (depth > DEEPEST) return "ELOOP";
  const start = readStart(path, 4096);
  if (start === undefined) return undefined;
  const format = formatOf(start, readStart("/proc/self/exe", 64));
  switch (format.kind) {
    case "bad":
      return "ENOEXEC";
    case "static":
      return undefined;
    case "needs": {
      const { interpreter } = format;
      if (!interpreter.startsWith("/")) return undefined;
      const look = world.tree.look(interpreter);
      if (look.kind === "unknown") return undefined;
      if (look.kind === "error") return look.errno;
      return executing(look.path, world, depth + 1);
    }
    default:
      return format satisfies never;
  }
}

/** What the start of a program says of it. */
export type Format =
  | { readonly kind: "bad" }
  | { readonly kind: "static" }
  | { readonly kind: "needs"; readonly interpreter: string };

/** Machines whose kernels also execute programs of their older, smaller relative: 386 on x86-64, ARM on AArch64. */
const RELATIVES: Readonly<Record<number, number>> = { 62: 3, 183: 40 };

/** Looks at a program's first bytes; `own` are those of a program of this machine (elf(5)). Pure. */
export function formatOf(start: Uint8Array, own: Uint8Array | undefined): Format {
  if (start[0] === 0x23 && start[1] === 0x21) {
    const line = text(start.subarray(2, 258)).split("\n")[0] ?? "";
    const interpreter = line.trim().split(/[ \t]/)[0] ?? "";
    return interpreter === "" ? { kind: "bad" } : { kind: "needs", interpreter };
  }
  if (
    start.length < 52 ||
    !(start[0] === 0x7f && start[1] === 0x45 && start[2] === 0x4c && start[3] === 0x46)
  )
    return { kind: "bad" };
  const little = start[5] === 1;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const machine = view.getUint16(18, little);
  if (own !== undefined && own.length >= 20) {
    const ours = new DataView(own.buffer, own.byteOffset, own.byteLength).getUint16(18, own[5] === 1);
    if (machine !== ours && machine !== RELATIVES[ours]) return { kind: "bad" };
  }
  const type = view.getUint16(16, little);
  if (type !== 2 && type !== 3) return { kind: "bad" };
  const interpreter = interpreterOf(start, view, little);
  return interpreter === undefined ? { kind: "static" } : { kind: "needs", interpreter };
}

/** PT_INTERP, where it lies in the bytes that were read. */
function interpreterOf(start: Uint8Array, view: DataView, little: boolean): string | undefined {
  const wide = start[4] === 2;
  if (wide && start.length < 64) return undefined;
  const offset = wide ? Number(view.getBigUint64(32, little)) : view.getUint32(28, little);
  const size = view.getUint16(wide ? 54 : 42, little);
  const count = view.getUint16(wide ? 56 : 44, little);
  for (let i = 0; i < count; i++) {
    const at = offset + i * size;
    if (at + (wide ? 56 : 32) > start.length) return undefined;
    if (view.getUint32(at, little) !== 3) continue;
    const from = wide ? Number(view.getBigUint64(at + 8, little)) : view.getUint32(at + 4, little);
    const length = wide ? Number(view.getBigUint64(at + 32, little)) : view.getUint32(at + 16, little);
    if (from + length > start.length) return undefined;
    return text(start.subarray(from, from + length)).split("\0")[0];
  }
  return undefined;
}
