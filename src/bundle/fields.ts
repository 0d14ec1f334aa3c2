/**
 * One JSON object, read field by field: every complaint carries a pointer, and the fields that nobody asked for are
 * reported. `null` counts as absent, and so does an empty string: Go programs write both for "not set".
 */
import { type BundleCode, BundleError, type Pointer } from "../error.ts";
import type { Decoding } from "./decoding.ts";
import { areStrings, isArray, isObject, known, lowerCased } from "./shapes.ts";
import { didYouMean } from "./suggest.ts";
import { child, kindOfValue, quote } from "./words.ts";

const U32_MAX = 0xffffffff;

/** Turns an object into its value; {@link Fields.end} is called for it. */
export type ElementDecoder<T> = (fields: Fields) => T;

/** The reader of one object. Each field is asked for once; {@link end} comes last. */
export class Fields {
  readonly decoding: Decoding;
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly name: string;
  private readonly parent: Fields | undefined;
  private readonly index: number;
  private readonly asked: string[] = [];
  private found = 0;

  /**
   * `name` is the field of `parent` that holds the value, or what the whole text is; `index` is its place in a list.
   * @throws BundleError `type` when the value is no object
   */
  constructor(decoding: Decoding, value: unknown, name: string, parent?: Fields, index = -1) {
    this.decoding = decoding;
    this.name = name;
    this.parent = parent;
    this.index = index;
    if (!isObject(value)) {
      const what = index < 0 ? name : `each element of ${name}`;
      throw new BundleError("type", this.pointer, `${what} must be an object, not ${kindOfValue(value)}`);
    }
    this.values = decoding.foldCase ? lowerCased(value) : value;
  }

  /** The object's place. It is made when asked for, since mostly nothing is wrong. */
  get pointer(): Pointer {
    if (this.parent === undefined) return "";
    const field = this.parent.at(this.name);
    return this.index < 0 ? field : `${field}/${this.index}`;
  }

  at(name: string): Pointer {
    return child(this.pointer, name);
  }

  /** The value as parsed; `undefined` where it is absent or null. */
  take(name: string): unknown {
    this.asked[this.asked.length] = name;
    // Parsed JSON has no undefined, and no field is called as a member of Object.prototype is.
    const value = this.values[this.decoding.foldCase ? name.toLowerCase() : name];
    if (value === undefined) return undefined;
    this.found++;
    return value === null ? undefined : value;
  }

  /** Gives the value on, and refuses its absence. @throws BundleError `missing` */
  must<T>(name: string, value: T | undefined): T {
    return value ?? this.fail("missing", name, `${name} is required, and is missing or empty`);
  }

  fail(code: BundleCode, name: string, sentence: string, hint?: string): never {
    throw new BundleError(code, this.at(name), sentence, hint);
  }

  private wrongType(name: string, wanted: string, value: unknown): never {
    this.fail("type", name, `${name} must be ${wanted}, not ${kindOfValue(value)}`);
  }

  /** A string that is not empty. @throws BundleError `type` */
  string(name: string): string | undefined {
    const value = this.take(name);
    if (value === undefined || value === "") return undefined;
    return typeof value === "string" ? value : this.wrongType(name, "a string", value);
  }

  bool(name: string): boolean | undefined {
    const value = this.take(name);
    return value === undefined || typeof value === "boolean"
      ? value
      : this.wrongType(name, "a boolean", value);
  }

