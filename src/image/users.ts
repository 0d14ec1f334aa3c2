/** Users of an image by its own /etc/passwd and /etc/group (passwd(5), group(5)), which are hostile like the rest of it. Pure. */
import { ImageError } from "./error.ts";

/** The two files; `""` where the image has none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

/** `process.user` of config.json. */
export interface FoundUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

/** What a line may hold: the kernel's ids end at 2^32 - 2; runc takes them up to 2^31 - 1. */
const LARGEST_ID = 0x7fffffff;
/** NGROUPS_MAX */
const MOST_GROUPS = 65536;

interface Line {
  readonly name: string;
  readonly fields: readonly string[];
}

function* linesOf(text: string): Iterable<Line> {
  for (const line of text.split("\n")) {
    const fields = line.trim().split(":");
    const [name = ""] = fields;
    if (name !== "" && !name.startsWith("#")) yield { name, fields };
  }
}

/** An id of a file, `undefined` where it is none. */
function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

/**
 * Who `Config.User` is: `user`, `uid`, `user:group`, `uid:gid` and so on; `""` is root. Without a group it is the user's own,
 * with the further groups that list him (image-spec conversion.md).
 *
 * @param where whose word it is, for a message
 * @throws ImageError `missing` where the files do not know a name, `format` for an id that is none
 */
export function findUser(text: string, files: UserFiles, where: string): FoundUser {
  const [user = "", group, ...more] = text.split(":");
  if (more.length > 0)
    throw new ImageError(
      "format",
      `${where} names the user ${JSON.stringify(text)}, which has more than one colon`,
    );
  const found = userOf(user === "" ? "0" : user, files.passwd, where);
  if (group !== undefined && group !== "") return { uid: found.uid, gid: groupOf(group, files.group, where) };
  const further = furtherGroups(found.name, files.group, found.gid);
  return { uid: found.uid, gid: found.gid, ...(further.length === 0 ? {} : { additionalGids: further }) };
}

function userOf(
  user: string,
  passwd: string,
  where: string,
): { readonly uid: number; readonly gid: number; readonly name: string | undefined } {
  const number = idIn(user, where);
  for (const { name, fields } of linesOf(passwd)) {
    const [uid, gid] = [idOf(fields[2]), idOf(fields[3])];
    // A name of digits is a name first, as for Docker.
    if (uid === undefined || gid === undefined || (name !== user && uid !== number)) continue;
    return { uid, gid, name };
  }
  if (number !== undefined) return { uid: number, gid: 0, name: undefined };
  throw new ImageError(
    "missing",
    `${where} names the user ${JSON.stringify(user)}, whom the image's /etc/passwd does not know`,
    "--user takes numbers, too",
  );
}

function groupOf(group: string, groups: string, where: string): number {
  const number = idIn(group, where);
  for (const { name, fields } of linesOf(groups)) {
    const gid = idOf(fields[2]);
    if (gid !== undefined && name === group) return gid;
  }
  if (number !== undefined) return number;
  throw new ImageError(
    "missing",
    `${where} names the group ${JSON.stringify(group)}, which the image's /etc/group does not know`,
    "--user takes numbers, too: uid:gid",
  );
}

function idIn(word: string, where: string): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(word)) return undefined;
  const id = idOf(word);
  if (id !== undefined) return id;
  throw new ImageError(
    "format",
    `${where} names the id ${word.slice(0, 40)}, which is not between 0 and ${LARGEST_ID}`,
  );
}

function furtherGroups(name: string | undefined, groups: string, own: number): readonly number[] {
  const found = new Set<number>();
  if (name === undefined) return [];
  for (const { fields } of linesOf(groups)) {
    const gid = idOf(fields[2]);
    if (gid === undefined || gid === own || !(fields[3] ?? "").split(",").includes(name)) continue;
    if (found.size < MOST_GROUPS) found.add(gid);
  }
  return [...found].sort((a, b) => a - b);
}
