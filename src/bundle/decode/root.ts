/** The top of config.json (config.md): version, root, names, annotations, and what belongs to other platforms. */
import { BundleError } from "../../error.ts";
import type { Fields } from "../fields.ts";
import { pathFrom } from "../paths.ts";
import type { Bundle, Root } from "../types.ts";
import { child, quote } from "../words.ts";
import { decodeHooks } from "./hooks.ts";
import { decodeLinux } from "./linux.ts";
import { decodeMount } from "./mounts.ts";
import { decodeProcess } from "./process.ts";

/** The newest 1.x of the spec whose fields tsrun knows. */
const NEWEST_MINOR = 3;
const OTHER_PLATFORMS = ["vm", "solaris", "windows", "zos", "freebsd"] as const;

/** @throws BundleError */
export function decodeBundle(fields: Fields, dir: string): Bundle {
  const ociVersion = decodeVersion(fields);
  const root = fields.object("root", (at) => decodeRoot(at, dir));
  if (root === undefined) {
    fields.fail("missing", "root", "root is required on Linux", 'add "root": {"path": "rootfs"}');
  }
  const bundle: Bundle = {
    dir,
    ociVersion,
    hostname: fields.string("hostname"),
    domainname: fields.string("domainname"),
    root,
    process: fields.object("process", decodeProcess),
    mounts: fields.objects("mounts", (at) => decodeMount(at, dir)),
    hooks: fields.section("hooks", decodeHooks),
    annotations: decodeAnnotations(fields),
    linux: fields.section("linux", decodeLinux),
  };
  for (const platform of OTHER_PLATFORMS) {
    if (fields.take(platform) !== undefined) {
      fields.decoding.warn(fields.at(platform), `${platform} is for another platform and is ignored`);
    }
  }
  return bundle;
}

/** config.md, specification version: Semantic Versioning 2.0.0. */
function decodeVersion(fields: Fields): string {
  const version = fields.must("ociVersion", fields.string("ociVersion"));
  const parts = /^([0-9]{1,9})\.([0-9]{1,9})\.[0-9]{1,9}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/.exec(
    version,
  );
  if (parts === null) {
    fields.fail("format", "ociVersion", `ociVersion ${quote(version)} is no version`, 'write it as "1.2.0"');
  }
  if (Number(parts[1]) !== 1) {
    fields.fail(
      "range",
      "ociVersion",
      `ociVersion ${quote(version)} is not supported`,
      "tsrun knows versions 1.0.0 to 1.3.x",
    );
  }
  if (Number(parts[2]) > NEWEST_MINOR) {
    const text = `ociVersion ${quote(version)} is newer than 1.${NEWEST_MINOR}: fields that it added are ignored`;
    fields.decoding.warn(fields.at("ociVersion"), text);
  }
  return version;
}

function decodeRoot(fields: Fields, dir: string): Root {
  return {
    path: pathFrom(dir, fields.must("path", fields.string("path"))),
    readonly: fields.bool("readonly") ?? false,
  };
}

function decodeAnnotations(fields: Fields): ReadonlyMap<string, string> {
  const annotations = fields.stringMap("annotations");
  if (annotations.has("")) {
    throw new BundleError(
      "format",
      child(fields.at("annotations"), ""),
      "an annotation's name must not be empty",
    );
  }
  return annotations;
}
