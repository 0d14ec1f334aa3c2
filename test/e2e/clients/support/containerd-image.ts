/** The corner's root file system as an image of containerd's. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Containerd, must } from "./containerd.ts";

/** Imports it as `docker save` would write it; its name. */
export async function importImage(containerd: Containerd): Promise<string> {
  const { dir, rootfs } = containerd.corner;
  const name = "docker.io/library/tsrun-test:1";
  const folder = join(dir, "image");
  mkdirSync(folder);
  const layer = join(folder, "layer.tar");
  execFileSync("tar", ["-C", rootfs, "-cf", layer, "."]);
  const digest = createHash("sha256").update(readFileSync(layer)).digest("hex");
  const config = {
    architecture: "amd64",
    os: "linux",
    config: { Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(
    join(folder, "manifest.json"),
    JSON.stringify([{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }]),
  );
  const archive = join(dir, "image.tar");
  execFileSync("tar", ["-C", folder, "-cf", archive, "manifest.json", "config.json", "layer.tar"]);
  await must(containerd, ["images", "import", archive]);
  return name;
}
