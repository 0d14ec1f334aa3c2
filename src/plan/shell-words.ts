/** Words of a shell script that are safe whatever they hold, and the option words of mount(8) and capsh(1). */
import { CAPABILITIES } from "../bundle/vocabulary.ts";
import { visible } from "../error.ts";
import { MOUNT_ATTR } from "../sys/constants.gen.ts";
import { propagationWord } from "./names.ts";
import type { MountAttributes } from "./ops.ts";

/**
 * One word for sh, in single quotes where it needs any. What a terminal would obey or hide is written as bytes that printf makes,
 * so that whoever reads the script sees what it does.
 */
export function quote(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  let quoted = "";
  let plain = "";
  // Line breaks at the end of a substitution would be lost; in quotes they are harmless.
  for (const letter of word) {
    if (letter === "\n" || letter === "\t" || visible(letter) === letter) plain += letter;
    else {
      if (plain !== "") quoted += inQuotes(plain);
      plain = "";
      quoted += `"$(printf '${octal(letter)}')"`;
    }
  }
  return plain === "" && quoted !== "" ? quoted : quoted + inQuotes(plain);
}

function inQuotes(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function octal(letter: string): string {
  return [...new TextEncoder().encode(letter)]
    .map((byte) => `\\${byte.toString(8).padStart(3, "0")}`)
    .join("");
}

/** A path as a command's argument: one that starts with a dash must not become an option. */
export function quotePath(path: string): string {
  return quote(path.startsWith("-") ? `./${path}` : path);
}

/** A comment of one line. */
export function comment(text: string): string {
  return `# ${visible(text)}`;
}

/** mount(8)'s word for setting and for clearing each attribute. */
const WORDS: readonly (readonly [bit: number, set: string, clear: string])[] = [
  [MOUNT_ATTR.RDONLY, "ro", "rw"],
  [MOUNT_ATTR.NOSUID, "nosuid", "suid"],
  [MOUNT_ATTR.NODEV, "nodev", "dev"],
  [MOUNT_ATTR.NOEXEC, "noexec", "exec"],
  [MOUNT_ATTR.NODIRATIME, "nodiratime", "diratime"],
  [MOUNT_ATTR.NOSYMFOLLOW, "nosymfollow", "symfollow"],
];

/** mount(8)'s words for attributes; `suffix` is `=recursive` for a whole tree. */
export function attributeWords(set: bigint, clear: bigint, suffix = ""): readonly string[] {
  const on = Number(set);
  const off = Number(clear);
  const words: string[] = [];
  for (const [bit, yes, no] of WORDS) {
    if ((on & bit) !== 0) words.push(yes + suffix);
    else if ((off & bit) !== 0) words.push(no + suffix);
  }
  const field = on & MOUNT_ATTR._ATIME;
  if (field === MOUNT_ATTR.NOATIME) words.push(`noatime${suffix}`);
  else if (field === MOUNT_ATTR.STRICTATIME) words.push(`strictatime${suffix}`);
  else if ((off & MOUNT_ATTR._ATIME) !== 0) words.push(`relatime${suffix}`);
  return words;
}

/** The commands that follow a mount: its tree's attributes, then its propagation. */
export function afterMount(attributes: MountAttributes, place: string): readonly string[] {
  const words = attributeWords(attributes.recAttrSet, attributes.recAttrClear, "=recursive");
  const lines = words.length === 0 ? [] : [`mount -o remount,bind,${words.join(",")} ${place}`];
  for (const flags of attributes.propagation) lines.push(`mount --make-${propagationWord(flags)} ${place}`);
  return lines;
}

/** A mask's capabilities as capsh(1) lists them: `cap_chown,cap_kill`. */
export function capabilityList(mask: bigint): string {
  const names = CAPABILITIES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
  return names.map((name) => name.toLowerCase()).join(",");
}
