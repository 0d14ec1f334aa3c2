/** config.json to a {@link Bundle}: the only door into tsrun for a bundle's text. */
import type { BundleError } from "../error.ts";
import { decodeProcess } from "./decode/process.ts";
import { decodeResources } from "./decode/resources.ts";
import { decodeBundle } from "./decode/root.ts";
import { Decoding } from "./decoding.ts";
import { Fields } from "./fields.ts";
import { parseJson } from "./json.ts";
import { checkProcess } from "./rules/process.ts";
import { checkResources } from "./rules/resources.ts";
import { brokenRules, checkBundle } from "./rules.ts";
import { isObject } from "./shapes.ts";
import type { Bundle, Process, Resources, Warning } from "./types.ts";

/** A bundle that keeps every rule, and what was noticed on the way. */
export interface Decoded {
  readonly bundle: Bundle;
  readonly warnings: readonly Warning[];
}

/**
 * Decodes the text of config.json; relative paths are taken from `dir`, the bundle's absolute path. `plain` is what
 * {@link parseJson} may take for granted of the text.
 * @throws BundleError of every code
 */
export function parseBundle(text: string, dir: string, plain = false): Decoded {
  const decoding = new Decoding();
  const fields = new Fields(decoding, parseJson(text, plain), "config.json");
  const bundle = decodeBundle(fields, dir);
  fields.end();
  checkBundle(bundle);
  return { bundle, warnings: decoding.warnings };
}

/**
 * Decodes the text of config.json for a look at all that is wrong: the broken rules are answered, not thrown.
 * @throws BundleError for what cannot be decoded
 */
export function inspectBundle(
  text: string,
  dir: string,
): Decoded & { readonly broken: readonly BundleError[] } {
  const decoding = new Decoding();
  const fields = new Fields(decoding, parseJson(text), "config.json");
  const bundle = decodeBundle(fields, dir);
  fields.end();
  return { bundle, warnings: decoding.warnings, broken: brokenRules(bundle) };
}

/**
 * Decodes a process object by itself, as `exec --process` reads it; pointers start at the object. `has` tells which fields
 * it has: what it leaves out is the container's. @throws BundleError
 */
export function parseProcess(text: string): {
  readonly process: Process;
  readonly warnings: readonly Warning[];
  readonly has: (field: keyof Process) => boolean;
} {
  const decoding = new Decoding();
  const value = parseJson(text);
  const fields = new Fields(decoding, value, "the process");
  const process = decodeProcess(fields);
  fields.end();
  checkProcess(process, "");
  return { process, warnings: decoding.warnings, has: (field) => isObject(value) && value[field] != null };
}

/**
 * Decodes a resources object by itself, as `update --resources` reads it: names match whatever their case. What depends
 * on the limits already set (swap against limit) is not checked. @throws BundleError
 */
export function parseResources(text: string): {
  readonly resources: Resources;
  readonly warnings: readonly Warning[];
} {
  const decoding = new Decoding(true);
  const fields = new Fields(decoding, parseJson(text), "the resources");
  const resources = decodeResources(fields);
  fields.end();
  checkResources(resources, "");
  return { resources, warnings: decoding.warnings };
}
