/** What several commands read from their call. */
import type { Warning } from "../bundle/types.ts";
import { UsageError } from "../error.ts";
import { absolute, type CreateRequest } from "../lifecycle/prepare.ts";
import type { Tracer } from "../spawn/steps.ts";
import { defaultRoot } from "../state/root.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, readDescriptor } from "../sys/files.ts";
import { reportDebug, reportWarning } from "./report.ts";
import type { Call } from "./table.ts";
import { traced } from "./traced.ts";

/** `--root`, absolute. */
export function root({ globals }: Call): string {
  return absolute(globals.get("root") ?? defaultRoot());
}

/** The first argument; the parser has seen to it that there is one. */
export function id({ args }: Call): string {
  return args[0] ?? "";
}

/** The options that `create` and `run` share. @throws UsageError */
export function createRequest(call: Call, tracer?: Tracer): CreateRequest {
  const { options, globals } = call;
  return {
    id: id(call),
    systemdCgroup: globals.has("systemd-cgroup"),
    bundle: options.get("bundle") ?? ".",
    consoleSocket: options.get("console-socket"),
    pidFile: options.get("pid-file"),
    noPivot: options.has("no-pivot"),
    noNewKeyring: options.has("no-new-keyring"),
    preserveFds: preservedFds(call),
    notify: notifySocket(),
    warn: warning,
    debug: reportDebug,
    tracer,
  };
}

/** Where systemd, or whoever called tsrun, wants to be told how far the program is (sd_notify(3)). */
export function notifySocket(): string | undefined {
  // An empty one is none.
  return process.env["NOTIFY_SOCKET"] || undefined;
}

/** `--preserve-fds`. @throws UsageError */
export function preservedFds({ options }: Call): number {
  const preserve = options.get("preserve-fds") ?? "0";
  if (/^[0-9]{1,5}$/.test(preserve)) return Number(preserve);
  throw new UsageError(`invalid value ${JSON.stringify(preserve)} for --preserve-fds`, {
    hint: "it takes a count of descriptors",
  });
}

/** Performs a command, and notes its steps where `--trace` is given. */
export function perhapsTraced(
  { options }: Call,
  title: string,
  command: (tracer?: Tracer) => number,
): number {
  const file = options.get("trace");
  return file === undefined ? command() : traced(file, title, command);
}

/** Reports what is odd in a JSON text. */
export function warning({ pointer, text, hint }: Warning, document = "config.json"): void {
  reportWarning(`${text} (${document}#${pointer})${hint === undefined ? "" : `; hint: ${hint}`}`);
}

/** One of several words an option takes. @throws UsageError with runc's words */
export function oneOf<Word extends string>(
  given: string | undefined,
  words: readonly [Word, ...Word[]],
): Word {
  if (given === undefined) return words[0];
  const found = words.find((word) => word === given);
  if (found === undefined)
    throw new UsageError(`invalid format option: ${JSON.stringify(given)}`, {
      hint: `use one of: ${words.join(", ")}`,
    });
  return found;
}

/** A file that the command line names: a pipe too, which is waited for. @throws SystemError */
export function readGiven(path: string, max: number): string {
  const file = Handle.open(path, O.RDONLY);
  try {
    return readDescriptor(file.fd, max, path);
  } finally {
    file.close();
  }
}

/** The global options that say where messages go, once more as words. */
export function messageOptions({ globals }: Call): readonly string[] {
  const words: string[] = [];
  for (const name of ["log", "log-format"]) {
    const value = globals.get(name);
    if (value !== undefined) words.push(`--${name}=${value}`);
  }
  return words;
}
