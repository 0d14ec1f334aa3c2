/**
 * `bun scripts/vm/packages.ts`: installs what the virtual machine of the tests is made of, and gets its kernel. For a Debian 12
 * machine, as root or with sudo; doing it twice changes nothing.
 */
import { execFileSync } from "node:child_process";
import { fetchKernel } from "./kernel.ts";

const PACKAGES = [
  // The machine: the emulator, and what unpacks a kernel, indexes its modules, makes a file system and fills the first one.
  ...["qemu-system-x86", "xz-utils", "kmod", "e2fsprogs", "busybox-static"],
  // What runs in it.
  ...["systemd", "dbus", "dbus-user-session", "libpam-systemd", "criu", "apparmor", "iptables"],
];

const privileged = process.geteuid?.() === 0 ? [] : ["sudo", "-E"];
const [program = "", ...args] = [
  ...privileged,
  "apt-get",
  "install",
  "-qq",
  "-y",
  "--no-install-recommends",
  ...PACKAGES,
];
execFileSync(program, args, {
  stdio: ["ignore", "inherit", "inherit"],
  env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
});
console.log(`the kernel of the virtual machine is ${fetchKernel().release}`);
