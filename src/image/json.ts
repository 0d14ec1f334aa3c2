/** JSON of images: the only file of this room that sees untyped data. */
import { MAX_JSON_DEPTH, parseJson } from "../bundle/json.ts";
import { BundleError } from "../error.ts";
import { type Content, readWhole } from "./content.ts";
import { ImageError } from "./error.ts";

/** Larger than any sane manifest or configuration (the distribution-spec asks registries for 4 MiB). */
const LARGEST = 8 << 20;

/** Of a list or an object that is gone through: layers, labels, variables, images. */
const MOST_MEMBERS = 10_000;

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

/** More than an image's texts have by far; the engine makes an object of each. */
const MOST_VALUES = 1_000_000;

/** How deep and how many values: before the engine's parser takes memory for all of them. @throws ImageError `limit` */
function checkShape(document: string, text: string): void {
  let [depth, values, inText] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const letter = text.charCodeAt(at);
    if (inText) {
      if (letter === BACKSLASH) at++;
      else if (letter === QUOTE) inText = false;
    } else if (letter === QUOTE) inText = true;
    else if (letter === BRACKET || letter === BRACE) {
      depth++;
      values++;
    } else if (letter === BRACKET_END || letter === BRACE_END) depth--;
    else if (letter === COMMA) values++;
    if (depth > MAX_JSON_DEPTH) {
      throw new ImageError("limit", `${document} is nested deeper than ${MAX_JSON_DEPTH} levels`);
    }
    if (values > MOST_VALUES)
      throw new ImageError("limit", `${document} has more than ${MOST_VALUES} values`);
  }
}

const [QUOTE, COMMA, BRACKET, BACKSLASH, BRACKET_END, BRACE, BRACE_END] = [34, 44, 91, 92, 93, 123, 125];

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
      checkShape(document, text);
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
    this.#checkCount(this.#value.length);
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
    const names = Object.keys(this.#object());
    this.#checkCount(names.length);
    return names;
  }

  /** An object of strings. */
  map(): ReadonlyMap<string, string> {
    return new Map(this.names().map((name) => [name, this.need(name).text()]));
  }

  #checkCount(count: number): void {
    if (count <= MOST_MEMBERS) return;
    const { document, pointer } = this;
    const what = `this has ${count} members, more than ${MOST_MEMBERS}`;
    const error = new ImageError("limit", what, undefined, { pointer });
    error.document = document;
    throw error;
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value === "object" && this.#value !== null && !Array.isArray(this.#value)) {
      return this.#value as Record<string, unknown>;
    }
    throw wrong(this.document, this.pointer, "this is no object");
  }
}
