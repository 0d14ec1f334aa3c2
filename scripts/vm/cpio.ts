/** Archives in cpio's newc format, of which the kernel makes its first root file system (Documentation/driver-api/early-userspace/buffer-format.rst). */

/** A file, or a folder where `data` is left out. */
export interface CpioEntry {
  /** Relative, without a leading slash; folders come before what is in them. */
  readonly name: string;
  readonly data?: Uint8Array | string;
  readonly executable?: boolean;
}

const FOLDER = 0o040755;
const FILE = 0o100644;
const PROGRAM = 0o100755;

/** Everything in an archive starts at a multiple of this. */
const ALIGNMENT = 4;

/** The archive of some entries, root's, in their order. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap(({ name, data, executable }, index) =>
    member(index + 1, name, data === undefined ? FOLDER : executable ? PROGRAM : FILE, data ?? ""),
  );
  return Buffer.concat([...parts, ...member(0, "TRAILER!!!", 0, "")]);
}

function member(inode: number, name: string, mode: number, data: Uint8Array | string): readonly Buffer[] {
  const content = Buffer.from(data);
  const title = Buffer.from(`${name}\0`);
  const links = 1;
  // Inode, mode, owner, group, links, time, size, two device numbers of the file and two of itself, name's length, no checksum.
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, title.length, 0];
  const head = Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}`);
  return [padded(Buffer.concat([head, title])), padded(content)];
}

function padded(data: Buffer): Buffer {
  const over = data.length % ALIGNMENT;
  return over === 0 ? data : Buffer.concat([data, Buffer.alloc(ALIGNMENT - over)]);
}
