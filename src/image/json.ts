/** JSON of images: the only file of this room that sees untyped data. */
import { parseJson } from "../bundle/json.ts";
import { BundleError } from "../error.ts";
import { type Content, readWhole } from "./content.ts";
import { ImageError } from "./error.ts";

/** Larger than any sane manifest or configuration (the distribution-spec asks registries for 4 MiB). */
const LARGEST = 8 << 20;

/** Reads a blob as JSON. @throws ImageError with the place in it */
export async function readJson(content: Content, digest?: string): Promise<Node> {
  const bytes = await readWhole(content, LARGEST, digest);
  return Node.parse(content.name, bytes.toString("utf8"));
}

function wrong(document: string, pointer: string, what: string): ImageError {
  const error = new ImageError("format", what, "the image is damaged, or none: get it again", { pointer });
  error.document = document;
  return error;
}

/** A value of a JSON text and its place. Members that are null are as missing ones (Go writes them so). */
export class Node {
  readonly document: string;
  readonly pointer: string;
  readonly #value: unknown;

  constructor(document: string, pointer: string, value: unknown) {
    this.document = document;
    this.pointer = pointer;
    this.#value = value;
  }

  /** A whole text. @throws ImageError where it is no JSON */
  static parse(document: string, text: string): Node {
    try {
      return new Node(document, "", parseJson(text));
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      throw wrong(document, error.pointer ?? "", error.message);
    }
  }

  /** The member of an object; `undefined` where there is none. @throws ImageError where this is no object */
  get(name: string): Node | undefined {
    const value = this.#object()[name];
    if (value === undefined || value === null || !Object.hasOwn(this.#object(), name)) return undefined;
    return new Node(
      this.document,
      `${this.pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`,
      value,
    );
  }

  /** The same of a member that must be there. @throws ImageError */
  need(name: string): Node {
    const member = this.get(name);
    if (member === undefined) throw wrong(this.document, this.pointer, `${name} is missing`);
    return member;
  }

  text(): string {
    if (typeof this.#value === "string") return this.#value;
    throw wrong(this.document, this.pointer, "this is no string");
  }

  number(): number {
    if (typeof this.#value === "number" && Number.isSafeInteger(this.#value) && this.#value >= 0)
      return this.#value;
    throw wrong(this.document, this.pointer, "this is no size");
  }

  list(): readonly Node[] {
    if (!Array.isArray(this.#value)) throw wrong(this.document, this.pointer, "this is no list");
    return this.#value.map(
      (value: unknown, index) => new Node(this.document, `${this.pointer}/${index}`, value),
    );
  }

  isList(): boolean {
    return Array.isArray(this.#value);
  }

  texts(): readonly string[] {
    return this.list().map((each) => each.text());
  }

  /** The names of an object's members. */
  names(): readonly string[] {
    return Object.keys(this.#object());
  }

  /** An object of strings. */
  map(): ReadonlyMap<string, string> {
    return new Map(this.names().map((name) => [name, this.need(name).text()]));
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value === "object" && this.#value !== null && !Array.isArray(this.#value)) {
      return this.#value as Record<string, unknown>;
    }
    throw wrong(this.document, this.pointer, "this is no object");
  }
}
