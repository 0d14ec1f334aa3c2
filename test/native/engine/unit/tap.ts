/**
 * In place of tap, where a unit test runs inside the engine: what of tap these tests use, and no more. What they call
 * beside it is an error. Nothing runs before `start` is called, as nothing of tsrun does while its heap is made; it prints what each assertion
 * came to, as JSON.
 */
import "./node.ts";
import { alike, type How } from "./alike.ts";

/** An assertion: its test's names and its own, and what was wrong. */
export interface Outcome {
  readonly of: readonly string[];
  readonly message: string;
  readonly wrong?: string;
}

type Body = (t: Test) => unknown;

const outcomes: Outcome[] = [];
let release = (): void => undefined;
const started = new Promise<void>((resolve) => {
  release = resolve;
});

/** Everything, for a person. */
function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message} ${JSON.stringify(value)}`;
  const text = JSON.stringify(value, (_, each: unknown) =>
    typeof each === "bigint" || typeof each === "function" || each instanceof RegExp ? String(each) : each,
  );
  return text ?? String(value);
}

class Test {
  readonly #names: readonly string[];
  #queue: Promise<unknown>;
  #ended = false;
  #planned: number | undefined;
  #count = 0;
  readonly #teardowns: (() => unknown)[] = [];

  constructor(names: readonly string[], after: Promise<unknown>) {
    this.#names = names;
    this.#queue = after;
  }

  #note(isRight: boolean, message: string, wrong: () => string): boolean {
    this.#count++;
    const outcome = { of: this.#names, message };
    outcomes.push(isRight ? outcome : { ...outcome, wrong: wrong() });
    return isRight;
  }

  #compare(how: How, got: unknown, wanted: unknown, message = how as string, is = true): boolean {
    return this.#note(alike(got, wanted, how) === is, message, () => `${show(got)} and not ${show(wanted)}`);
  }

  test(name: string, options: { readonly skip?: string | boolean } | Body, last?: Body): Promise<void> {
    const body = typeof options === "function" ? options : last;
    const skip = typeof options === "function" ? false : options.skip;
    if (body === undefined) throw new Error(`${name}: a test without a function`);
    this.#count++;
    const inner = new Test([...this.#names, name], Promise.resolve());
    const done = this.#queue.then(() => (skip ? undefined : inner.#run(body)));
    this.#queue = done;
    return done;
  }

  async #run(body: Body): Promise<void> {
    try {
      const result = body(strict(this));
      if (result instanceof Promise) await result;
      else if (!this.#ended && this.#planned === undefined) this.fail("the test does not end");
      await this.#queue;
      if (this.#planned !== undefined && this.#planned !== this.#count)
        this.fail(`${this.#planned} were planned, and ${this.#count} came`);
    } catch (error) {
      this.fail(`${show(error)}\n${error instanceof Error ? error.stack : ""}`);
    }
    for (const each of this.#teardowns.reverse()) await each();
  }

  /** All tests of the file are over. */
  async done(): Promise<void> {
    let last: unknown;
    while (last !== this.#queue) {
      last = this.#queue;
      await last;
    }
    for (const each of this.#teardowns.reverse()) await each();
  }

  end(): void {
    this.#ended = true;
  }

  plan(count: number): void {
    this.#planned = count;
  }

  teardown(end: () => unknown): void {
    this.#teardowns.push(end);
  }

  pass(message = "pass"): boolean {
    return this.#note(true, message, () => "");
  }

  fail(message = "fail"): boolean {
    return this.#note(false, message, () => "it failed");
  }

  ok(got: unknown, message = "ok"): boolean {
    return this.#note(Boolean(got), message, () => `${show(got)} is not true`);
  }

  notOk(got: unknown, message = "notOk"): boolean {
    return this.#note(!got, message, () => `${show(got)} is not false`);
  }

  equal(got: unknown, wanted: unknown, message = "equal"): boolean {
    return this.#note(Object.is(got, wanted), message, () => `${show(got)} and not ${show(wanted)}`);
  }

  not(got: unknown, other: unknown, message = "not"): boolean {
    return this.#note(!Object.is(got, other), message, () => `${show(got)}`);
  }

  type(got: unknown, wanted: unknown, message = "type"): boolean {
    if (typeof wanted !== "string") throw new Error("a type is a word here");
    return this.#note(typeof got === wanted, message, () => `${show(got)} is no ${wanted}`);
  }

  same(got: unknown, wanted: unknown, message?: string): boolean {
    return this.#compare("same", got, wanted, message);
  }

  strictSame(got: unknown, wanted: unknown, message?: string): boolean {
    return this.#compare("strictSame", got, wanted, message);
  }

  has(got: unknown, wanted: unknown, message?: string): boolean {
    return this.#compare("has", got, wanted, message);
  }

  match(got: unknown, wanted: unknown, message?: string): boolean {
    return this.#compare("match", got, wanted, message);
  }

  notMatch(got: unknown, wanted: unknown, message = "notMatch"): boolean {
    return this.#compare("match", got, wanted, message, false);
  }

  throws(body: () => unknown, wanted?: unknown, message?: string): unknown {
    try {
      body();
    } catch (error) {
      return this.#thrown(error, wanted, message);
    }
    return this.fail(`${text(wanted, message)}: nothing is thrown`);
  }

  doesNotThrow(body: () => unknown, message = "doesNotThrow"): boolean {
    try {
      body();
      return this.pass(message);
    } catch (error) {
      return this.fail(`${message}: ${show(error)}`);
    }
  }

  async rejects(
    promise: Promise<unknown> | (() => Promise<unknown>),
    wanted?: unknown,
    message?: string,
  ): Promise<unknown> {
    try {
      await (typeof promise === "function" ? promise() : promise);
    } catch (error) {
      return this.#thrown(error, wanted, message);
    }
    return this.fail(`${text(wanted, message)}: nothing is rejected`);
  }

  /** The error, where it is the right one. */
  #thrown(error: unknown, wanted: unknown, message: string | undefined): unknown {
    if (wanted === undefined || typeof wanted === "string") return this.pass(text(wanted, message)) && error;
    const got = wanted instanceof RegExp ? (error as Error).message : error;
    return this.#compare("match", got, wanted, text(wanted, message)) && error;
  }
}

function text(wanted: unknown, message: string | undefined): string {
  return message ?? (typeof wanted === "string" ? wanted : "throws");
}

/** What is not there is not `undefined`, which a test might take for an answer. */
function strict(test: Test): Test {
  return new Proxy(test, {
    get(_, name) {
      const value = Reflect.get(test, name) as unknown;
      if (value === undefined && name !== "then")
        throw new Error(`the engine's stand-in for tap has no ${String(name)}`);
      return typeof value === "function" ? value.bind(test) : value;
    },
  });
}

const root = new Test([], started);

declare const tsrunNative: { ts_write(fd: number, bytes: Uint8Array, length: number): number } | undefined;

function print(line: string): void {
  if (typeof tsrunNative === "undefined") {
    console.log(line);
    return;
  }
  const bytes = new TextEncoder().encode(`${line}\n`);
  tsrunNative.ts_write(1, bytes, bytes.length);
}

Object.assign(globalThis, {
  start: (): void => {
    release();
    void root.done().then(() => {
      for (const each of outcomes) print(JSON.stringify(each));
      print(JSON.stringify({ count: outcomes.length }));
    });
  },
});

const t = strict(root);
export default t;
export { t };
export const test = t.test;
