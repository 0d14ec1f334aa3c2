/** The container's process (config.md, process), also as `exec --process` reads it. */
import { BundleError } from "../../error.ts";
import type { Fields } from "../fields.ts";
import { known } from "../shapes.ts";
import { didYouMean } from "../suggest.ts";
import type { Capabilities, Process, Rlimit, User } from "../types.ts";
import { CAPABILITIES, type CapabilityName, RLIMITS } from "../vocabulary.ts";
import { quote } from "../words.ts";
import { decodeExecCPUAffinity, decodeIoPriority, decodeScheduler } from "./scheduling.ts";

/** (uid_t)-1 means "leave it" to the kernel's calls, so it is nobody's id. */
const ID_MAX = 0xfffffffe;

/** @throws BundleError */
export function decodeProcess(fields: Fields): Process {
  if (fields.string("commandLine") !== undefined) {
    fields.decoding.warn(fields.at("commandLine"), "commandLine is for Windows and is ignored", "use args");
  }
  const args = fields.strings("args");
  if (args.length === 0)
    fields.fail("missing", "args", "process.args must not be empty", "name the program to run");
  const env = fields.strings("env");
  checkEnv(fields, env);
  return {
    terminal: fields.bool("terminal") ?? false,
    consoleSize: fields.object("consoleSize", (size) => ({
      height: size.int("height", 0, 0xffff) ?? 0,
      width: size.int("width", 0, 0xffff) ?? 0,
    })),
    user: fields.section("user", decodeUser),
    args,
    env,
    cwd: decodeCwd(fields),
    capabilities: fields.section("capabilities", decodeCapabilities),
    rlimits: fields.objects("rlimits", decodeRlimit),
    noNewPrivileges: fields.bool("noNewPrivileges") ?? false,
    apparmorProfile: fields.string("apparmorProfile"),
    selinuxLabel: fields.string("selinuxLabel"),
    oomScoreAdj: fields.int("oomScoreAdj", -1000, 1000),
    scheduler: fields.object("scheduler", decodeScheduler),
    ioPriority: fields.object("ioPriority", decodeIoPriority),
    execCPUAffinity: fields.object("execCPUAffinity", decodeExecCPUAffinity),
  };
}

function decodeCwd(fields: Fields): string {
  const cwd = fields.string("cwd");
  if (cwd === undefined) fields.fail("missing", "cwd", "Cwd property must not be empty", 'add "cwd": "/"');
  if (!cwd.startsWith("/")) {
    fields.fail("format", "cwd", `Cwd must be an absolute path, not ${quote(cwd)}`, 'start it with "/"');
  }
  return cwd;
}

/** `NAME=value` with a name, as runc requires it. @throws BundleError `format` at the entry */
export function checkEnv(fields: Fields, env: readonly string[]): void {
  const i = env.findIndex((entry) => entry.indexOf("=") < 1);
  if (i < 0) return;
  const entry = env[i] ?? "";
  const sentence = `invalid environment variable: ${quote(entry)} has no ${entry.includes("=") ? "name" : '"="'}`;
  throw new BundleError("format", `${fields.at("env")}/${i}`, sentence, "write NAME=value");
}

function decodeUser(fields: Fields): User {
  // username is for Windows; engines fill it in for their own use.
  fields.string("username");
  const additionalGids = fields.list("additionalGids").map((gid, i) => {
    if (typeof gid === "number" && Number.isInteger(gid) && gid >= 0 && gid <= ID_MAX) return gid;
    const code = typeof gid === "number" || typeof gid === "bigint" ? "range" : "type";
    const at = `${fields.at("additionalGids")}/${i}`;
    throw new BundleError(code, at, `additionalGids must hold group ids from 0 to ${ID_MAX}`);
  });
  return {
    uid: fields.int("uid", 0, ID_MAX) ?? 0,
    gid: fields.int("gid", 0, ID_MAX) ?? 0,
    umask: fields.int("umask", 0, 0o777),
    additionalGids,
  };
}

function decodeCapabilities(fields: Fields): Capabilities {
  const warned: string[] = [];
  return {
    bounding: capabilitySet(fields, "bounding", warned),
    effective: capabilitySet(fields, "effective", warned),
    inheritable: capabilitySet(fields, "inheritable", warned),
    permitted: capabilitySet(fields, "permitted", warned),
    ambient: capabilitySet(fields, "ambient", warned),
  };
}

/** config.md since 1.1: an unknown capability is warned about. Once, though it tends to be in each set. */
function capabilitySet(
  fields: Fields,
  name: keyof Capabilities,
  warned: string[],
): readonly CapabilityName[] {
  const given = fields.strings(name);
  const set: CapabilityName[] = [];
  for (let i = 0; i < given.length; i++) {
    const capability = given[i] ?? "";
    const found = known(capability, CAPABILITIES);
    if (found !== undefined) set.push(found);
    else if (warned.length < 50 && !warned.includes(capability)) {
      const text = `the unknown capability ${quote(capability)} is left out`;
      fields.decoding.warn(`${fields.at(name)}/${i}`, text, didYouMean(capability, CAPABILITIES));
      warned.push(capability);
    }
  }
  return set;
}

function decodeRlimit(fields: Fields): Rlimit {
  return {
    type: fields.must("type", fields.oneOf("type", RLIMITS)),
    soft: fields.must("soft", fields.u64("soft")),
    hard: fields.must("hard", fields.u64("hard")),
  };
}
