/** What podman and Docker have in common: the words that their commands take. */

import { until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { type CallOptions, type Corner, type Outcome, PROBE, type RuntimeName } from "./corner.ts";

/** The image of every container. */
export const IMAGE = "tsrun-test:1";

/** An engine with docker's command line. */
export interface Engine {
  readonly kind: "podman" | "docker";
  readonly corner: Corner;
  readonly program: string;
  /** The words of a command that is not about a runtime. */
  words(...words: readonly string[]): readonly string[];
  /** The words of `run` or `create` with one of the runtimes, before further options. */
  making(runtime: RuntimeName, command: "run" | "create"): readonly string[];
}

/** Calls the engine. */
export function call(engine: Engine, words: readonly string[], options?: CallOptions): Promise<Outcome> {
  return engine.corner.call(engine.program, engine.words(...words), options);
}

/** A call that has to work; what it printed. */
export function must(engine: Engine, words: readonly string[], options?: CallOptions): Promise<string> {
  return engine.corner.must(engine.program, engine.words(...words), options);
}

/** `run` with one of the runtimes, in the foreground. */
export function run(
  engine: Engine,
  runtime: RuntimeName,
  words: readonly string[],
  options?: CallOptions,
): Promise<Outcome> {
  return engine.corner.call(engine.program, [...engine.making(runtime, "run"), ...words], options);
}

/** A container that runs in the background while `use` looks at it by name; removed afterwards. */
export async function running<T>(
  engine: Engine,
  runtime: RuntimeName,
  words: readonly string[],
  use: (name: string) => Promise<T>,
): Promise<T> {
  const name = engine.corner.name();
  try {
    await engine.corner.must(engine.program, [
      ...engine.making(runtime, "run"),
      "-d",
      "--name",
      name,
      ...words,
    ]);
    return await use(name);
  } finally {
    await call(engine, removal(engine, name));
  }
}

/** The words that remove containers at once: podman's `rm -f` gives them ten seconds unless it is told otherwise. */
export function removal(engine: Engine, ...names: readonly string[]): readonly string[] {
  return ["rm", "-f", ...(engine.kind === "podman" ? ["-t", "0"] : []), ...names];
}

/** What `inspect` says, by a template. */
export function inspect(engine: Engine, name: string, template: string): Promise<string> {
  return must(engine, ["inspect", "--format", template, name]);
}

/** A call as one line: the exit code, what it printed, and what the engine said where that failed. */
export function lineOf({ code, stdout, stderr }: Outcome): string {
  const words = [stdout, code === 0 ? "" : stderr].map((text) => text.trim()).filter((text) => text !== "");
  return [code, ...words].join(" ");
}

/** A case that runs a shell script in a new container, with some options. */
export function inside(
  name: string,
  options: readonly string[] | ((engine: Engine) => readonly string[]),
  script: string,
  expect: string | RegExp,
): Case<Engine> {
  return {
    name,
    expect,
    run: async (engine, runtime) => {
      const given = typeof options === "function" ? options(engine) : options;
      return lineOf(await run(engine, runtime, ["--rm", ...given, IMAGE, "sh", "-c", script]));
    },
  };
}

/** A call on a terminal of its own, with lines typed. */
export function onTerminal(
  engine: Engine,
  words: readonly string[],
  options?: CallOptions,
): Promise<Outcome> {
  return engine.corner.call(PROBE, ["pty", "size=31x97", "--", engine.program, ...words], options);
}

/** A case about a container that runs a script. */
export function about(
  name: string,
  script: string,
  expect: string | RegExp,
  look: (engine: Engine, container: string, runtime: RuntimeName) => Promise<string>,
  options: readonly string[] = [],
  lacking?: RegExp,
): Case<Engine> {
  return {
    name,
    expect,
    ...(lacking && { lacking }),
    run: (engine, runtime) =>
      running(engine, runtime, [...options, IMAGE, "sh", "-c", script], (container) =>
        look(engine, container, runtime),
      ),
  };
}

/** The script of a container that does nothing. */
export const SLEEP = "exec sleep 1000";

/** The container's status, once it is this one. */
export function reaches(engine: Engine, container: string, status: string): Promise<string> {
  return until(`${container} ${status}`, async () => {
    const now = await inspect(engine, container, "{{.State.Status}}");
    return now === status && now;
  });
}
