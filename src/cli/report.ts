/** The only printer of errors and warnings: to standard error for people, to `--log` for engines, each once. */
import { errorLine, visible, visibleJson } from "../error.ts";
import { cstring, isPrintable } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, writeAll } from "../sys/files.ts";
import { lib } from "../sys/lib.ts";
import type { Options } from "./table.ts";

type Level = "error" | "warning" | "debug";

interface Target {
  readonly format: "text" | "json";
  readonly log: string | undefined;
  readonly debug: boolean;
}

let target: Target = { format: "text", log: undefined, debug: false };

/** Where messages go from now on: `--log`, `--log-format`, `--debug`. */
export function configure(globals: Options): void {
  target = {
    format: globals.get("log-format") === "json" ? "json" : "text",
    log: globals.get("log"),
    debug: globals.has("debug"),
  };
}

/** Says why the command failed. */
export function reportError(error: unknown): void {
  const line = errorLine(error);
  if (target.log !== undefined) append(target.log, entry("error", line));
  // With --log, runc's bare message alone: that is what engines show.
  const plain = target.format === "json" && target.log === undefined ? entry("error", line) : `${line}\n`;
  stderr(plain);
}

/** Says what is odd but no failure. */
export function reportWarning(text: string): void {
  if (target.log !== undefined) append(target.log, entry("warning", text));
  else stderr(target.format === "json" ? entry("warning", text) : `warning: ${visible(text)}\n`);
}

/** Says what is being done, with `--debug`. */
export function reportDebug(text: string): void {
  if (!target.debug) return;
  if (target.log !== undefined) append(target.log, entry("debug", text));
  else stderr(target.format === "json" ? entry("debug", text) : `debug: ${visible(text)}\n`);
}

/** Prints a command's result; what of it others made is {@link visible}. */
export function print(text: string): void {
  writeAll(1, text);
}

/** Prints a result for programs, which people look at, too. */
export function printJson(json: string): void {
  writeAll(1, isPrintable(json, true) ? json : visibleJson(json));
}

function entry(level: Level, text: string): string {
  const time = new Date().toISOString().replace(/\.[0-9]+Z$/, "Z");
  if (target.format === "json") return `${visibleJson(JSON.stringify({ level, msg: text, time }))}\n`;
  return `time="${time}" level=${level} msg=${JSON.stringify(visible(text))}\n`;
}

function stderr(text: string): void {
  try {
    writeAll(2, text);
  } catch {
    // Nobody listens, and there is no other place to say it.
  }
}

function notLogged(path: string): void {
  stderr(`warning: cannot write to the log file ${visible(path)}\n`);
}

function append(path: string, line: string): void {
  const fd = lib().ts_open(cstring(path), O.WRONLY | O.CREAT | O.APPEND, 0o644);
  if (fd < 0) {
    notLogged(path);
    return;
  }
  const file = new Handle(fd);
  try {
    writeAll(file.fd, line);
  } catch {
    // A full disk, a limit, a pipe that nobody reads: what the command does, and how it ends, is not to change by that.
    notLogged(path);
  } finally {
    file.close();
  }
}