  /** A whole number from `min` to `max`, both within 2^53. @throws BundleError `type`, `range` */
  int(name: string, min: number, max: number): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max)
      return value + 0;
    return this.badNumber(name, value, min, max);
  }

  u32(name: string): number | undefined {
    return this.int(name, 0, U32_MAX);
  }

  /** A whole number of 64 bits, with sign; `min` narrows it. @throws BundleError `type`, `range` */
  i64(name: string, min = -0x8000000000000000n): bigint | undefined {
    return this.long(name, min, 0x7fffffffffffffffn);
  }

  /** A whole number of 64 bits, without sign; `max` narrows it. @throws BundleError `type`, `range` */
  u64(name: string, max = 0xffffffffffffffffn): bigint | undefined {
    return this.long(name, 0n, max);
  }

  private long(name: string, min: bigint, max: bigint): bigint | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const whole =
      typeof value === "bigint"
        ? value
        : typeof value === "number" && Number.isSafeInteger(value)
          ? BigInt(value)
          : undefined;
    if (whole !== undefined && whole >= min && whole <= max) return whole;
    return this.badNumber(name, value, min, max);
  }

  private badNumber(name: string, value: unknown, min: number | bigint, max: number | bigint): never {
    if (typeof value !== "number" && typeof value !== "bigint")
      return this.wrongType(name, "a whole number", value);
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      this.fail("type", name, `${name} must be a whole number written with digits alone, not ${value}`);
    }
    this.fail("range", name, `${name} must be from ${min} to ${max}, not ${value}`);
  }

  /** One word of a vocabulary. @throws BundleError `type`, `range` with the word that was probably meant */
  oneOf<T extends string>(name: string, vocabulary: readonly T[]): T | undefined {
    const value = this.string(name);
    return value === undefined
      ? undefined
      : (known(value, vocabulary) ?? this.unknownWord(name, -1, value, vocabulary));
  }

  /** A list of words of a vocabulary. */
  someOf<T extends string>(name: string, vocabulary: readonly T[]): readonly T[] {
    return this.strings(name).map(
      (value, i) => known(value, vocabulary) ?? this.unknownWord(name, i, value, vocabulary),
    );
  }

  /** Refuses a word. @throws BundleError `range` with the word that was probably meant */
  unknownWord(name: string, index: number, value: string, vocabulary: readonly string[]): never {
    const hint = didYouMean(value, vocabulary) ?? `known are ${vocabulary.join(", ")}`;
    const pointer = index < 0 ? this.at(name) : `${this.at(name)}/${index}`;
    throw new BundleError("range", pointer, `${name} ${quote(value)} is not known`, hint);
  }

  /** A path that starts with a slash. @throws BundleError `type`, `format` */
  absolutePath(name: string): string | undefined {
    const value = this.string(name);
    if (value === undefined || value.startsWith("/")) return value;
    this.fail("format", name, `${name} must be an absolute path, not ${quote(value)}`, 'start it with "/"');
  }

  /** A list, empty where it is absent; its elements as parsed. */
  list(name: string): readonly unknown[] {
    const value = this.take(name);
    if (value === undefined) return [];
    return isArray(value) ? value : this.wrongType(name, "an array", value);
  }

  strings(name: string): readonly string[] {
    return this.stringsIfThere(name) ?? [];
  }

  /** A list of strings, where an empty one is not the same as none. */
  stringsIfThere(name: string): readonly string[] | undefined {
    const list = this.take(name);
    if (list === undefined) return undefined;
    if (!isArray(list)) return this.wrongType(name, "an array", list);
    if (areStrings(list)) return list;
    const i = list.findIndex((element) => typeof element !== "string");
    throw new BundleError(
      "type",
      `${this.at(name)}/${i}`,
      `${name} must hold strings, not ${kindOfValue(list[i])}`,
    );
  }

  objects<T>(name: string, decode: ElementDecoder<T>): readonly T[] {
    const list = this.list(name);
    const decoded: T[] = [];
    for (let i = 0; i < list.length; i++) {
      decoded.push(new Fields(this.decoding, list[i], name, this, i).through(decode));
    }
    return decoded;
  }

  /** An object through `decode`; `undefined` where it is absent. */
  object<T>(name: string, decode: ElementDecoder<T>): T | undefined {
    const value = this.take(name);
    return value === undefined ? undefined : new Fields(this.decoding, value, name, this).through(decode);
  }

  /** An object through `decode`, where its absence is the same as its being empty. */
  section<T>(name: string, decode: ElementDecoder<T>): T {
    return new Fields(this.decoding, this.take(name) ?? {}, name, this).through(decode);
  }

  /** The members of an object whose names are data; empty where it is absent. */
  members(name: string): readonly (readonly [string, unknown])[] {
    const value = this.take(name);
    if (value === undefined) return [];
    return isObject(value) ? Object.entries(value) : this.wrongType(name, "an object", value);
  }

  stringMap(name: string): ReadonlyMap<string, string> {
    const map = new Map<string, string>();
    for (const [key, value] of this.members(name)) {
      if (typeof value !== "string") {
        const at = child(this.at(name), key);
        throw new BundleError("type", at, `${name} must hold strings, not ${kindOfValue(value)}`);
      }
      map.set(key, value);
    }
    return map;
  }

  private through<T>(decode: ElementDecoder<T>): T {
    const value = decode(this);
    this.end();
    return value;
  }

  /** Warns about the fields that nobody asked for. */
  end(): void {
    const names = Object.keys(this.values);
    if (names.length === this.found) return;
    const known = new Set(this.decoding.foldCase ? this.asked.map((name) => name.toLowerCase()) : this.asked);
    for (const name of names) {
      if (this.decoding.full()) return;
      if (!known.has(name)) {
        this.decoding.warn(
          this.at(name),
          `unknown field ${quote(name)} is ignored`,
          didYouMean(name, this.asked),
        );
      }
    }
  }
}
