/** An image of one large layer, made up: small files in many folders as of packages, and some large ones. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, linkSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";

/** How large the layer is. */
export interface LayerSize {
  /** Folders of 20 small files each. */
  readonly folders: number;
  /** Files of 8 MiB. */
  readonly large: number;
}

const FILES = 20;
const LARGE = 8 << 20;

/** Half of it is text and half noise, so that it compresses as programs do. */
function content(): Buffer {
  const bytes = Buffer.alloc(LARGE + (1 << 20));
  let seed = 7;
  for (let at = 0; at < bytes.length; at++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    bytes[at] = at % 64 < 24 ? seed >>> 16 : "export function of the const quick import ".charCodeAt(at % 42);
  }
  return bytes;
}

/** Sizes as of packages: most have some kilobytes, few a hundred. */
function sizeOf(index: number): number {
  const spread = ((index * 7919) % 1000) / 1000;
  return Math.min(200_000, Math.floor(900 / (1.001 - spread) ** 0.9));
}

/** Writes the layer as an archive; answers its number of entries. */
export async function writeLayer(path: string, { folders, large }: LayerSize): Promise<number> {
  const bytes = content();
  const archive = pack();
  const written = pipeline(archive, createWriteStream(path));
  let entries = 0;
  const add = async (name: string, data?: Buffer): Promise<void> => {
    const facts = { name, mode: data === undefined ? 0o755 : 0o644, mtime: new Date(1e12) };
    const done = new Promise<void>((settle, fail) => {
      const told = (error?: Error | null): void => (error ? fail(error) : settle());
      if (data === undefined) archive.entry({ ...facts, type: "directory" }, told);
      else archive.entry(facts, data, told);
    });
    entries++;
    await done;
  };
  for (let folder = 0; folder < folders; folder++) {
    const dir = `usr/lib/modules${folder % 40}/package${folder}/`;
    await add(dir);
    await add(`${dir}dist/`);
    for (let file = 0; file < FILES; file++) {
      const at = (folder * 997 + file * 64) % (1 << 20);
      await add(`${dir}dist/file${file}.js`, bytes.subarray(at, at + sizeOf(folder * FILES + file)));
    }
  }
  for (let file = 0; file < large; file++)
    await add(`usr/bin/program${file}`, bytes.subarray(file, file + LARGE));
  archive.finalize();
  await written;
  return entries;
}

/** Compresses a file beside itself. @throws where there is no such program */
export function compressed(path: string, program: "gzip" | "zstd"): string {
  const to = `${path}.${program}`;
  execFileSync("sh", ["-ec", `${program} -c ${program === "gzip" ? "-6" : "-3"} < "$0" > "$1"`, path, to]);
  return to;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

/** An OCI image layout of one layer. */
export async function writeLayout(dir: string, archive: string, blob: string, suffix: string): Promise<void> {
  const blobs = join(dir, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const place = (digest: string): string => join(blobs, digest.slice(7));
  const put = (value: object): { readonly digest: string; readonly size: number } => {
    const text = JSON.stringify(value);
    const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
    writeFileSync(place(digest), text);
    return { digest, size: Buffer.byteLength(text) };
  };
  const digest = await digestOf(blob);
  linkSync(blob, place(digest));
  const config = put({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: [await digestOf(archive)] },
  });
  const media = "application/vnd.oci.image";
  const layer = { mediaType: `${media}.layer.v1.tar${suffix}`, digest, size: statSync(blob).size };
  const manifest = put({
    schemaVersion: 2,
    mediaType: `${media}.manifest.v1+json`,
    config: { mediaType: `${media}.config.v1+json`, ...config },
    layers: [layer],
  });
  const manifests = [{ mediaType: `${media}.manifest.v1+json`, ...manifest }];
  writeFileSync(join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(dir, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}
