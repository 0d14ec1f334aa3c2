/** How far an image is: a bar that is drawn again on a terminal, a line a layer elsewhere. */
import { visible } from "../error.ts";
import { writeAll } from "../sys/files.ts";
import { clock } from "../sys/process.ts";
import { poll, type Signals, terminalSize } from "../sys/watch.ts";

/** Standard error: the command's result goes to standard output. */
const WHERE = 2;
/** Between two drawings, in nanoseconds. */
const PAUSE = 100_000_000n;

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `12.3 MiB` */
export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A signal asked for the end. */
export class Interrupted extends Error {
  readonly signal: number;

  constructor(signal: number) {
    super(`interrupted by signal ${signal}`);
    this.signal = signal;
  }
}

/** Follows the layers that are read; shows nothing with `quiet`. */
export class Progress {
  readonly #signals: Signals;
  readonly #quiet: boolean;
  readonly #terminal: boolean;
  #name = "";
  #size = 0;
  #read = 0;
  #began = 0n;
  #drawn = 0n;

  constructor(signals: Signals, quiet: boolean) {
    this.#signals = signals;
    this.#quiet = quiet;
    this.#terminal = terminalSize(WHERE) !== undefined;
  }

  begin(name: string, size: number): void {
    [this.#name, this.#size, this.#read] = [visible(name), size, 0];
    this.#began = clock("monotonic");
  }

  /** @throws Interrupted */
  ask(): void {
    const [signal] = this.#signals.take();
    if (signal === undefined) return;
    this.#clear();
    throw new Interrupted(signal);
  }

  /** @throws Interrupted */
  wait(fd: number): void {
    while (!poll([fd, this.#signals.fd], -1).includes(fd)) this.ask();
    this.ask();
  }

  /** @throws Interrupted */
  read(bytes: number): void {
    this.ask();
    this.#read += bytes;
    if (this.#quiet || !this.#terminal) return;
    const now = clock("monotonic");
    if (now - this.#drawn < PAUSE) return;
    this.#drawn = now;
    this.#say(`\r${this.#bar(terminalSize(WHERE)?.columns ?? 80)}\x1b[K`);
  }

  done(): void {
    if (this.#quiet) return;
    this.#clear();
    this.#say(`${this.#name}: ${sizeText(this.#read)}, ${this.#rate()}\n`);
  }

  #clear(): void {
    if (this.#terminal && !this.#quiet) this.#say("\r\x1b[K");
  }

  #rate(): string {
    const seconds = Number(clock("monotonic") - this.#began) / 1e9;
    return `${sizeText(this.#read / Math.max(seconds, 0.001))}/s`;
  }

  #bar(columns: number): string {
    const part = this.#size === 0 ? 1 : Math.min(1, this.#read / this.#size);
    const text = ` ${sizeText(this.#read)} of ${sizeText(this.#size)}, ${this.#rate()}`;
    const width = Math.max(0, Math.min(40, columns - this.#name.length - text.length - 4));
    const full = Math.round(width * part);
    const bar = width < 5 ? "" : ` ${"█".repeat(full)}${"░".repeat(width - full)}`;
    return `${this.#name}${bar}${text}`.slice(0, Math.max(1, columns - 1));
  }

  #say(text: string): void {
    try {
      writeAll(WHERE, text);
    } catch {
      // Nobody looks.
    }
  }
}
