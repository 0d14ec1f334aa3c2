/** What the engine tests have in common that run in the virtual machines alone, where the kernel and root can do everything. */
import { spawnSync } from "node:child_process";
import t from "tap";
import { THROWAWAY } from "../../support/machine.ts";

/** The engines' driver of cgroups: what manages them in the machine. */
export const DRIVER = process.env["TSRUN_TEST_CGROUP"] === "systemd" ? "systemd" : "cgroupfs";

/** Skips the whole file on a machine that is not thrown away. */
export function openMachine(why: string): void {
  if (THROWAWAY) return;
  t.plan(0, `runs in the virtual machines (npm run test:vm): ${why}`);
  process.exit(0);
}

/** The parent of all cgroups that have a tag, as the driver names it. */
export function cgroupParent(tag: string): string {
  return DRIVER === "systemd" ? `${tag}.slice` : `/${tag}`;
}

/** Has systemd forget the parent, which it would make again. */
export function endParent(tag: string): void {
  if (DRIVER === "systemd") spawnSync("systemctl", ["stop", cgroupParent(tag)], { stdio: "ignore" });
}
