/** Network devices that tests make on the host, always with the letters `tsrt` in front. */
import { spawnSync } from "node:child_process";
import type { Test } from "tap";

/** Whether ip(8) is there and the kernel has pairs of virtual devices. */
export function noVeth(): string | undefined {
  const made = spawnSync("ip", ["link", "add", "tsrtprobe0", "type", "veth", "peer", "name", "tsrtprobe1"]);
  if (made.error !== undefined) return "needs ip (package iproute2)";
  if (made.status !== 0) return "needs veth devices (CONFIG_VETH)";
  ip("link", "del", "tsrtprobe0");
  return undefined;
}

/** ip(8); what it wrote. @throws Error with its words */
export function ip(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** A device, up, with addresses; its other end, `NAME-`, stays on the host. Removed when the test ends. */
export function makeDevice(t: Test, name: string, ...addresses: readonly string[]): void {
  ip("link", "add", name, "type", "veth", "peer", "name", `${name}-`);
  t.teardown(() => void spawnSync("ip", ["link", "del", `${name}-`]));
  for (const address of addresses) ip("addr", "add", ...address.split(" "), "dev", name);
  ip("link", "set", name, "up");
  ip("link", "set", `${name}-`, "up");
}

/** Whether the host has a device. */
export function hasDevice(name: string): boolean {
  return spawnSync("ip", ["link", "show", "dev", name]).status === 0;
}

/** What ip(8) says of a device's addresses, one `family address scope` each, sorted; link-local ones left out. */
export function addressesIn(text: string): readonly string[] {
  const found: string[] = [];
  for (const [, family, address, rest = ""] of text.matchAll(/^\s+(inet6?) (\S+) (.*)$/gm)) {
    const scope = /scope (\w+)/.exec(rest)?.[1] ?? "";
    if (scope !== "link" && scope !== "host") found.push(`${family} ${address} ${scope}`);
  }
  return found.sort();
}
