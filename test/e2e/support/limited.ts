/** A container whose limits are changed with `update`, and the files that hold them. */
import type { Test } from "tap";
import { type Json, type Patch, probe } from "./config.ts";
import type { Host, Outcome } from "./host.ts";

/** What files hold, by their names. */
export type Values = Record<string, string | undefined>;

/** A container, its files, and its updates. */
export interface Limited {
  readonly id: string;
  read(file: string): string | undefined;
  /** The files that a test looks at. */
  all(): Values;
  update(...args: string[]): Promise<Outcome>;
  json(value: Json): Promise<Outcome>;
}

/** How a test looks at a container's files. */
export interface Looking {
  /** Those that `all` reads. */
  readonly files: readonly string[];
  /** Reads the files of a container. */
  readonly reader: (id: string) => Promise<(file: string) => string | undefined>;
}

/** A sleeping container, created, and started unless `start` is false. */
export async function limitedContainer(
  host: Host,
  { files, reader }: Looking,
  patch: Patch = () => undefined,
  start = true,
): Promise<Limited> {
  const bundle = host.bundle((config) => {
    probe(config, "sleep", "1000");
    patch(config);
  });
  const id = await (start ? host.running(bundle) : host.created(bundle));
  const read = await reader(id);
  return {
    id,
    read,
    all: () => Object.fromEntries(files.map((file) => [file, read(file)])),
    update: (...args) => host.call(["update", ...args, id]),
    json: (value) => host.call(["update", "--resources", "-", id], { input: JSON.stringify(value) }),
  };
}

/** Arguments of an update, or its JSON, and the whole message; `DIR` is a cgroup's folder. */
export type Bad = readonly (readonly [args: readonly string[] | Json, message: string])[];

/** Each is refused with its message, and changes nothing. */
export async function refusesEach(t: Test, c: Limited, bad: Bad): Promise<void> {
  const before = c.all();
  for (const [given, message] of bad) {
    const isArgs = Array.isArray(given) && typeof given[0] === "string";
    const outcome = isArgs ? await c.update(...(given as string[])) : await c.json(given as Json);
    t.equal(outcome.code, 1, JSON.stringify(given));
    t.equal(outcome.stderr.replaceAll(/\/sys\/fs\/cgroup\/[^ :]*(?=:? )/g, "DIR"), `${message}\n`);
    t.strictSame(c.all(), before, "unchanged");
  }
}

/** Changes limits one after the other, each seen in its file at once. */
export async function changeInLoop(
  t: Test,
  c: Limited,
  count: number,
  next: (i: number) => [string[], Values],
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const [args, values] = next(i);
    const outcome = await c.update(...args);
    if (outcome.code !== 0) t.fail(`${args.join(" ")}: ${outcome.stderr}`);
    for (const [file, value] of Object.entries(values)) {
      if (c.read(file) !== value) t.fail(`${args.join(" ")}: ${file} holds ${c.read(file)}`);
    }
  }
  t.pass(`${count} changes`);
}
