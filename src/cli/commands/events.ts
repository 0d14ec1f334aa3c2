import type { CgroupStats } from "../../cgroup/stats.ts";
import { checkInterval, kernelStats, type WatchedEvent, watch } from "../../observe/events.ts";
import { jsonText, runcStats } from "../../observe/runc-stats.ts";
import { running } from "../../observe/stats.ts";
import { load } from "../../state/store.ts";
import { poll } from "../../sys/watch.ts";
import { id, root } from "../common.ts";
import { durationOption } from "../duration.ts";
import { printJson } from "../report.ts";
import type { Command } from "../table.ts";

const DEFAULT_MS = 5000;

/** `tsrun events` */
export const command: Command = async (call) => {
  const interval = durationOption(call.options.get("interval"), "interval", DEFAULT_MS);
  // As runc has it, an unknown container is told of before a wrong interval.
  load(root(call), id(call));
  checkInterval(interval);
  if (call.options.has("stats")) {
    printJson(line({ type: "stats", id: id(call), data: kernelStats(running(root(call), id(call))) }));
    return 0;
  }
  const events = watch(root(call), id(call), kernelStats, { interval, wait: poll });
  for await (const event of events) printJson(line(event));
  return 0;
};

function line(event: WatchedEvent<CgroupStats>): string {
  switch (event.type) {
    case "started":
      // runc's events do not tell of it.
      return "";
    case "stats":
      return `${jsonText({ type: event.type, id: event.id, data: runcStats(event.data) })}\n`;
    case "oom":
      return `${jsonText({ type: event.type, id: event.id })}\n`;
    default:
      return event satisfies never;
  }
}
