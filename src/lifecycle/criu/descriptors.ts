/**
 * descriptors.json of an image: what the container's standard streams were. runc writes and reads the same. A pipe among them is
 * from outside; it is replaced by the stream of whoever restores the container.
 */
import { LaunchError } from "../../error.ts";
import { O } from "../../sys/constants.gen.ts";
import { Handle, performAll, readDescriptor, status } from "../../sys/files.ts";

const NAME = "descriptors.json";
const LARGEST = 1 << 16;
const STREAMS = [0, 1, 2] as const;

/** Writes the file into a folder that nobody else writes to. @throws SystemError */
export function saveDescriptors(image: string, names: readonly string[]): void {
  // runc names what is no pipe, too, and looks at it no more.
  const text = JSON.stringify(STREAMS.map((fd) => names[fd] || "/dev/null"));
  performAll([{ do: "create", path: `${image}/${NAME}`, text, mode: 0o600 }]);
}

/**
 * Which streams are inherited: criu's name of each, and its number. The file comes with the image, so that nothing in it is
 * taken but the names of pipes.
 *
 * @throws LaunchError where it is not what a checkpoint writes
 */
export function inheritedStreams(image: string): readonly (readonly [name: string, fd: number])[] {
  const path = `${image}/${NAME}`;
  const names = parse(read(path), path);
  const found: [string, number][] = [];
  for (const fd of STREAMS) {
    const name = names[fd];
    if (name !== undefined && /^pipe:\[[0-9]{1,20}\]$/.test(name)) found.push([name, fd]);
  }
  return found;
}

function read(path: string): string {
  const found = status(path, false);
  if (found === undefined) {
    throw new LaunchError("criu", `open ${path}: no such file or directory`, {
      hint: "--image-path names the folder that a checkpoint was written to; one of --pre-dump holds memory only",
    });
  }
  if (found.kind !== "file") throw odd(path, "is no regular file");
  const file = Handle.open(path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  try {
    return readDescriptor(file.fd, LARGEST, path);
  } finally {
    file.close();
  }
}

function parse(text: string, path: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw odd(path, "is no JSON");
  }
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    throw odd(path, "is no list of names");
  }
  return value;
}

function odd(path: string, what: string): LaunchError {
  return new LaunchError("criu", `${path} ${what}`, { hint: "the image is not one that a checkpoint wrote" });
}
