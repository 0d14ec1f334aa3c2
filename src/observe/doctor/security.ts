/** Filters of system calls, and security modules. */
import { INSTALL_LIBSECCOMP } from "../../spawn/seccomp.ts";
import { SECCOMP_FILTER_FLAG } from "../../sys/constants.gen.ts";
import type { Finding, World } from "./world.ts";

/** Security. */
export function security(world: World): readonly Finding[] {
  return [filter(world), notify(world), library(world), apparmor(world), selinux(world)];
}

function filter({ filterFlags }: World): Finding {
  const about = { area: "security", name: "seccomp" } as const;
  if (filterFlags(SECCOMP_FILTER_FLAG.LOG)) return { ...about, state: "ok", found: "filters" };
  return {
    ...about,
    state: "missing",
    found: "this kernel has no filters",
    lost: "linux.seccomp",
    cure: "a kernel with CONFIG_SECCOMP_FILTER",
  };
}

function notify({ filterFlags }: World): Finding {
  const about = { area: "security", name: "seccomp notify" } as const;
  const { NEW_LISTENER, WAIT_KILLABLE_RECV } = SECCOMP_FILTER_FLAG;
  if (!filterFlags(NEW_LISTENER)) {
    return {
      ...about,
      state: "missing",
      found: "not in this kernel",
      lost: "SCMP_ACT_NOTIFY",
      cure: "Linux 5.0",
    };
  }
  if (filterFlags(NEW_LISTENER | WAIT_KILLABLE_RECV))
    return { ...about, state: "ok", found: "with WAIT_KILLABLE_RECV" };
  return {
    ...about,
    state: "partial",
    found: "without WAIT_KILLABLE_RECV",
    lost: "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    cure: "Linux 5.19",
  };
}

function library({ libseccomp }: World): Finding {
  const about = { area: "security", name: "libseccomp" } as const;
  const version = libseccomp();
  if (version === undefined)
    return {
      ...about,
      state: "missing",
      found: "no libseccomp.so.2",
      lost: "linux.seccomp",
      cure: INSTALL_LIBSECCOMP,
    };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 5)) return { ...about, state: "ok", found: version };
  return {
    ...about,
    state: "partial",
    found: version,
    lost: "SCMP_ACT_NOTIFY, and newer system calls by name",
    cure: "libseccomp 2.5 or newer",
  };
}

function apparmor({ read }: World): Finding {
  const about = { area: "security", name: "AppArmor" } as const;
  if (read("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true)
    return { ...about, state: "ok", found: "enabled" };
  return {
    ...about,
    state: "missing",
    found: modules(read),
    lost: "process.apparmorProfile",
    cure: "a kernel with AppArmor, booted with lsm=...,apparmor",
  };
}

function selinux({ read, kind }: World): Finding {
  const about = { area: "security", name: "SELinux" } as const;
  const lost = "process.selinuxLabel and linux.mountLabel";
  if (kind("/sys/fs/selinux/enforce") !== "file") {
    return {
      ...about,
      state: "missing",
      found: modules(read),
      lost,
      cure: "a kernel with SELinux, booted with lsm=...,selinux",
    };
  }
  if (read("/proc/self/attr/current")?.replace(/\0$/, "") === "kernel") {
    return {
      ...about,
      state: "missing",
      found: "no policy is loaded",
      lost,
      cure: "install a policy, such as selinux-policy-default",
    };
  }
  const enforcing = read("/sys/fs/selinux/enforce")?.trim() === "1";
  return { ...about, state: "ok", found: enforcing ? "enforcing" : "permissive" };
}

/** What the kernel has instead. */
function modules(read: World["read"]): string {
  const list = read("/sys/kernel/security/lsm")?.trim();
  return list === undefined || list === "" ? "not enabled" : `not among the kernel's modules (${list})`;
}
