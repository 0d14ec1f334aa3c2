/** Archives made byte by byte, also such as no program writes, and images of them. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** An entry; what is left out has a value that is good enough. */
export interface Entry {
  readonly name: string;
  /** The header's type: `0` file, `1` link, `2` symlink, `3` char, `5` folder, `6` fifo, `x` pax ... */
  readonly type?: string;
  readonly content?: Buffer | string;
  /** Where the header lies about the content. */
  readonly size?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Records of a pax header before it. */
  readonly pax?: Readonly<Record<string, Buffer | string>>;
}

/** An archive of these entries with its end. */
export function tarOf(...entries: readonly Entry[]): Buffer {
  return Buffer.concat([...entries.map(entryOf), Buffer.alloc(1024)]);
}

/** One entry without an end. */
export function entryOf(entry: Entry): Buffer {
  const content = Buffer.from(entry.content ?? "");
  const before =
    entry.pax === undefined ? [] : [entryOf({ name: "pax", type: "x", content: paxOf(entry.pax) })];
  return Buffer.concat([...before, header(entry, content.length), padded(content)]);
}

function header(entry: Entry, length: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, size: number) =>
    block.write(`${value.toString(8).padStart(size - 1, "0")}\0`, at, "latin1");
  const { name, type = "0", mode = type === "5" ? 0o755 : 0o644, uid = 0, gid = 0, mtime = 1e9 } = entry;
  block.write(name, 0, 100, "latin1");
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(entry.size ?? length, 124, 12);
  octal(mtime, 136, 12);
  block.write(" ".repeat(8), 148, "latin1");
  block.write(type, 156, "latin1");
  block.write(entry.link ?? "", 157, 100, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(entry.major ?? 0, 329, 8);
  octal(entry.minor ?? 0, 337, 8);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    8,
  );
  return block;
}

function paxOf(records: Readonly<Record<string, Buffer | string>>): Buffer {
  return Buffer.concat(Object.entries(records).map(([key, value]) => recordOf(key, value)));
}

/** A record of a pax header. */
export function recordOf(key: string, value: Buffer | string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** `sha256:…` */
export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** What of an image's parts is to be other than right. */
export interface ImageParts {
  readonly config?: object;
  readonly diffIds?: readonly string[];
  /** How each layer is stored. */
  readonly store?: (layer: Buffer) => Buffer;
}

/** The configuration of an image of these layers. */
export function imageConfig(layers: readonly Buffer[], { config, diffIds }: ImageParts = {}): Buffer {
  const all = {
    os: "linux",
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    rootfs: { type: "layers", diff_ids: diffIds ?? layers.map(digestOf) },
    config: { Cmd: ["/bin/probe", "true"], ...config },
  };
  return Buffer.from(JSON.stringify(all));
}

/** An image as `docker save` writes it. */
export function dockerArchive(layers: readonly Buffer[], parts: ImageParts = {}): Buffer {
  const config = imageConfig(layers, parts);
  const configName = `${digestOf(config).slice(7)}.json`;
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const manifest = [{ Config: configName, RepoTags: ["test:1"], Layers: names }];
  return tarOf(
    { name: configName, content: config },
    ...layers.map((content, index) => ({ name: names[index] ?? "", content })),
    { name: "manifest.json", content: JSON.stringify(manifest) },
  );
}

/** An OCI image layout in a folder. */
export function ociLayout(dir: string, layers: readonly Buffer[], parts: ImageParts = {}): void {
  const blobs = join(dir, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const blob = (bytes: Buffer, mediaType: string) => {
    writeFileSync(join(blobs, digestOf(bytes).slice(7)), bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  const type = (name: string) => `application/vnd.oci.image.${name}.v1`;
  const manifest = {
    schemaVersion: 2,
    config: blob(imageConfig(layers, parts), `${type("config")}+json`),
    layers: layers.map((layer) => blob((parts.store ?? ((bytes) => bytes))(layer), `${type("layer")}.tar`)),
  };
  const manifests = [blob(Buffer.from(JSON.stringify(manifest)), `${type("manifest")}+json`)];
  writeFileSync(join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}
