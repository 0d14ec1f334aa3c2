/** What is to be written below a folder, gathered into blocks of records for `ts_unpack` of native/lib/unpack.c. */
import { Buffer } from "node:buffer";
import { cstring } from "../sys/bytes.ts";
import { checked, lib } from "../sys/lib.ts";
import { HELD } from "./hash.ts";
import { type Facts, failure, fillHeader, HEADER, KIND, MAY_FAIL, pathAt, UNFINISHED } from "./record.ts";

/** Of a block of records: more than a piece of an archive gives as a rule. */
const ROOM = 256 << 10;
/** One that is being filled, and those that libtsrun is at. */
const BLOCKS = HELD + 1;

interface Block {
  bytes: Buffer;
  words: Uint32Array;
}

function blockOf(size: number): Block {
  const bytes = Buffer.alloc(size);
  return { bytes, words: new Uint32Array(bytes.buffer, bytes.byteOffset, size / 4) };
}

const NO_PIECE = Buffer.alloc(8);

/** A folder that is being written to, by a thread of libtsrun. {@link Records.close} has to be called. */
export class Records {
  readonly #slot: number;
  readonly #report = new Int32Array(5);
  readonly #blocks = Array.from({ length: BLOCKS }, () => blockOf(ROOM));
  /** The pieces that the blocks are about, so that they are not collected. */
  readonly #pieces: Buffer[] = [];
  /** Blocks so far: that many are written, or being so. */
  #count = 0;
  #used = 0;
  #piece: Buffer = NO_PIECE;
  /** Extended attributes, and nodes, that the filesystem or the kernel did not take; known once all is settled. */
  lostXattrs = 0;
  lostNodes = 0;

  /** @param owner of folders that are needed, but that no record makes. @throws SystemError */
  constructor(dir: string, owner: { readonly uid: number; readonly gid: number }) {
    const slot = lib().ts_unpack_open(cstring(dir), owner.uid | 0, owner.gid | 0);
    this.#slot = checked(slot, "open", dir);
  }

  /** Content that follows is of this piece of an archive, until the next {@link Records.flush}. */
  from(piece: Buffer): void {
    this.flush();
    this.#piece = piece;
  }

  /** A folder, or new facts of one that is there. */
  dir(facts: Facts): void {
    this.#add(KIND.dir, 0, facts);
  }

  /** A whole file. */
  file(facts: Facts, content?: Buffer): void {
    this.#add(KIND.file, 0, facts, content);
  }

  /** A file whose content follows in pieces. */
  begin(path: string): void {
    this.#add(KIND.file, UNFINISHED, { path });
  }

  /** @param data a part of the piece */
  data(path: string, data: Buffer, offset: number): void {
    this.#add(KIND.data, 0, { path, offset }, data);
  }

  /** The end of a file in pieces, with its facts. */
  end(facts: Facts): void {
    this.#add(KIND.end, 0, facts);
  }

  symlink(facts: Facts): void {
    this.#add(KIND.symlink, 0, facts);
  }

  /** A hard link to the path that `text` names. */
  link(facts: Facts): void {
    this.#add(KIND.link, 0, facts);
  }

  /** A device or fifo, by the type in its mode; one that the kernel does not let us make is counted as lost. */
  node(facts: Facts): void {
    this.#add(KIND.node, MAY_FAIL, facts);
  }

  /** Removes a name with everything in it; one that is not there is no error. */
  remove(path: string): void {
    this.#add(KIND.remove, 0, { path });
  }

  /** The mode and time of a folder, once nothing more is written into it. */
  folderTimes(facts: Facts): void {
    this.#add(KIND.folderTimes, 0, facts);
  }

  /** Extended attributes of a folder; of `""` its owner too. */
  xattrs(facts: Facts): void {
    this.#add(KIND.xattrs, 0, facts);
  }

  #add(kind: number, flags: number, facts: Facts, content?: Buffer): void {
    const { path, text = "", xattrs } = facts;
    const length = (HEADER + path.length + text.length + 2 + (xattrs?.length ?? 0) + 7) & ~7;
    if (this.#used + length > ROOM) this.flush();
    let block = this.#blocks[this.#count % BLOCKS] ?? blockOf(ROOM);
    // An entry with attributes of a megabyte.
    if (length > block.bytes.length) {
      block = blockOf(length);
      this.#blocks[this.#count % BLOCKS] = block;
    }
    const at = this.#used;
    const place =
      content === undefined
        ? undefined
        : { at: content.byteOffset - this.#piece.byteOffset, length: content.length };
    fillHeader(block.words, at / 4, kind, length, flags, facts, place);
    const { bytes } = block;
    let to = at + HEADER;
    to += bytes.write(path, to, "latin1");
    bytes[to++] = 0;
    to += bytes.write(text, to, "latin1");
    bytes[to++] = 0;
    if (xattrs !== undefined) xattrs.copy(bytes, to);
    this.#used += length;
  }

  /** Has written what has been gathered. @throws ImageError, SystemError with the name of the entry, perhaps of an earlier one */
  flush(): void {
    if (this.#used === 0) return;
    const at = this.#count % BLOCKS;
    const [used, block] = [this.#used, this.#blocks[at]?.bytes ?? NO_PIECE];
    this.#used = 0;
    this.#count++;
    this.#pieces[at] = this.#piece;
    const { length } = this.#piece;
    if (lib().ts_unpack(this.#slot, block, used, this.#piece, length) < 0) this.#settled();
  }

  /** Waits until everything so far is written. @throws ImageError, SystemError with the entry's name */
  settle(): void {
    this.flush();
    this.#settled();
  }

  #settled(): void {
    const answer = lib().ts_unpack_wait(this.#slot, this.#report);
    const [job = 0, at = 0, call = 0, xattrs = 0, nodes = 0] = this.#report;
    this.lostXattrs = xattrs;
    this.lostNodes = nodes;
    if (answer >= 0) return;
    // The block is one of the last, and nothing has been written into it since.
    const { bytes, words } = this.#blocks[job % BLOCKS] ?? blockOf(ROOM);
    throw failure(pathAt(bytes, words, at), call, -answer);
  }

  /** Ends it, also in the middle. */
  close(): void {
    lib().ts_unpack_close(this.#slot);
  }
}
