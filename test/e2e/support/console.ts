/** A console socket with the probe behind it, as an engine holds one: it receives a terminal, and copies what is said. */
import { type ChildProcess, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { type Host, PROBE } from "./host.ts";
import { namesIn, textOf, until } from "./outside.ts";

/** The listener, and through it the terminal. */
export interface Console {
  readonly socket: string;
  readonly child: ChildProcess;
  /** Everything seen: the probe's own two lines, then the terminal's text. */
  text(): string;
  type(text: string): void;
}

/** A listener that receives the terminal and shows what is written to it. */
export async function listen(host: Host, t: Test, name: string): Promise<Console> {
  const socket = join(host.dir, name);
  const child = spawn(PROBE, ["console", socket], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { TSRUN_TEST: host.tag },
  });
  t.teardown(() => void child.kill());
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until("the console socket listens", () => text.includes("listening"));
  return { socket, child, text: () => text, type: (typed) => void child.stdin?.write(typed) };
}

/** How the listener holds the master: the link of its descriptor, and the flags of fdinfo (octal). */
export async function master({ child }: Console): Promise<{ readonly link: string; readonly flags: number }> {
  return until("the terminal has arrived", () => {
    for (const fd of namesIn(`/proc/${child.pid}/fd`)) {
      const link = linkOf(`/proc/${child.pid}/fd/${fd}`);
      if (!link.includes("ptmx")) continue;
      const flags = /^flags:\s*([0-7]+)$/m.exec(textOf(`/proc/${child.pid}/fdinfo/${fd}`) ?? "")?.[1];
      return { link, flags: Number.parseInt(flags ?? "", 8) };
    }
    return undefined;
  });
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
