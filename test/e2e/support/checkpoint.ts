/** What the tests of checkpoint and restore share: a program that counts where the test can read it, without standard streams. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Patch, probe } from "./config.ts";
import type { CallOptions, Host, TestBundle } from "./host.ts";
import { CGROUP_V2, textOf, until } from "./outside.ts";

/** The emulated machines that these tests run on are slow. */
export const SLOW: CallOptions = { limit: 120_000 };

/** A bundle whose program counts. */
export interface Counter {
  readonly bundle: TestBundle;
  /** The folder that the container has as /data. */
  readonly data: string;
  /** How far it is; -1 before it has begun. */
  count(): number;
  /** Waits until it has counted further. */
  counts(): Promise<number>;
}

/** @param what it holds: see `hold` of the probe */
export function counter(
  host: Host,
  name: string,
  patch?: Patch,
  what: readonly string[] = ["none", "-"],
): Counter {
  const data = join(host.dir, `data-${name}`);
  mkdirSync(data);
  const bundle = host.bundle((config) => {
    config.mounts.push({ destination: "/data", type: "bind", source: data, options: ["bind"] });
    // Not every runtime under test can keep devices away on cgroup v2.
    if (CGROUP_V2) config.linux.resources = { devices: [{ allow: true, access: "rwm" }] };
    probe(config, "hold", ...what, "/data/count");
    patch?.(config);
  });
  const count = (): number => Number.parseInt(textOf(join(data, "count")) || "-1", 10);
  const counts = async (): Promise<number> => {
    const before = count();
    return until("it counts", () => count() > before && count(), 20_000);
  };
  return { bundle, data, count, counts };
}

/** A counting container; its id. */
export async function counting(
  host: Host,
  { bundle, counts }: Counter,
  extra: readonly string[] = [],
): Promise<string> {
  const id = await host.running(bundle, extra);
  await counts();
  await counts();
  return id;
}

/** `checkpoint` into a folder of this name; its path. */
export async function checkpointed(
  host: Host,
  id: string,
  name: string,
  ...extra: readonly string[]
): Promise<string> {
  const image = join(host.dir, name);
  await host.must(["checkpoint", "--image-path", image, ...extra, id], SLOW);
  return image;
}

/** `restore --detach` under a new id, or the given one; its id. */
export async function restored(
  host: Host,
  { bundle }: Counter,
  image: string,
  extra: readonly string[] = [],
  id = host.id(),
): Promise<string> {
  await host.must(["restore", "--detach", "--bundle", bundle.dir, "--image-path", image, ...extra, id], SLOW);
  return id;
}
