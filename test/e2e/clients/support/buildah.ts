/** buildah with a store of its own and one image, made from nothing. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Corner, hasSeccomp, openCorner, RUNTIMES, type RuntimeName } from "./corner.ts";

/** buildah, and a working container to run commands in for each runtime. */
export interface Buildah {
  readonly corner: Corner;
  readonly working: Readonly<Record<RuntimeName, string>>;
  readonly image: string;
  /** The options with which `from` and `bud` leave the seccomp profile out, where the runtime under test has no seccomp. */
  readonly security: readonly string[];
}

/** Opens buildah, or skips the file. */
export async function openBuildah(): Promise<Buildah> {
  const corner = openCorner("buildah");
  const conf = corner.file(
    "containers.conf",
    '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n[engine]\ncgroup_manager = "cgroupfs"\n',
  );
  const store = corner.file(
    "storage.conf",
    `[storage]\ndriver = "overlay"\nrunroot = "${corner.dir}/run"\ngraphroot = "${corner.dir}/store"\n`,
  );
  corner.env({ CONTAINERS_CONF: conf, CONTAINERS_STORAGE_CONF: store, BUILDAH_ISOLATION: "oci" });
  const image = "localhost/tsrun-test:1";
  const first = await corner.must("buildah", ["from", "scratch"]);
  await corner.must("buildah", ["add", "--quiet", first, corner.rootfs, "/"]);
  await corner.must("buildah", ["config", "--env", "PATH=/bin", first]);
  await corner.must("buildah", ["commit", "--quiet", "--rm", first, image]);
  const security = hasSeccomp() ? [] : ["--security-opt", "seccomp=unconfined"];
  const [runc, tsrun] = await Promise.all(
    RUNTIMES.map((runtime) =>
      corner.must("buildah", [
        "from",
        "--name",
        `${corner.tag}-${runtime}`,
        "--network",
        "none",
        ...security,
        image,
      ]),
    ),
  );
  return { corner, working: { runc: runc ?? "", tsrun: tsrun ?? "" }, image, security };
}

/** A folder to build in, with this Dockerfile. */
export function buildFolder({ corner, image }: Buildah, lines: readonly string[]): string {
  const folder = join(corner.dir, corner.name());
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), [`FROM ${image}`, ...lines, ""].join("\n"));
  return folder;
}
