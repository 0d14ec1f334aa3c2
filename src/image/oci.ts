/** OCI image layouts (image-spec image-layout.md): which manifest, and the layers and configuration it names. */
import type { Files } from "./archive.ts";
import { parseDigest } from "./content.ts";
import { ImageError } from "./error.ts";
import type { Choice, Image, Layer } from "./image.ts";
import { blobPath, type Candidate, findManifests, platformOf } from "./indexes.ts";
import { type Node, readJson } from "./json.ts";
import type { Watcher } from "./layers.ts";
import { fits, hostPlatform, parsePlatform, platformText } from "./platform.ts";
import { isNamed } from "./reference.ts";

/** The image of a layout. @throws ImageError `choice` where several are meant or none */
export async function openLayout(files: Files, choice: Choice, watcher: Watcher): Promise<Image> {
  await checkVersion(files);
  const chosen = choose(await findManifests(files, watcher), choice, files.name);
  const manifest = await readJson(await files.content(blobPath(chosen.digest)), chosen.digest);
  const config = manifest.need("config");
  const configDigest = config.need("digest").text();
  const configNode = await readJson(await files.content(blobPath(configDigest)), configDigest);
  const type = config.get("mediaType")?.text() ?? "";
  if (!/^$|image\.(config\.)?v1\+json$/.test(type) || configNode.get("rootfs") === undefined) {
    throw new ImageError(
      "unsupported",
      `${chosen.name ?? files.name} is no image of a container: its configuration is ${type || "something else"}`,
    );
  }
  checkPlatform(configNode, choice);
  const diffIds = configNode.need("rootfs").need("diff_ids").texts();
  const layers = manifest.need("layers").list();
  return {
    name: chosen.name ?? files.name,
    id: configDigest,
    config: configNode,
    layers: await openLayers(files, layers, diffIds, watcher),
  };
}

async function checkVersion(files: Files): Promise<void> {
  if (!files.has("oci-layout")) return;
  const version = (await readJson(await files.content("oci-layout"))).need("imageLayoutVersion").text();
  if (!/^1\.[0-9.]+$/.test(version)) {
    throw new ImageError(
      "unsupported",
      `${files.name} is an image layout of version ${JSON.stringify(version)}; tsrun reads 1.x`,
    );
  }
}

/** The one manifest that is meant. Pure. */
function choose(found: readonly Candidate[], choice: Choice, where: string): Candidate {
  const { image } = choice;
  const named =
    image === undefined ? found : found.filter(({ name, digest }) => isMeant(name, digest, image));
  const names = [...new Set(found.map(({ name, digest }) => name ?? digest))];
  if (named.length === 0) {
    throw new ImageError(
      "choice",
      image === undefined ? `${where} holds no image` : `${where} holds no image ${JSON.stringify(image)}`,
      names.length === 0 ? undefined : `it holds ${shownNames(names)}`,
    );
  }
  const wanted = choice.platform === undefined ? hostPlatform(process.arch) : parsePlatform(choice.platform);
  const fitting = named.filter(({ platform }) => platform === undefined || fits(wanted, platform));
  const [first] = fitting;
  if (first === undefined) {
    const there = named.flatMap(({ platform }) => (platform === undefined ? [] : [platformText(platform)]));
    throw new ImageError(
      "choice",
      `${image ?? where} is not there for ${platformText(wanted)}`,
      `it is there for ${shownNames([...new Set(there)])}: --platform chooses`,
    );
  }
  if (
    fitting.some(({ digest }) => digest !== first.digest) &&
    new Set(fitting.map(({ name }) => name)).size > 1
  ) {
    throw new ImageError(
      "choice",
      `${where} holds several images`,
      `--image chooses of ${shownNames(names)}`,
    );
  }
  return first;
}

function isMeant(name: string | undefined, digest: string, wanted: string): boolean {
  return digest === wanted || (name !== undefined && isNamed(name, wanted));
}

/** Names in a hint, not too many. */
export function shownNames(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => name.slice(0, 100));
  return `${shown.join(", ")}${names.length > 10 ? " and others" : ""}`;
}

/** @throws ImageError `choice` where a platform is asked for and the image is for another */
export function checkPlatform(config: Node, { platform }: Choice): void {
  if (platform === undefined) return;
  const offered = platformOf(config);
  const wanted = parsePlatform(platform);
  if (offered === undefined || fits(wanted, offered)) return;
  throw new ImageError(
    "choice",
    `the image is for ${platformText(offered)}, not for ${platformText(wanted)}`,
  );
}

async function openLayers(
  files: Files,
  layers: readonly Node[],
  diffIds: readonly string[],
  watcher: Watcher,
): Promise<readonly Layer[]> {
  if (layers.length !== diffIds.length) {
    throw new ImageError(
      "format",
      `the image's manifest has ${layers.length} layers, its configuration ${diffIds.length}`,
    );
  }
  const found: Layer[] = [];
  for (const [index, layer] of layers.entries()) {
    watcher.ask();
    const digest = layer.need("digest").text();
    const diffId = diffIds[index] ?? "";
    parseDigest(diffId);
    checkMedia(layer.get("mediaType")?.text() ?? "");
    const content = await files.content(blobPath(digest));
    const size = layer.get("size")?.number() ?? content.size;
    if (size !== content.size) {
      throw new ImageError(
        "digest",
        `${content.name} is ${content.size} bytes long, and ${size} in the manifest`,
      );
    }
    found.push({
      content: { ...content, name: `layer ${index + 1} (${digest.slice(0, 19)})` },
      digest,
      diffId,
    });
  }
  return found;
}

function checkMedia(type: string): void {
  if (type.includes("encrypted"))
    throw new ImageError(
      "unsupported",
      `a layer is encrypted (${type})`,
      "decrypt the image first, with skopeo copy --decryption-key",
    );
  if (type !== "" && !/tar/.test(type))
    throw new ImageError(
      "unsupported",
      `a layer is no tar archive but ${type}: this is no image of a container`,
    );
}
