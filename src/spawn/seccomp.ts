/** Filters of system calls: compiled by libtsrun, and kept for the next container that has the same. */
import type { Bundle, Seccomp } from "../bundle/types.ts";
import { BundleError, errnoText, SystemError } from "../error.ts";
import { filterDescription } from "../plan/seccomp.ts";
import { cstring } from "../sys/bytes.ts";
import { errnoName, lib } from "../sys/lib.ts";

const PLACE = "/linux/seccomp";

/** BPF_MAXINSNS instructions of 8 bytes. */
const ROOM = 4096 * 8;

/** How to get libseccomp. */
export const INSTALL_LIBSECCOMP =
  "install libseccomp: the package is libseccomp2 on Debian and Ubuntu, and libseccomp on most others";

/**
 * A filter as a program for the kernel.
 *
 * @param folder where compiled filters are kept; `""` keeps none
 * @throws BundleError, SystemError
 */
export function compileFilter(seccomp: Seccomp, folder: string): Uint8Array {
  const description = filterDescription(seccomp);
  const program = new Uint8Array(ROOM);
  const failed = new Int32Array(3);
  const answer = lib().ts_filter(
    cstring(folder),
    description,
    description.length,
    program,
    program.length,
    failed,
  );
  if (answer < 0) throw refusal(seccomp, errnoName(-answer), failed);
  return program.subarray(0, answer);
}

/** The filter that a bundle asks for, if any. @throws BundleError, SystemError */
export function filterOf({ linux: { seccomp } }: Bundle, folder: string): Uint8Array | undefined {
  return seccomp === undefined ? undefined : compileFilter(seccomp, folder);
}

/** libseccomp's version, such as `2.5.4`; `undefined` where there is none. */
export function libseccompVersion(): string | undefined {
  const version = new Int32Array(3);
  return lib().ts_filter_library(version) < 0 ? undefined : version.join(".");
}

function refusal(seccomp: Seccomp, errno: string, [part = 0, index = 0, name = 0]: Int32Array): Error {
  if (errno === "ENOPKG") {
    return new SystemError("dlopen", errno, "libseccomp.so.2", {
      doing: "compile the seccomp filter: there is no libseccomp.so.2",
      pointer: PLACE,
      hint: `${INSTALL_LIBSECCOMP}; or remove linux.seccomp`,
    });
  }
  if (errno === "E2BIG") {
    const sentence = "the seccomp filter is larger than the 4096 instructions that the kernel takes";
    return new BundleError("limit", PLACE, sentence, "fewer rules with conditions make it smaller");
  }
  const library = `libseccomp ${libseccompVersion() ?? ""}`.trim();
  if (part === 1) {
    const sentence = `${library} cannot filter ${seccomp.architectures[index] ?? ""} here: ${errno}: ${errnoText(errno)}`;
    const hint =
      errno === "EDOM"
        ? "that architecture has another byte order than this machine's"
        : "remove the architecture, or install a newer libseccomp";
    return new BundleError("unsupported", `${PLACE}/architectures/${index}`, sentence, hint);
  }
  if (part === 2) {
    const rule = seccomp.rules[index];
    const sentence = `${library} cannot add the seccomp rule for ${rule?.names[name] ?? ""}: ${errno}: ${errnoText(errno)}`;
    const notifies = rule?.action === "SCMP_ACT_NOTIFY";
    const hint = notifies
      ? "SCMP_ACT_NOTIFY needs libseccomp 2.5 or newer"
      : "see whether other rules have the same system call";
    return new BundleError("conflict", `${PLACE}/syscalls/${index}`, sentence, hint);
  }
  return new SystemError("seccomp_export_bpf", errno, library, {
    doing: "compile the seccomp filter",
    pointer: PLACE,
  });
}
