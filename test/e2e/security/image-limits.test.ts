/** Images that are small and ask for much: memory stays near that of a small image, each is an error of one line, signals end it. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import t from "tap";
import { type CallOptions, type Outcome, openHost } from "../support/host.ts";
import { HOSTILE_ARCHIVES } from "../support/hostile-archives.ts";
import { until } from "../support/outside.ts";
import { digestOf, imageConfig, ociLayout, tarOf } from "../support/tar.ts";

const host = openHost({ only: "tsrun" });
const path = (...names: readonly string[]): string => join(host.dir, ...names);
mkdirSync(path("work"));

/** A call of `bundle`, and the most memory that was seen of it, in MiB. */
async function bundle(
  source: string,
  options: CallOptions = {},
): Promise<Outcome & { readonly peak: number }> {
  const call = host.start(["bundle", "-q", "--args", "x", source, path("work/b")], {
    limit: 60_000,
    ...options,
  });
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${call.pid}/status`, "utf8");
      peak = Math.max(peak, Number(/^VmHWM:\s*([0-9]+) kB/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // It has ended.
    }
  }, 5);
  try {
    return { ...(await call.ended), peak };
  } finally {
    clearInterval(timer);
  }
}

type Tap = { equal: typeof t.equal; match: typeof t.match; ok: typeof t.ok; same: typeof t.same };

function refused(t: Tap, name: string, { code, stderr, stdout }: Outcome, message: RegExp): void {
  t.equal(code, 1, name);
  t.match(stderr, message, name);
  t.equal(stdout + stderr, `${stderr.trimEnd()}\n`);
  t.equal(stderr.split("\n").length, 2, `${name}: one line`);
  t.same(readdirSync(path("work")), [], `${name}: nothing is left`);
}

const small = async (): Promise<number> => {
  writeFileSync(path("small.tar.gz"), gzipSync(tarOf({ name: "f", content: "x" })));
  const { code, peak, stderr } = await bundle(path("small.tar.gz"));
  if (code !== 0) throw new Error(stderr);
  rmSync(path("work/b"), { recursive: true });
  return peak;
};

t.test("archives", { timeout: 300_000 }, async (t) => {
  const usual = await small();
  for (const [name, parts, message] of HOSTILE_ARCHIVES) {
    const archive = Buffer.concat([...parts(), tarOf({ name: "last", content: "x" })]);
    writeFileSync(path("a.tar.gz"), gzipSync(archive, { level: 1 }));
    const made = await bundle(path("a.tar.gz"));
    if (message !== undefined) refused(t, name, made, message);
    else {
      t.equal(made.code, 0, `${name}: ${made.stderr}`);
      rmSync(path("work/b"), { recursive: true, force: true });
    }
    t.comment(`${name}: ${Math.round(made.peak)} MiB, a small image ${Math.round(usual)} MiB`);
    // What the decompressor and a few maps take; without bounds it is many hundred.
    t.ok(made.peak < usual + 130, `${name}: ${made.peak} MiB`);
  }
  rmSync(path("a.tar.gz"));
});

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const LEAF = { mediaType: MANIFEST, digest: `sha256:${"0".repeat(64)}`, size: 2 };

/** A layout that consists of indexes; `blob` stores one of them, and answers its descriptor. */
function layout(make: (blob: (index: object) => object) => object): string {
  const dir = path("layout");
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(join(dir, "blobs/sha256"), { recursive: true });
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const blob = (index: object): object => {
    const bytes = Buffer.from(JSON.stringify(index));
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(dir, "blobs/sha256", hex), bytes);
    return { mediaType: INDEX, digest: `sha256:${hex}`, size: bytes.length };
  };
  writeFileSync(join(dir, "index.json"), JSON.stringify(make(blob)));
  return dir;
}

const fill = (count: number, descriptor: object): object => ({ manifests: Array(count).fill(descriptor) });

t.test("indexes", { timeout: 120_000 }, async (t) => {
  const usual = await small();
  const cases: readonly [string, (blob: (index: object) => object) => object, RegExp][] = [
    [
      "indexes that name an index 200 times, five deep",
      (blob) => {
        let inner = blob({ manifests: [] });
        for (let depth = 0; depth < 4; depth++) inner = blob({ depth, ...fill(200, inner) });
        return fill(200, inner);
      },
      /indexes that name more than 10000 manifests/,
    ],
    ["one of many names", () => fill(40_000, LEAF), /has 40000 members, more than 10000 \(index\.json/],
    [
      "many names in an index in an index",
      (blob) => ({ manifests: [blob(fill(50_000, LEAF))] }),
      /has 50000 members, more than 10000/,
    ],
    [
      "an index of 9000 names, ten times",
      (blob) => ({ manifests: [blob(fill(10, blob(fill(9000, LEAF))))] }),
      /indexes that name more than 10000 manifests/,
    ],
    [
      "indexes in indexes",
      (blob) => {
        let inner = blob({ manifests: [LEAF] });
        for (let depth = 0; depth < 8; depth++) inner = blob(fill(1, inner));
        return fill(1, inner);
      },
      /indexes in indexes, more than 5 deep/,
    ],
    [
      "large indexes",
      (blob) => ({
        manifests: Array.from({ length: 20 }, (_, index) =>
          blob({ index, filling: "x".repeat(2 << 20), manifests: [] }),
        ),
      }),
      /indexes of more than 16777216 bytes/,
    ],
  ];
  for (const [name, make, message] of cases) {
    const made = await bundle(layout(make));
    refused(t, name, made, message);
    t.ok(made.peak < usual + 130, `${name}: ${made.peak} MiB`);
  }
});

t.test("a layer that an image names again and again is read once", { timeout: 120_000 }, async (t) => {
  const layer = tarOf({ name: "f", content: "x".repeat(1 << 20) });
  const over = tarOf({ name: "g", content: "y" }, { name: ".wh.f" });
  const layers = [...Array(2000).fill(layer), over, layer] as Buffer[];
  rmSync(path("layout"), { recursive: true, force: true });
  ociLayout(path("layout"), layers);
  const made = await bundle(path("layout"));
  t.equal(made.code, 0, made.stderr);
  t.same(readdirSync(path("work/b/rootfs")), ["f", "g"], "the last one counts");
  rmSync(path("work/b"), { recursive: true });
  const told = await host.must(["bundle", "--args", "x", path("layout"), path("work/b")]);
  t.equal(told.stderr.trim().split("\n").length, 2, "two were read");
  rmSync(path("work/b"), { recursive: true });
  rmSync(path("layout"), { recursive: true });
  ociLayout(path("layout"), Array(10_001).fill(tarOf({ name: "f" })));
  refused(t, "too many layers", await bundle(path("layout")), /has 10001 members, more than 10000/);
});

/** An archive as `docker save` writes it, with this manifest.json. */
function docker(manifest: string): string {
  const config = imageConfig([]);
  const archive = tarOf(
    { name: `${digestOf(config).slice(7)}.json`, content: config },
    { name: "manifest.json", content: manifest },
  );
  writeFileSync(path("docker.tar"), archive);
  return path("docker.tar");
}

t.test("manifests of docker save", { timeout: 120_000 }, async (t) => {
  const usual = await small();
  const image = { Config: `${digestOf(imageConfig([])).slice(7)}.json`, Layers: [], RepoTags: ["a:1"] };
  const cases: readonly [string, string, RegExp][] = [
    ["many images", JSON.stringify(Array(50_000).fill(image)), /has 50000 members, more than 10000/],
    [
      "many names of an image",
      JSON.stringify([{ ...image, RepoTags: Array(200_000).fill("a:1") }]),
      /has 200000 members, more than 10000/,
    ],
    [
      "many names of many images",
      JSON.stringify(Array(200).fill({ ...image, RepoTags: Array(200).fill("a:1") })),
      /more than 10000 names of images/,
    ],
    [
      "many layers",
      JSON.stringify([{ ...image, Layers: Array(100_000).fill("l") }]),
      /has 100000 members, more than 10000/,
    ],
    ["a deep text", `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`, /nested deeper than 64 levels/],
    ["a text that only begins", "[".repeat(4_000_000), /nested deeper than 64 levels/],
    ["a text of nothing", `[${"[],".repeat(2_000_000)}[]]`, /more than 1000000 values/],
  ];
  for (const [name, manifest, message] of cases) {
    const made = await bundle(docker(manifest));
    refused(t, name, made, message);
    t.ok(made.peak < usual + 130, `${name}: ${made.peak} MiB`);
  }
  const files = Array.from({ length: 3000 }, (_, index) => ({
    name: `${index}`,
    type: "2",
    pax: { linkpath: "l/".repeat(5000) },
  }));
  writeFileSync(path("docker.tar"), tarOf({ name: "manifest.json", content: "[]" }, ...files));
  const made = await bundle(path("docker.tar"));
  refused(t, "names of links", made, /more than 100000 files/);
  t.ok(made.peak < usual + 130, `names of links: ${made.peak} MiB`);
});

t.test("a source that gives nothing is waited for until a signal comes", { timeout: 60_000 }, async (t) => {
  execFileSync("mkfifo", [path("fifo")]);
  const begun = (): boolean => readdirSync(path("work")).some((name) => name.startsWith(".b.partial-"));
  // It has a writer, this process, which writes nothing.
  execFileSync("mkfifo", [path("silent")]);
  const silent = openSync(path("silent"), "r+");
  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    for (const source of ["fifo", "silent", "-"]) {
      const options = source === "-" ? { input: silent } : {};
      const words = ["bundle", "-q", source === "-" ? source : path(source), path("work/b")];
      const call = host.start(words, { limit: 20_000, ...options });
      await until("its beginning", begun);
      call.kill(signal);
      t.match(await call.ended, { code, stderr: "" }, `${source} ${signal}`);
      t.same(readdirSync(path("work")), [], "nothing is left");
    }
  }
  closeSync(silent);
});

await host.end();
