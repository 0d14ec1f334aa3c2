/**
 * Which labels of an image become annotations. An image describes itself; what runtimes, engines and their plugins obey is for
 * whoever runs it to say. Pure.
 */

/**
 * Names that begin so are obeyed by somebody who gets a bundle's annotations: tsrun, systemd (runc, crun), criu, crun and its
 * handlers, CRI engines, containerd and its shims, podman and buildah, Kata, gVisor, wasm shims, nvidia's runtimes, hcsshim.
 */
const OBEYED: readonly string[] = [
  "com.github.containers.",
  "com.nvidia.volumes.",
  "containerd.io/",
  "dev.gvisor.",
  "dev.tsrun.",
  "io.containerd.",
  "io.containers.",
  "io.cri-containerd.",
  "io.crun.",
  "io.katacontainers.",
  "io.kubernetes.",
  "io.microsoft.",
  "io.podman.",
  "krun.",
  "module.wasm.",
  "org.criu.",
  "org.crun.",
  "org.opencontainers.runc.",
  "org.systemd.",
  "org.tsrun.",
  "run.oci.",
];

/** The same of names below a domain: `cdi.k8s.io/gpu`, `cpu-quota.crio.io`, `devices.nri.io/pod`. */
const DOMAINS = /(?:^|\.)(?:crio|cri-o|k8s|kubernetes|nri|openshift)\.io(?:$|\/)/;

/** Whether somebody obeys an annotation of this name. Names are compared without case, for those who read them so. */
export function isObeyed(name: string): boolean {
  const lower = name.toLowerCase();
  return OBEYED.some((prefix) => lower.startsWith(prefix)) || DOMAINS.test(lower);
}

/** The line about labels that were left out, not too many and none too long; `undefined` where all were taken. */
export function leftOut(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 10).map((name) => (name.length > 100 ? `${name.slice(0, 97)}...` : name));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  const [count, verb] = names.length === 1 ? ["1 label", "was"] : [`${names.length} labels`, "were"];
  return `${count} of the image ${verb} left out, as runtimes and engines would obey such annotations: ${shown.join(", ")}${more}`;
}
