/** Mounts (config.md, mounts) and the id mappings that they share with user namespaces (config-linux.md). */
import type { Fields } from "../fields.ts";
import { cleanPath, pathFrom } from "../paths.ts";
import type { IdMapping, Mount } from "../types.ts";
import { quote } from "../words.ts";

/** @throws BundleError */
export function decodeMount(fields: Fields, dir: string): Mount {
  const destination = fields.must("destination", fields.string("destination"));
  if (!destination.startsWith("/")) {
    const text = `the relative mount destination ${quote(destination)} is deprecated and is taken from /`;
    fields.decoding.warn(fields.at("destination"), text, `write ${quote(cleanPath(destination))}`);
  }
  const type = fields.string("type");
  const source = fields.string("source");
  const options = fields.strings("options");
  return {
    destination: cleanPath(destination),
    type,
    source:
      source !== undefined && isBind({ type, options }) && !source.startsWith("/")
        ? pathFrom(dir, source)
        : source,
    options,
    uidMappings: fields.objects("uidMappings", decodeIdMapping),
    gidMappings: fields.objects("gidMappings", decodeIdMapping),
  };
}

/** Whether a mount shows existing files elsewhere. The options decide; the type alone says so too. */
export function isBind(mount: Pick<Mount, "type" | "options">): boolean {
  return mount.type === "bind" || mount.options.includes("bind") || mount.options.includes("rbind");
}

/** One entry of uidMappings or gidMappings. @throws BundleError `missing`, `type`, `range` */
export function decodeIdMapping(fields: Fields): IdMapping {
  return {
    containerID: fields.must("containerID", fields.u32("containerID")),
    hostID: fields.must("hostID", fields.u32("hostID")),
    size: fields.must("size", fields.u32("size")),
  };
}
