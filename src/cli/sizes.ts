/** Sizes as people write them. */

/** `30M`, `1.5g`, `64KiB`, `512 b`: what runc takes (docker/go-units RAMInBytes), as its error says it. */
const SIZE = /^([0-9]+)(?:\.([0-9]+))? ?(?:([kmgtp])i?)?b?$/i;

/** The largest size: the kernel's signed 64 bits. */
const MAX = 0x7fffffffffffffffn;

/**
 * The number of bytes of a size; fractions of a byte are dropped. `undefined` for what is none, or does not fit into 63 bits.
 */
export function parseSize(text: string): bigint | undefined {
  const [, whole, fraction = "", letter = ""] = SIZE.exec(text) ?? [];
  if (whole === undefined || text.length > 40) return undefined;
  const power = letter === "" ? 0 : "kmgtp".indexOf(letter.toLowerCase()) + 1;
  const shift = BigInt(10 * power);
  const size = (BigInt(whole + fraction) << shift) / 10n ** BigInt(fraction.length);
  return size <= MAX ? size : undefined;
}
