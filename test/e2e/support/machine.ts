/**
 * What tests may do to the machine they run on: load modules, reserve huge pages, turn swap on. Only a machine that is thrown
 * away afterwards is changed like that (TSRUN_TEST_VM is set there); others are taken as they are.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { textOf } from "./outside.ts";

/** Whether the machine is a virtual one that is thrown away. */
export const THROWAWAY = (process.env["TSRUN_TEST_VM"] ?? "") !== "";

/** Runs a program that changes the machine; whether it was allowed and worked. */
export function change(program: string, ...args: string[]): boolean {
  return THROWAWAY && spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** A whole disk of this host, as `MAJOR:MINOR`. */
export function anyDisk(): string | undefined {
  for (const name of readdirSync("/sys/block")) {
    const size = Number(textOf(`/sys/block/${name}/size`));
    const numbers = textOf(`/sys/block/${name}/dev`)?.trim();
    if (size > 0 && numbers !== undefined) return numbers;
  }
  return undefined;
}

/** The whole disk that a folder is on, as `MAJOR:MINOR`; `undefined` for a filesystem without one of its own. */
export function diskOf(folder: string): string | undefined {
  const { dev } = statSync(folder);
  // As the C library has them: gnu_dev_major and gnu_dev_minor.
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  const place = `/sys/dev/block/${major}:${minor}`;
  if (textOf(join(place, "dev")) === undefined) return undefined;
  const whole = textOf(join(place, "partition")) === undefined ? place : join(place, "..");
  return textOf(join(whole, "dev"))?.trim();
}

/** Huge pages of 2 MiB that nobody uses; reserved first where the machine may be changed. */
export function hugePages(): number {
  const folder = "/sys/kernel/mm/hugepages/hugepages-2048kB";
  if (THROWAWAY && textOf(join(folder, "free_hugepages"))?.trim() === "0") {
    writeFileSync(join(folder, "nr_hugepages"), "16");
  }
  return Number(textOf(join(folder, "free_hugepages")) ?? 0);
}

/** Whether there is swap; some in compressed memory is turned on first where the machine may be changed. */
export function hasSwap(): boolean {
  const there = (): boolean => (textOf("/proc/swaps") ?? "").trim().split("\n").length > 1;
  if (there() || !change("modprobe", "zram", "num_devices=1")) return there();
  if (textOf("/sys/block/zram0/disksize")?.trim() === "0") writeFileSync("/sys/block/zram0/disksize", "256M");
  return change("mkswap", "/dev/zram0") && change("swapon", "/dev/zram0") && there();
}

/** An RDMA device in software on a link of its own; its name. */
export function rdmaDevice(): string | undefined {
  const found = (): string | undefined =>
    readdirSync("/sys/class").includes("infiniband") ? readdirSync("/sys/class/infiniband")[0] : undefined;
  if (found() !== undefined) return found();
  const made =
    change("modprobe", "-a", "rdma_rxe", "dummy") &&
    change("ip", "link", "add", "tsrunrdma", "type", "dummy") &&
    change("ip", "link", "set", "tsrunrdma", "up") &&
    change("rdma", "link", "add", "rxe0", "type", "rxe", "netdev", "tsrunrdma");
  return made ? found() : undefined;
}
