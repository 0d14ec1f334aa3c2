/** Device nodes and device numbers (config-linux.md, devices; control groups, allowed device list). */
import type { Fields } from "../fields.ts";
import type { Device, DeviceRule } from "../types.ts";
import { quote } from "../words.ts";

/** include/linux/kdev_t.h: 12 bits of major number, 20 of minor. */
const MAJOR_MAX = 0xfff;
const MINOR_MAX = 0xfffff;
const ID_MAX = 0xfffffffe;
const NODE_TYPES = ["c", "b", "u", "p"] as const;
const RULE_TYPES = ["a", "c", "b"] as const;

/** @throws BundleError */
export function decodeDevice(fields: Fields): Device {
  const type = fields.must("type", fields.oneOf("type", NODE_TYPES));
  const major = fields.int("major", 0, MAJOR_MAX);
  const minor = fields.int("minor", 0, MINOR_MAX);
  // Some engines pass a whole st_mode; its file type is what the type field says already.
  const fileMode = fields.int("fileMode", 0, 0o177777);
  return {
    type,
    path: fields.must("path", fields.absolutePath("path")),
    major: type === "p" ? 0 : fields.must("major", major),
    minor: type === "p" ? 0 : fields.must("minor", minor),
    fileMode: fileMode === undefined ? undefined : fileMode & 0o7777,
    uid: fields.int("uid", 0, ID_MAX),
    gid: fields.int("gid", 0, ID_MAX),
  };
}

/** A rule of the device cgroup; -1 and an absent number are every number. @throws BundleError */
export function decodeDeviceRule(fields: Fields): DeviceRule {
  const major = fields.int("major", -1, MAJOR_MAX);
  const minor = fields.int("minor", -1, MINOR_MAX);
  // Optional in the spec, but without it a rule has no meaning: runc refuses it too.
  const access = fields.must("access", fields.string("access"));
  const letters =
    (access.includes("r") ? "r" : "") + (access.includes("w") ? "w" : "") + (access.includes("m") ? "m" : "");
  // Other letters, and letters that are there twice, make the text longer than what was found.
  if (letters.length !== access.length) {
    fields.fail("range", "access", `access ${quote(access)} is not made of r, w and m, each at most once`);
  }
  return {
    allow: fields.bool("allow") ?? false,
    type: fields.oneOf("type", RULE_TYPES) ?? "a",
    major: major === -1 ? undefined : major,
    minor: minor === -1 ? undefined : minor,
    access: letters,
  };
}

/** The numbers of one block device. @throws BundleError */
export function decodeDeviceNumbers(fields: Fields): { readonly major: number; readonly minor: number } {
  return {
    major: fields.must("major", fields.int("major", 0, MAJOR_MAX)),
    minor: fields.must("minor", fields.int("minor", 0, MINOR_MAX)),
  };
}
