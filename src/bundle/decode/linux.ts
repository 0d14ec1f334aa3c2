/** The linux object (config-linux.md) but for its resources. */
import { BundleError } from "../../error.ts";
import type { Fields } from "../fields.ts";
import type { Linux, MemoryPolicy, Namespace, TimeOffset } from "../types.ts";
import {
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  NAMESPACES,
  type NamespaceType,
  PERSONALITY_DOMAINS,
  type PersonalityDomain,
  ROOTFS_PROPAGATIONS,
} from "../vocabulary.ts";
import { quote } from "../words.ts";
import { decodeDevice } from "./devices.ts";
import { decodeIdMapping } from "./mounts.ts";
import { decodeIntelRdt, decodeNetDevices } from "./outside.ts";
import { decodeResources } from "./resources.ts";
import { numberList } from "./scheduling.ts";
import { decodeSeccomp } from "./seccomp.ts";

/** @throws BundleError */
export function decodeLinux(fields: Fields): Linux {
  return {
    namespaces: fields.objects("namespaces", decodeNamespace),
    uidMappings: fields.objects("uidMappings", decodeIdMapping),
    gidMappings: fields.objects("gidMappings", decodeIdMapping),
    timeOffsets: fields.section("timeOffsets", decodeTimeOffsets),
    devices: fields.objects("devices", decodeDevice),
    cgroupsPath: fields.string("cgroupsPath"),
    resources: fields.section("resources", decodeResources),
    rootfsPropagation: fields.oneOf("rootfsPropagation", ROOTFS_PROPAGATIONS),
    maskedPaths: absolutePaths(fields, "maskedPaths"),
    readonlyPaths: absolutePaths(fields, "readonlyPaths"),
    mountLabel: fields.string("mountLabel"),
    sysctl: fields.stringMap("sysctl"),
    personality: fields.object("personality", decodePersonality),
    memoryPolicy: fields.object("memoryPolicy", decodeMemoryPolicy),
    seccomp: fields.object("seccomp", decodeSeccomp),
    netDevices: decodeNetDevices(fields, "netDevices"),
    intelRdt: fields.object("intelRdt", decodeIntelRdt),
  };
}

function decodeNamespace(fields: Fields): Namespace {
  const type = fields.must("type", fields.string("type"));
  return {
    type: isNamespaceType(type) ? type : fields.unknownWord("type", -1, type, Object.keys(NAMESPACES)),
    path: fields.absolutePath("path"),
  };
}

function isNamespaceType(name: string): name is NamespaceType {
  return Object.hasOwn(NAMESPACES, name);
}

function decodeTimeOffsets(fields: Fields): Linux["timeOffsets"] {
  return {
    monotonic: fields.object("monotonic", decodeTimeOffset),
    boottime: fields.object("boottime", decodeTimeOffset),
  };
}

function decodeTimeOffset(fields: Fields): TimeOffset {
  return { secs: fields.i64("secs") ?? 0n, nanosecs: fields.int("nanosecs", 0, 999_999_999) ?? 0 };
}

/** Paths inside the container that are hidden or made read-only. */
function absolutePaths(fields: Fields, name: string): readonly string[] {
  const paths = fields.strings(name);
  const i = paths.findIndex((path) => !path.startsWith("/"));
  if (i < 0) return paths;
  const sentence = `${name} must hold absolute paths, not ${quote(paths[i] ?? "")}`;
  throw new BundleError("format", `${fields.at(name)}/${i}`, sentence, 'start it with "/"');
}

function decodePersonality(fields: Fields): { readonly domain: PersonalityDomain } {
  if (fields.strings("flags").length > 0) {
    fields.fail("range", "flags", "the spec defines no personality flags yet", "remove the flags");
  }
  return { domain: fields.must("domain", fields.oneOf("domain", PERSONALITY_DOMAINS)) };
}

function decodeMemoryPolicy(fields: Fields): MemoryPolicy {
  return {
    mode: fields.must("mode", fields.oneOf("mode", MEMORY_POLICY_MODES)),
    nodes: numberList(fields, "nodes") ?? [],
    flags: fields.someOf("flags", MEMORY_POLICY_FLAGS),
  };
}
