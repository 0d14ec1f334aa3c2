/** The label that restored processes get: checked before criu is asked, and looked at before they run. */
import type { Bundle } from "../../bundle/types.ts";
import { LaunchError, type Pointer, UsageError } from "../../error.ts";
import { hasAppArmor, hasProfile } from "../../spawn/lsm.ts";

/** The profile that restored processes shall have, and who asks for it. */
export interface WantedProfile {
  readonly name: string;
  readonly pointer: Pointer | undefined;
}

const UNCONFINED = "unconfined";

/**
 * The AppArmor profile by `--lsm-profile`, else by config.json; none where that is `unconfined`, or a label is SELinux's.
 * criu 3.17 waits for ever when the kernel refuses a profile, so that one that is not loaded is refused here.
 *
 * @throws UsageError; LaunchError `criu`
 */
export function wantedProfile(
  { process }: Bundle,
  lsmProfile: string | undefined,
): WantedProfile | undefined {
  if (lsmProfile === undefined) {
    const name = process?.apparmorProfile;
    return name === undefined ? undefined : loaded({ name, pointer: "/process/apparmorProfile" });
  }
  const [, type, name = ""] = /^(apparmor|selinux):(.+)$/s.exec(lsmProfile) ?? [];
  if (type === undefined) {
    throw new UsageError(`invalid argument ${JSON.stringify(lsmProfile)} for --lsm-profile`, {
      hint: "write apparmor:PROFILE or selinux:LABEL",
    });
  }
  if (type === "selinux") return undefined;
  if (!hasAppArmor()) {
    throw new LaunchError("criu", `--lsm-profile ${lsmProfile}: apparmor is not enabled on the host`, {
      hint: "boot with apparmor=1 security=apparmor on a kernel that has it, or leave --lsm-profile out",
    });
  }
  return loaded({ name, pointer: undefined });
}

/** @throws LaunchError */
function loaded(wanted: WantedProfile): WantedProfile | undefined {
  if (wanted.name === UNCONFINED) return undefined;
  if (hasProfile(wanted.name) !== false) return wanted;
  throw new LaunchError("criu", `the apparmor profile ${JSON.stringify(wanted.name)} is not loaded`, {
    pointer: wanted.pointer,
    hint: "apparmor_parser -r FILE loads it, and aa-status lists those that are",
  });
}

/**
 * Why a process must not run with this label, as /proc/PID/attr has it: `PROFILE (MODE)`, and no mode where nothing confines. criu
 * labels only what had a label when it was checkpointed; what a profile of its own lets a program change to is not judged, but
 * one that is in the mode `unconfined` confines nothing, whatever its name. Pure.
 */
export function looseLabel(wanted: WantedProfile | undefined, label: string): string | undefined {
  if (wanted === undefined) return undefined;
  const whole = label.replace(/[\0\n]+$/, "");
  // A profile's name may itself end like a mode: the last one is the kernel's.
  const [, name = whole, mode] = /^(.*) \(([a-z]+)\)$/s.exec(whole) ?? [];
  const isLoose = mode === undefined ? isNobody(name) : mode === UNCONFINED && name !== wanted.name;
  if (!isLoose) return undefined;
  if (whole === "") return "the label of one cannot be read";
  return wanted.pointer === undefined
    ? "one had no apparmor profile, for which --lsm-profile could give it another"
    : "one has no apparmor profile";
}

/** The profile of what has none, also that of a policy namespace (`:NAMESPACE:unconfined`); what cannot be read is as none. */
function isNobody(name: string): boolean {
  return name === "" || name === UNCONFINED || /^:[^:]+:(?:\/\/)?unconfined$/.test(name);
}
