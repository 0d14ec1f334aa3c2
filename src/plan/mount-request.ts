/** One mount's options, read by the table: what a mount asks for, whatever its kind turns out to be. */
import type { Pointer } from "../error.ts";
import { MOUNT_ATTR } from "../sys/constants.gen.ts";
import { MOUNT_OPTIONS, type MountOption, type SuperblockFlag } from "./mount-options.ts";
import type { MountAttributes } from "./ops.ts";

/** An option that goes to fsconfig(2), and where it stands in config.json. */
export interface FsOption {
  readonly text: string;
  readonly pointer: Pointer;
}

/** What the words of one `options` list add up to; of two words that exclude each other the later one counts. */
export interface MountRequest {
  bind: { readonly recursive: boolean } | undefined;
  remount: boolean;
  copyUp: boolean;
  idmap: { readonly recursive: boolean; readonly pointer: Pointer } | undefined;
  attrSet: number;
  attrClear: number;
  recAttrSet: number;
  recAttrClear: number;
  /** Where `ro` stands, when the mount is to be read-only; `attrSet` then has the bit, too. */
  readOnly: Pointer | undefined;
  /** The superblock's flags in the words of fsconfig(2), switched-off ones included. */
  superblock: FsOption[];
  /** What belongs to the filesystem. */
  data: FsOption[];
  propagation: number[];
}

/** fsconfig(2)'s words for switching a superblock flag off; nothing switches dirsync off. */
const OFF: Readonly<Record<SuperblockFlag, string>> = {
  ro: "rw",
  sync: "async",
  dirsync: "dirsync",
  mand: "nomand",
  lazytime: "nolazytime",
};

/** Reads a list of options; `pointer` is the list's place in config.json. */
export function readMountOptions(options: readonly string[], pointer: Pointer): MountRequest {
  const request: MountRequest = {
    bind: undefined,
    remount: false,
    copyUp: false,
    idmap: undefined,
    attrSet: 0,
    attrClear: 0,
    recAttrSet: 0,
    recAttrClear: 0,
    readOnly: undefined,
    superblock: [],
    data: [],
    propagation: [],
  };
  for (let index = 0; index < options.length; index++) {
    const word = options[index] ?? "";
    const row = Object.hasOwn(MOUNT_OPTIONS, word) ? MOUNT_OPTIONS[word] : undefined;
    if (row === undefined) addData(request, word, `${pointer}/${index}`);
    else apply(request, row, word, `${pointer}/${index}`);
  }
  return request;
}

function apply(request: MountRequest, row: MountOption, word: string, pointer: Pointer): void {
  switch (row.kind) {
    case "attribute":
      request.attrSet = (request.attrSet & ~row.clear) | row.set;
      request.attrClear = (request.attrClear & ~row.set) | row.clear;
      break;
    case "recursive":
      request.recAttrSet = (request.recAttrSet & ~row.clear) | row.set;
      request.recAttrClear = (request.recAttrClear & ~row.set) | row.clear;
      break;
    case "readonly":
      request.attrSet = row.on ? request.attrSet | MOUNT_ATTR.RDONLY : request.attrSet & ~MOUNT_ATTR.RDONLY;
      request.attrClear = row.on
        ? request.attrClear & ~MOUNT_ATTR.RDONLY
        : request.attrClear | MOUNT_ATTR.RDONLY;
      request.readOnly = row.on ? pointer : undefined;
      setSuperblock(request, "ro", row.on, pointer);
      break;
    case "superblock":
      setSuperblock(request, row.flag, row.on, pointer);
      break;
    case "propagation":
      request.propagation.push(row.flags);
      break;
    case "bind":
      // "bind" after "rbind" takes nothing back: mount(2) would have seen MS_BIND|MS_REC.
      request.bind = { recursive: row.recursive || request.bind?.recursive === true };
      break;
    case "idmap":
      request.idmap = { recursive: row.recursive, pointer };
      break;
    case "remount":
      request.remount = true;
      break;
    case "copyUp":
      request.copyUp = true;
      break;
    case "data":
      addData(request, word, pointer);
      break;
    case "nothing":
      break;
    default:
      row satisfies never;
  }
}

function setSuperblock(request: MountRequest, flag: SuperblockFlag, on: boolean, pointer: Pointer): void {
  const opposite = on ? OFF[flag] : flag;
  request.superblock = request.superblock.filter(({ text }) => text !== flag && text !== opposite);
  request.superblock.push({ text: on ? flag : OFF[flag], pointer });
}

/**
 * mount(2) takes one string that the kernel splits at commas, so "size=1m,mode=700" in one element always worked; here
 * each goes its own way. A comma stays where the kernel's own readers leave it: after a backslash (overlay), within
 * double quotes (SELinux contexts), and before a digit in mpol's list of nodes (tmpfs).
 */
function addData(request: MountRequest, text: string, pointer: Pointer): void {
  if (!text.includes(",")) {
    if (text !== "") request.data.push({ text: withoutQuotes(text), pointer });
    return;
  }
  let start = 0;
  let quoted = false;
  for (let at = 0; at <= text.length; at++) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    if (at < text.length && (char !== "," || quoted || text[at - 1] === "\\")) continue;
    const piece = text.slice(start, at);
    const next = text[at + 1];
    if (next !== undefined && next >= "0" && next <= "9" && piece.startsWith("mpol=")) continue;
    if (piece !== "") request.data.push({ text: withoutQuotes(piece), pointer });
    start = at + 1;
  }
}

/** fsconfig(2) takes an SELinux context as it is; the quotes are for mount(2)'s one string, where tsrun-init puts them back. */
function withoutQuotes(option: string): string {
  if (!option.endsWith('"')) return option;
  const [, name, label] = /^((?:fs|def|root)?context=)"([^"]*)"$/.exec(option) ?? [];
  return name === undefined || label === undefined ? option : name + label;
}

/** The request's attributes as the operations hold them. */
export function attributes(request: MountRequest): MountAttributes {
  return {
    attrSet: BigInt(request.attrSet),
    attrClear: BigInt(request.attrClear),
    recAttrSet: BigInt(request.recAttrSet),
    recAttrClear: BigInt(request.recAttrClear),
    propagation: request.propagation.map((flags) => BigInt(flags)),
  };
}

/**
 * The attributes for a filesystem that was just made: it has none yet, so that nothing needs clearing but the
 * access-time field, which mount_setattr(2) wants cleared whenever a mode is set.
 */
export function freshAttributes(request: MountRequest): MountAttributes {
  const set = request.attrSet;
  return {
    attrSet: BigInt(set),
    attrClear: (set & MOUNT_ATTR._ATIME) === 0 ? 0n : BigInt(MOUNT_ATTR._ATIME),
    recAttrSet: BigInt(request.recAttrSet),
    recAttrClear: set === 0 && request.recAttrSet === 0 ? 0n : BigInt(request.recAttrClear),
    propagation: request.propagation.map((flags) => BigInt(flags)),
  };
}
