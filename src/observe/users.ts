/** The names of the host's users. */
import { SystemError } from "../error.ts";
import { readTextIfThere } from "../sys/files.ts";

/** A larger /etc/passwd is not read; numbers stand for names then. */
const PASSWD_MAX = 16 << 20;

/** User names by uid, from the host's /etc/passwd; a host without one shows numbers. */
export function userNames(): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of passwd().split("\n")) {
    const [name, , uid] = line.split(":");
    if (name !== undefined && uid !== undefined && uid !== "" && !names.has(Number(uid)))
      names.set(Number(uid), name);
  }
  return names;
}

/** One user's name, from the first line with this uid: mostly root's, which is at the top. */
export function userName(wanted: number): string | undefined {
  const text = passwd();
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf("\n", at);
    const end = found < 0 ? text.length : found;
    const [name, , uid] = text.slice(at, end).split(":");
    if (uid !== undefined && uid !== "" && Number(uid) === wanted) return name;
    at = end + 1;
  }
  return undefined;
}

function passwd(): string {
  try {
    return readTextIfThere("/etc/passwd", PASSWD_MAX) ?? "";
  } catch (error) {
    if (error instanceof SystemError) return "";
    throw error;
  }
}
