/** Lines that are drawn over again in place on a terminal, with the cursor hidden meanwhile. */
import { SIGNALS } from "../sys/constants.gen.ts";
import { ids, kill } from "../sys/process.ts";
import { poll, Signals, terminalSize } from "../sys/watch.ts";
import { print } from "./report.ts";

const HIDE = "\x1b[?25l";
const SHOW = "\x1b[?25h";
const CLEAR = "\x1b[2J\x1b[H";

const signal = (name: string): number => SIGNALS[name] ?? 0;

/** A terminal that is drawn on; {@link Screen.close} has to be called whatever happens. */
export class Screen {
  readonly #fd: number;
  readonly #signals: Signals;
  #drawn = 0;

  /** @throws SystemError */
  constructor(fd: number) {
    this.#fd = fd;
    // First, so that no signal finds the cursor hidden and nobody to show it again.
    this.#signals = Signals.catch(["INT", "TERM", "HUP", "QUIT", "WINCH", "TSTP"].map(signal));
    print(HIDE);
  }

  /** Characters in a line. */
  get columns(): number {
    return terminalSize(this.#fd)?.columns ?? 80;
  }

  /** Draws the lines where the last ones were; those that do not fit on the terminal are left out. @throws SystemError */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, Math.max(1, (terminalSize(this.#fd)?.rows ?? 24) - 1));
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    print(`${up}\r${shown.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
    this.#drawn = shown.length;
  }

  /**
   * Waits for so many milliseconds, or less where the terminal has changed and should be drawn on again. Answers the signal
   * that asks for the end, else `undefined`. A stop (Ctrl-Z) gives the terminal back until the process continues.
   */
  wait(ms: number): number | undefined {
    poll([this.#signals.fd], ms);
    for (const number of this.#signals.take()) {
      if (number === signal("WINCH")) this.#clear();
      else if (number !== signal("TSTP")) return number;
      else {
        print(SHOW);
        kill(ids().pid, signal("STOP"));
        print(HIDE);
        this.#drawn = 0;
      }
    }
    return undefined;
  }

  /** Lines may have been broken anew: start on an empty terminal. */
  #clear(): void {
    print(CLEAR);
    this.#drawn = 0;
  }

  /** Shows the cursor again. */
  close(): void {
    try {
      print(SHOW);
    } catch {
      // The terminal is gone, and its cursor with it.
    }
  }
}
