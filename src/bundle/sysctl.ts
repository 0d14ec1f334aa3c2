/**
 * Names of kernel parameters. sysctl(8) takes them with dots or with slashes: the first separator decides, and the other
 * character is then part of a name, as in `net.ipv4.conf.eth0/100.forwarding`. This file imports nothing.
 */

/**
 * The path below /proc/sys: `net.ipv4.ip_forward` and `net/ipv4/ip_forward` both give `net/ipv4/ip_forward`;
 * `undefined` where the name could lead elsewhere or is none (empty parts, `.` and `..`, white space, control characters).
 */
export function sysctlPath(name: string): string | undefined {
  const first = /[./]/.exec(name);
  const path =
    first === null || first[0] === "/" ? name : name.replace(/[./]/g, (c) => (c === "." ? "/" : "."));
  if (/[\s\u0000-\u001f\u007f]/.test(path)) return undefined;
  return path.split("/").some((part) => part === "" || part === "." || part === "..") ? undefined : path;
}
