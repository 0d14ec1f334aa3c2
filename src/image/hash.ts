/** Digests, beside what else is done with the bytes where the processor and libtsrun can, and by the engine elsewhere. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { SystemError } from "../error.ts";
import { errnoName, lib } from "../sys/lib.ts";

/**
 * How many pieces a thread of libtsrun may still be at when it has taken the next: a piece has to stay as it is until so many
 * more have been taken (LANE_JOBS of native/lib/lane.h).
 */
export const HELD = 2;

/** A digest that is being made. {@link Hasher.close} has to be called. */
export interface Hasher {
  /** The next bytes; they have to stay as they are while {@link HELD} more pieces are taken. */
  add(bytes: Buffer): void;
  /** All bytes have been added: the digest. */
  hex(): string;
  close(): void;
}

/** Begins a digest. */
export function openHasher(algorithm: "sha256" | "sha512"): Hasher {
  const slot = algorithm === "sha256" ? lib().ts_hash_open() : -1;
  return slot < 0 ? new EngineHasher(algorithm) : new NativeHasher(slot);
}

class NativeHasher implements Hasher {
  readonly #slot: number;
  /** So that they are not collected. */
  readonly #held: Buffer[] = [];
  #count = 0;

  constructor(slot: number) {
    this.#slot = slot;
  }

  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const answer = lib().ts_hash_add(this.#slot, bytes, bytes.length);
    if (answer < 0) throw new SystemError("ts_hash_add", errnoName(-answer), "a digest");
    this.#held[this.#count++ % HELD] = bytes;
  }

  hex(): string {
    const digest = Buffer.alloc(32);
    const answer = lib().ts_hash_end(this.#slot, digest);
    if (answer < 0) throw new SystemError("ts_hash_end", errnoName(-answer), "a digest");
    return digest.toString("hex");
  }

  close(): void {
    lib().ts_hash_close(this.#slot);
  }
}

class EngineHasher implements Hasher {
  readonly #hash;

  constructor(algorithm: "sha256" | "sha512") {
    this.#hash = createHash(algorithm);
  }

  add(bytes: Buffer): void {
    this.#hash.update(bytes);
  }

  hex(): string {
    return this.#hash.digest("hex");
  }

  close(): void {}
}
