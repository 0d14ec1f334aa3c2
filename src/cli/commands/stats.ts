import { checkInterval } from "../../observe/events.ts";
import { jsonText } from "../../observe/runc-stats.ts";
import { type Sample, Sampler } from "../../observe/sample.ts";
import { statsTable } from "../../observe/stats-table.ts";
import { poll, terminalSize } from "../../sys/watch.ts";
import { oneOf, root } from "../common.ts";
import { durationOption } from "../duration.ts";
import { print, printJson } from "../report.ts";
import { Screen } from "../screen.ts";
import type { Command } from "../table.ts";

const DEFAULT_MS = 1000;

/** Between the two looks that the first table needs, since the processor's share is told by comparing them. */
const FIRST_MS = 250;

/** `tsrun stats` */
export const command: Command = (call) => {
  const { options, args } = call;
  const format = oneOf(options.get("format"), ["table", "json"]);
  const interval = durationOption(options.get("interval"), "interval", DEFAULT_MS);
  checkInterval(interval);
  const sampler = new Sampler(root(call), args);
  const once = options.has("once") || options.has("no-stream");
  sampler.take();
  if (!once && format === "table" && isLive()) return draw(sampler, interval);
  for (let pause = Math.min(interval, FIRST_MS); ; pause = interval) {
    poll([], pause);
    const samples = sampler.take();
    if (format === "json") printJson(samples.map(jsonLine).join(""));
    else print(`${statsTable(samples, style()).join("\n")}\n`);
    if (once || sampler.over) return 0;
  }
};

/** Draws until nothing is left to see or a signal asks for the end. */
function draw(sampler: Sampler, interval: number): number {
  const screen = new Screen(1);
  try {
    for (let pause = Math.min(interval, FIRST_MS); ; pause = interval) {
      const signal = screen.wait(pause);
      if (signal !== undefined) return 128 + signal;
      screen.draw(statsTable(sampler.take(), { ...style(), width: screen.columns }));
      if (sampler.over) return 0;
    }
  } finally {
    screen.close();
  }
}

/** Whether somebody looks, on a terminal that can move its cursor. */
function isLive(): boolean {
  const term = process.env["TERM"] ?? "";
  return term !== "" && term !== "dumb" && terminalSize(1) !== undefined;
}

/** locale(7): the first of these that is set counts. */
function style(): { readonly unicode: boolean } {
  const { env } = process;
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(
    (value) => value !== undefined && value !== "",
  );
  return { unicode: /utf-?8/i.test(locale ?? "") };
}

function jsonLine({ cpuPercent, ...stats }: Sample): string {
  const percent = cpuPercent === undefined ? undefined : Math.round(cpuPercent * 100) / 100;
  return `${jsonText({ ...stats, cpu: { ...stats.cpu, percent } })}\n`;
}
