/** Digests by libtsrun's thread are those of the engine, however the bytes come. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import t from "tap";
import { HELD, openHasher } from "../../../src/image/hash.ts";
import { lib } from "../../../src/sys/lib.ts";

const wanted = (bytes: Buffer, algorithm: "sha256" | "sha512" = "sha256"): string =>
  createHash(algorithm).update(bytes).digest("hex");

function inPieces(bytes: Buffer, piece: number, algorithm: "sha256" | "sha512" = "sha256"): string {
  const hasher = openHasher(algorithm);
  try {
    for (let at = 0; at < bytes.length; at += piece) hasher.add(bytes.subarray(at, at + piece));
    return hasher.hex();
  } finally {
    hasher.close();
  }
}

t.test("the known digests of nothing and of abc (FIPS 180-4)", async (t) => {
  t.equal(inPieces(Buffer.alloc(0), 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  t.equal(
    inPieces(Buffer.from("abc"), 3),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

t.test("every length around a block's and its padding's, in pieces of several sizes", async (t) => {
  for (let length = 0; length < 260; length++) {
    const bytes = randomBytes(length);
    for (const piece of [1, 7, 55, 63, 64, 65, 128, 1000]) {
      const found = inPieces(bytes, piece);
      if (found !== wanted(bytes)) t.equal(found, wanted(bytes), `${length} bytes in pieces of ${piece}`);
    }
  }
  const large = randomBytes(3 << 20);
  t.equal(inPieces(large, 1 << 20), wanted(large), "three megabytes");
  t.equal(inPieces(large, 99_999, "sha512"), wanted(large, "sha512"), "sha512, by the engine");
});

t.test("a piece may be written over once HELD more have been taken", async (t) => {
  const ring = Array.from({ length: HELD + 1 }, () => Buffer.alloc(1 << 20));
  const [hasher, same] = [openHasher("sha256"), createHash("sha256")];
  for (let count = 0; count < 40; count++) {
    const piece = ring[count % ring.length]?.fill(count) ?? Buffer.alloc(0);
    hasher.add(piece);
    same.update(piece);
  }
  t.equal(hasher.hex(), same.digest("hex"));
  hasher.close();
});

t.test("hashes given up in the middle leave room for others", async (t) => {
  const bytes = Buffer.alloc(1 << 20);
  for (let count = 0; count < 50; count++) {
    const hasher = openHasher("sha256");
    hasher.add(bytes);
    hasher.close();
  }
  t.equal(inPieces(bytes, 4096), wanted(bytes));
});

const HAS_INSTRUCTIONS = /^flags.*\bsha_ni\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));

t.test(
  "the processor's instructions are used",
  { skip: !HAS_INSTRUCTIONS && "the processor has no instructions for SHA-256" },
  async (t) => {
    const slot = lib().ts_hash_open();
    t.ok(slot >= 0, `ts_hash_open answers a slot, not ${slot}`);
    lib().ts_hash_close(slot);
  },
);
