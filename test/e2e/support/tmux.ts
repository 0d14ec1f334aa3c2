/** A terminal with a person's shell in it, by tmux: a server of its own for each, keys typed, the screen read. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Test } from "tap";
import type { Host } from "./host.ts";
import { until } from "./outside.ts";

/** Whether tmux is installed. */
export function hasTmux(): boolean {
  try {
    execFileSync("tmux", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** One terminal. */
export class Tmux {
  readonly #socket: string;

  constructor(host: Host, t: Test, name: string) {
    this.#socket = join(host.dir, `tmux-${name}`);
    this.#call(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      "80",
      "-y",
      "24",
      "env",
      "-i",
      "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
      `TSRUN_TEST=${host.tag}`,
      "TERM=screen",
      "PS1=outer> ",
      "sh",
      "-i",
    );
    t.teardown(() => this.kill());
  }

  #call(...words: readonly string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, ...words], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  }

  /** Types text as it stands. */
  type(text: string): void {
    this.#call("send-keys", "-l", text);
  }

  /** Presses keys by tmux's names: `Enter`, `C-c`. */
  press(...keys: readonly string[]): void {
    this.#call("send-keys", ...keys);
  }

  line(text: string): void {
    this.type(text);
    this.press("Enter");
  }

  resize(columns: number, rows: number): void {
    this.#call("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** What is on the screen, and above it. */
  screen(): string {
    return this.#call("capture-pane", "-p", "-J", "-S", "-500");
  }

  /** Waits until the screen matches. */
  async shows(pattern: RegExp): Promise<string> {
    let seen = "";
    return until(`${pattern} on the screen`, () => {
      seen = this.screen();
      return pattern.test(seen) && seen;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${seen}`);
    });
  }

  /** The window is closed. */
  kill(): void {
    try {
      this.#call("kill-server");
    } catch {
      // It has gone by itself.
    }
  }
}
