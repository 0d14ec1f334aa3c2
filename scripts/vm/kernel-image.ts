/** What is inside a kernel as Debian ships it. */

/** Where a bzImage holds the compressed kernel. */
export interface Payload {
  readonly offset: number;
  readonly length: number;
}

// Fields of the set-up header (Documentation/x86/boot.rst).
const SETUP_SECTORS = 0x1f1;
const MAGIC = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR = 512;

/** @throws Error where the file is no bzImage */
export function payloadOf(image: Buffer): Payload {
  if (image.length < 2 * SECTOR || image.toString("latin1", MAGIC, MAGIC + 4) !== "HdrS")
    throw new Error("the kernel is not a bzImage");
  const setup = (image.readUInt8(SETUP_SECTORS) + 1) * SECTOR;
  return { offset: setup + image.readUInt32LE(PAYLOAD_OFFSET), length: image.readUInt32LE(PAYLOAD_LENGTH) };
}

const SIGNED = Buffer.from("~Module signature appended~\n");

/** struct module_signature (include/linux/module_signature.h): eight bytes, then the signature's length, big-endian. */
const SIGNATURE_INFO = 12;

/**
 * How long a kernel module is without its signature. The check of a signature takes an emulated processor longer than all
 * the rest of the loading; an unsigned module only taints the kernel.
 */
export function unsignedLength(module: Buffer): number {
  const info = module.length - SIGNED.length - SIGNATURE_INFO;
  if (info < 0 || !module.subarray(-SIGNED.length).equals(SIGNED)) return module.length;
  return info - module.readUInt32BE(info + 8);
}

/** The files that loading a module takes, in their order, by what modules.dep says. @throws Error where it has no such module */
export function loadOrder(modulesDep: string, names: readonly string[]): readonly string[] {
  const needs = new Map<string, readonly string[]>();
  const files = new Map<string, string>();
  for (const line of modulesDep.split("\n")) {
    const [file = "", rest = ""] = line.split(":");
    needs.set(
      file,
      rest.split(" ").filter((word) => word !== ""),
    );
    files.set(moduleName(file), file);
  }
  const order = new Set<string>();
  for (const name of names) {
    const file = files.get(name);
    if (file === undefined) throw new Error(`the kernel has no module ${name}`);
    // modules.dep names what is to be loaded first at the end.
    for (const needed of [...(needs.get(file) ?? [])].reverse()) order.add(needed);
    order.add(file);
  }
  return [...order];
}

function moduleName(file: string): string {
  return (file.split("/").at(-1) ?? "").replace(/\.ko$/, "").replaceAll("-", "_");
}
