/** Indexes of images: what is found in them, each read once, and where it ends. */
import { createHash } from "node:crypto";
import t from "tap";
import type { Files } from "../../../src/image/archive.ts";
import { type Candidate, findManifests } from "../../../src/image/indexes.ts";
import { Node } from "../../../src/image/json.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** A layout in memory, which counts how often each file is read. */
class Layout implements Files {
  readonly name = "layout";
  readonly reads = new Map<string, number>();
  readonly #files = new Map<string, Buffer>();
  asks = 0;

  blob(value: object): object {
    const bytes = Buffer.from(JSON.stringify(value));
    const hex = createHash("sha256").update(bytes).digest("hex");
    this.#files.set(`blobs/sha256/${hex}`, bytes);
    return { mediaType: INDEX, digest: `sha256:${hex}` };
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  async content(path: string) {
    this.reads.set(path, (this.reads.get(path) ?? 0) + 1);
    const bytes = this.#files.get(path) ?? Buffer.from("{}");
    return { name: path, size: bytes.length, read: () => once(bytes) };
  }

  find(index: object, until = Number.POSITIVE_INFINITY): Promise<readonly Candidate[]> {
    this.#files.set("index.json", Buffer.from(JSON.stringify(index)));
    const watcher = {
      ...{ begin: () => undefined, read: () => undefined, done: () => undefined, wait: () => undefined },
      ask: () => {
        if (++this.asks > until) throw new Error("enough");
      },
    };
    return findManifests(this, watcher);
  }
}

async function* once(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}

const leaf = (name: string | undefined, digit = "0", os = "linux") => ({
  mediaType: MANIFEST,
  digest: `sha256:${digit.repeat(64)}`,
  platform: { os, architecture: "amd64" },
  ...(name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": name } }),
});

t.test("an index that several names lead to is read once, and found by each", async (t) => {
  const layout = new Layout();
  const inner = layout.blob({
    manifests: [leaf(undefined), leaf("own", "1"), leaf(undefined, "2", "unknown")],
  });
  const named = (name: string) => ({ ...inner, annotations: { "org.opencontainers.image.ref.name": name } });
  const gone = { mediaType: INDEX, digest: `sha256:${"f".repeat(64)}` };
  const other = { mediaType: "application/x", digest: "none" };
  const found = await layout.find({ manifests: [named("a"), named("b"), gone, other, leaf("c", "3")] });
  t.strictSame(
    found.map(({ name, digest }) => [name, digest[7]]),
    [
      ["a", "0"],
      ["own", "1"],
      ["b", "0"],
      ["own", "1"],
      ["c", "3"],
    ],
  );
  t.strictSame([...layout.reads.values()], [1, 1]);
});

t.test("there is an end to all of them, and before it to each", async (t) => {
  const layout = new Layout();
  let inner = layout.blob({ manifests: [] });
  for (let depth = 0; depth < 4; depth++) inner = layout.blob({ depth, manifests: Array(100).fill(inner) });
  await t.rejects(layout.find({ manifests: Array(100).fill(inner) }), {
    name: "ImageError",
    code: "limit",
    message: "layout has indexes that name more than 10000 manifests",
  });
  t.equal(layout.asks, 10_001, "asked at each");
  t.strictSame([...new Set(layout.reads.values())], [1], "each read once");
  await t.rejects(new Layout().find({ manifests: Array(100).fill(leaf("x")) }, 7), { message: "enough" });
  const all = await new Layout().find({ manifests: Array(10_000).fill(leaf("x")) });
  t.equal(all.length, 10_000);
});

t.test("lists, objects and depths of a text are bounded", async (t) => {
  const node = (value: unknown): Node => Node.parse("text", JSON.stringify(value));
  t.equal(node(Array(10_000).fill("")).texts().length, 10_000);
  t.throws(() => node(Array(10_001).fill("")).list(), { code: "limit", document: "text", pointer: "" });
  const wide = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [index, ""]));
  t.throws(() => node(wide).map(), { code: "limit" });
  t.throws(() => Node.parse("text", "[".repeat(65)), { code: "limit", message: /nested deeper than 64/ });
  t.throws(() => Node.parse("text", `[${"[],".repeat(600_000)}0]`), {
    code: "limit",
    message: /1000000 values/,
  });
  const odd = '[[\\"{'.repeat(100);
  t.equal(node({ a: odd }).get("a")?.text(), odd, "what is in a string counts for nothing");
});
