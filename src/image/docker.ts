/** What `docker save` and `podman save` write: manifest.json names a configuration and layers by their files. */

import { append } from "../lists.ts";
import type { Files } from "./archive.ts";
import { parseDigest } from "./content.ts";
import { ImageError } from "./error.ts";
import type { Choice, Image, Layer } from "./image.ts";
import { type Node, readJson } from "./json.ts";
import type { Watcher } from "./layers.ts";
import { checkPlatform, shownNames } from "./oci.ts";
import { isNamed } from "./reference.ts";

/** More than anybody has in one archive. */
const MOST_NAMES = 10_000;

/** The image of such an archive. @throws ImageError */
export async function openDockerArchive(files: Files, choice: Choice, watcher: Watcher): Promise<Image> {
  const manifest = await readJson(await files.content("manifest.json"));
  const chosen = choose(manifest.list(), choice, files.name);
  const configPath = chosen.need("Config").text();
  // Its file is called by its digest: HEX.json, or blobs/sha256/HEX.
  const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(configPath)?.[1];
  const config = await readJson(
    await files.content(configPath),
    hex === undefined ? undefined : `sha256:${hex}`,
  );
  checkPlatform(config, choice);
  const diffIds = config.need("rootfs").need("diff_ids").texts();
  const paths = chosen.need("Layers").texts();
  if (paths.length !== diffIds.length) {
    throw new ImageError(
      "format",
      `the image's manifest has ${paths.length} layers, its configuration ${diffIds.length}`,
    );
  }
  const layers: Layer[] = [];
  for (const [index, path] of paths.entries()) {
    watcher.ask();
    const diffId = diffIds[index] ?? "";
    parseDigest(diffId);
    const content = await files.content(path);
    layers.push({
      content: { ...content, name: `layer ${index + 1} (${diffId.slice(0, 19)})` },
      digest: undefined,
      diffId,
    });
  }
  return {
    name: namesOf(chosen)[0] ?? files.name,
    id: hex === undefined ? undefined : `sha256:${hex}`,
    config,
    layers,
  };
}

function namesOf(entry: Node): readonly string[] {
  return entry.get("RepoTags")?.texts() ?? [];
}

function choose(entries: readonly Node[], { image }: Choice, where: string): Node {
  const fitting =
    image === undefined
      ? entries
      : entries.filter((entry) => namesOf(entry).some((name) => isNamed(name, image)));
  const [first] = fitting;
  const names: string[] = [];
  for (const entry of entries) append(names, namesOf(entry));
  if (names.length > MOST_NAMES) {
    throw new ImageError("limit", `${where} has more than ${MOST_NAMES} names of images`);
  }
  const hint = names.length === 0 ? undefined : `it holds ${shownNames(names)}`;
  if (first === undefined) {
    throw new ImageError(
      "choice",
      image === undefined ? `${where} holds no image` : `${where} holds no image ${JSON.stringify(image)}`,
      hint,
    );
  }
  if (fitting.length > 1) {
    throw new ImageError(
      "choice",
      `${where} holds several images`,
      `--image chooses of ${shownNames(names)}`,
    );
  }
  return first;
}
