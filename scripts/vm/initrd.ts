/** The guest's first root file system: busybox, the modules that its root takes, the guest's scripts, the job. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hasBusybox, PROJECT } from "../make-rootfs.ts";
import { type CpioEntry, cpio } from "./cpio.ts";
import type { Kernel } from "./kernel.ts";
import { loadOrder } from "./kernel-image.ts";

/** What the kernel needs as modules before there is a root: its devices, 9p, overlays. */
const MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];

/** Names and values that the guest's scripts read. */
export type Settings = Readonly<Record<string, string | number>>;

/** The archive. @throws Error where the host has no static busybox */
export function initrd(kernel: Kernel, settings: Settings, job: string): Buffer {
  if (!hasBusybox())
    throw new Error("the virtual machine needs a static /bin/busybox (package busybox-static)");
  const scripts = join(PROJECT, "scripts/vm/guest");
  const script = (name: string): string => readFileSync(join(scripts, name), "utf8");
  const order = loadOrder(readFileSync(join(kernel.modules, "modules.dep"), "utf8"), MODULES);
  const folders = ["bin", "dev", "proc", "sys", "vm", "vm/modules", "vm/guest"];
  const entries: readonly CpioEntry[] = [
    ...folders.map((name) => ({ name })),
    { name: "bin/busybox", data: readFileSync("/bin/busybox"), executable: true },
    { name: "init", data: script("init.sh"), executable: true },
    ...readdirSync(scripts).map((name) => ({ name: `vm/guest/${name}`, data: script(name) })),
    // The guest loads them in the order of their names.
    ...order.map((file, index) => ({
      name: `vm/modules/${String(index).padStart(2, "0")}-${file.split("/").at(-1) ?? ""}`,
      data: readFileSync(join(kernel.modules, file)),
    })),
    { name: "vm/settings", data: settingsText(settings) },
    { name: "vm/job", data: job },
  ];
  return cpio(entries);
}

/** Assignments as a shell reads them. */
export function settingsText(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${quoted(String(value))}\n`)
    .join("");
}

/** A script that runs a command in a folder, with some more environment. */
export function jobText(
  words: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>>,
): string {
  return [
    `cd ${quoted(folder)} || exit 125`,
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
    `exec ${words.map(quoted).join(" ")}`,
    "",
  ].join("\n");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
