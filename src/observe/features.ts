/** `features`: what this build supports, not what this host has (runtime-spec features.md, features-linux.md). */
import {
  CAPABILITIES,
  HOOK_STAGES,
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  NAMESPACES,
} from "../bundle/vocabulary.ts";
import { MOUNT_OPTIONS } from "../plan/mount-options.ts";
import { COMMIT, SPEC_VERSION, VERSION } from "../version.ts";

/** The features document. What is false or missing here is refused by `create`, never ignored. */
export function features(): object {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: SPEC_VERSION,
    hooks: HOOK_STAGES,
    mountOptions: Object.keys(MOUNT_OPTIONS).sort(),
    linux: {
      namespaces: Object.keys(NAMESPACES).sort(),
      capabilities: CAPABILITIES,
      // v2 without the rules of linux.resources.devices, which need eBPF there.
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
      seccomp: { enabled: false },
      apparmor: { enabled: false },
      selinux: { enabled: false },
      intelRdt: { enabled: false },
      memoryPolicy: { modes: MEMORY_POLICY_MODES, flags: MEMORY_POLICY_FLAGS },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: false },
    },
    annotations: {
      "dev.tsrun.version": VERSION,
      "dev.tsrun.commit": COMMIT,
    },
    potentiallyUnsafeConfigAnnotations: [],
  };
}
