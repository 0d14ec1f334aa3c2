/** `bundle` and `image` in the executable: long jobs with streams and archives, which tsrun.js does, by Node. */
import { SystemError, UsageError } from "../../error.ts";
import { findProgram } from "../../spawn/map-tools.ts";
import { status } from "../../sys/files.ts";
import { resolveIn } from "../../sys/inspect.ts";
import { nativeDir } from "../../sys/place.ts";
import { privilege } from "../../sys/privilege.ts";
import { execute } from "../../sys/process.ts";
import type { Command } from "../table.ts";

const SCRIPT = "tsrun.js";
const OTHERS_WRITE = 0o022;

/** Where the script may be: beside the executable, or where a package of a distribution puts it. */
function folders(): readonly string[] {
  const own = nativeDir();
  return [own, `${own.slice(0, own.lastIndexOf("/"))}/lib/tsrun`];
}

/** The script, links resolved, as Node does: what it loads lies beside the file, not beside a link to it. */
function find(): string | undefined {
  for (const folder of folders()) {
    const { path } = { path: undefined, ...resolveIn("/", `${folder}/${SCRIPT}`) };
    if (path !== undefined && status(path)?.kind === "file") return path;
  }
  return undefined;
}

/** Whoever can write what runs as root is root: the folder counts as much as the files in it. @throws SystemError */
function checkOwner(path: string): void {
  const found = status(path);
  if (found === undefined || privilege() !== "root") return;
  if (found.uid === 0 && (found.mode & OTHERS_WRITE) === 0) return;
  throw new SystemError("open", "EKEYREJECTED", path, {
    doing: `${path} can be changed by others than root, though root runs what is in it`,
    hint: found.uid === 0 ? `chmod go-w ${path}` : `chown root ${path}`,
  });
}

/** `tsrun bundle` and `tsrun image`. */
export const command: Command = () => {
  const words = process.argv.slice(2);
  const name = words.find((word) => word === "bundle" || word === "image") ?? "";
  const script = find();
  if (script === undefined) {
    throw new UsageError(`${name} is done by ${SCRIPT}, which is in neither ${folders().join(" nor ")}`, {
      hint: "copy tsrun.js and libtsrun.so there from dist, and npm install koffi beside them",
    });
  }
  const node = findProgram("node", process.env["PATH"] ?? "");
  if (node === undefined) {
    throw new UsageError(`${name} needs Node 20.16 or newer, and no folder of PATH has a program node`, {
      hint: "install it: apt-get install nodejs",
    });
  }
  const folder = script.slice(0, script.lastIndexOf("/"));
  for (const path of [folder || "/", script, `${folder}/libtsrun.so`]) checkOwner(path);
  execute(node, ["node", script, ...words]);
};
