/** `features`: what this build supports, not what this host has (runtime-spec features.md, features-linux.md). */
import {
  CAPABILITIES,
  HOOK_STAGES,
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  NAMESPACES,
} from "../bundle/vocabulary.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  type SeccompFlag,
} from "../bundle/vocabulary-seccomp.ts";
import { MOUNT_OPTIONS } from "../plan/mount-options.ts";
import { libseccompVersion } from "../spawn/seccomp.ts";
import { SECCOMP_FILTER_FLAG } from "../sys/constants.gen.ts";
import { lib } from "../sys/lib.ts";
import { COMMIT, SPEC_VERSION, VERSION } from "../version.ts";

/**
 * Every annotation that tsrun acts on, prefixes with a dot at their end (runtime-spec features.md). A test holds the list against
 * the source.
 */
const UNSAFE_ANNOTATIONS = [
  "org.criu.config",
  "org.opencontainers.image.stopSignal",
  "org.systemd.property.",
] as const;

/** The features document. What is false or missing here is refused by `create`, never ignored. */
export function features(): object {
  const libseccomp = libseccompVersion();
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: SPEC_VERSION,
    hooks: HOOK_STAGES,
    mountOptions: Object.keys(MOUNT_OPTIONS).sort(),
    linux: {
      namespaces: Object.keys(NAMESPACES).sort(),
      capabilities: CAPABILITIES,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: SECCOMP_ACTIONS,
        operators: SECCOMP_OPERATORS,
        archs: SECCOMP_ARCHS,
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_FLAGS.filter(isSupported),
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: MEMORY_POLICY_MODES, flags: MEMORY_POLICY_FLAGS },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: {
      "dev.tsrun.version": VERSION,
      "dev.tsrun.commit": COMMIT,
      "org.opencontainers.runc.checkpoint.enabled": "true",
      ...(libseccomp === undefined ? {} : { "io.github.seccomp.libseccomp.version": libseccomp }),
    },
    potentiallyUnsafeConfigAnnotations: UNSAFE_ANNOTATIONS,
  };
}

/** Whether this kernel has a flag: the one thing here that the host says, as in runc. */
function isSupported(flag: SeccompFlag): boolean {
  const { TSYNC, LOG, SPEC_ALLOW, WAIT_KILLABLE_RECV, NEW_LISTENER } = SECCOMP_FILTER_FLAG;
  switch (flag) {
    case "SECCOMP_FILTER_FLAG_TSYNC":
      return lib().ts_filter_flags(TSYNC) === 1;
    case "SECCOMP_FILTER_FLAG_LOG":
      return lib().ts_filter_flags(LOG) === 1;
    case "SECCOMP_FILTER_FLAG_SPEC_ALLOW":
      return lib().ts_filter_flags(SPEC_ALLOW) === 1;
    case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV":
      return lib().ts_filter_flags(WAIT_KILLABLE_RECV | NEW_LISTENER) === 1;
    default:
      return flag satisfies never;
  }
}
