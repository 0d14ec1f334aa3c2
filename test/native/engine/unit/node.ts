/** What unit tests take from Node without importing it, where there is no Node: as much of it as they use. */

/** Plain data, copied. */
function clone<T>(value: T): T {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "function" || typeof value === "symbol") throw new TypeError("it cannot be cloned");
    return value;
  }
  if (Array.isArray(value)) return value.map(clone) as T;
  if (Object.getPrototypeOf(value) !== Object.prototype)
    throw new TypeError("only plain data is cloned here");
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, clone(each)])) as T;
}

class Bytes extends Uint8Array {
  static bytes(source: string | ArrayBuffer | Uint8Array | readonly number[], encoding = "utf8"): Bytes {
    if (typeof source !== "string")
      return new Bytes(source instanceof ArrayBuffer ? source : Uint8Array.from(source).buffer);
    if (encoding === "utf8") return new Bytes(new TextEncoder().encode(source));
    if (encoding !== "hex") throw new Error(`no ${encoding} here`);
    return new Bytes((source.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
  }

  static concat(all: readonly Uint8Array[]): Bytes {
    const joined = new Bytes(all.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const each of all) {
      joined.set(each, at);
      at += each.length;
    }
    return joined;
  }

  override toString(encoding = "utf8"): string {
    if (encoding === "utf8") return new TextDecoder().decode(this);
    if (encoding !== "hex") throw new Error(`no ${encoding} here`);
    return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

if (!("Buffer" in globalThis))
  Object.assign(globalThis, { structuredClone: clone, Buffer: { from: Bytes.bytes, concat: Bytes.concat } });
