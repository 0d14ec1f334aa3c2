/** Which runtime is under test, and what a test file needs of the host. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { hasBusybox } from "../../../scripts/make-rootfs.ts";

/** The runtimes that the tests know. */
export type Kind = "runc" | "tsrun";

/** Which runtime a program is, by what it says of itself. @throws Error where it is neither */
export function kindOf(program: string): Kind {
  const said = execFileSync(program, ["--version"], { encoding: "utf8" });
  const kind = /^(runc|tsrun) version /.exec(said)?.[1];
  if (kind !== "runc" && kind !== "tsrun") throw new Error(`${program} --version says: ${said}`);
  return kind;
}

/** Whether systemd makes the containers' cgroups in these tests: then it chooses their places. */
export const BY_SYSTEMD = process.env["TSRUN_TEST_CGROUP"] === "systemd";

/** What a file's tests need beside root. */
export interface Wants {
  /** A static busybox on the host, whose shell is then in every root file system. */
  readonly busybox?: boolean;
  /** A controller of cgroup v1, at its place below /sys/fs/cgroup. */
  readonly cgroupV1?: boolean;
  /** A host of cgroup v2 alone, at /sys/fs/cgroup. */
  readonly cgroupV2?: boolean;
  /** systemd as the host's manager. */
  readonly systemd?: boolean;
  /** A criu that works with this kernel. */
  readonly criu?: boolean;
  /** Cgroups that the runtime makes itself, at the places that the tests name, rather than systemd (TSRUN_TEST_CGROUP). */
  readonly cgroupfs?: boolean;
  /** The runtime under test must be this one. */
  readonly only?: Kind;
}

/** What is missing for tests of `runtime`, in words, or `undefined`. */
export function whatIsMissing(runtime: string, wants: Wants): string | undefined {
  if (process.getuid?.() !== 0) return "needs root: containers are made without a user namespace";
  if (wants.busybox === true && !hasBusybox()) return "needs a static /bin/busybox";
  if (wants.cgroupV1 === true && !existsSync("/sys/fs/cgroup/memory/cgroup.procs")) {
    return "needs cgroup v1 (or hybrid) with its hierarchies below /sys/fs/cgroup";
  }
  if (wants.cgroupV2 === true && !existsSync("/sys/fs/cgroup/cgroup.controllers")) {
    return "needs cgroup v2 alone at /sys/fs/cgroup";
  }
  if (wants.systemd === true && !existsSync("/run/systemd/system")) {
    return "needs systemd as the host's manager (/run/systemd/system)";
  }
  if (wants.criu === true) {
    const { error, status, stdout, stderr } = spawnSync("criu", ["check"], { encoding: "utf8" });
    if (error !== undefined) return "needs criu";
    const [why = ""] = `${stderr}${stdout}`.split("\n").filter((line) => line.includes("Error"));
    if (status !== 0) return `needs a criu that works with this kernel; criu check says: ${why}`;
  }
  if (wants.cgroupfs === true && BY_SYSTEMD) return "is about cgroups that the runtime makes itself";
  if (wants.only !== undefined && kindOf(runtime) !== wants.only) return `only ${wants.only} does this`;
  return undefined;
}
