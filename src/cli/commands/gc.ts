import { errorLine, TsrunError, visible } from "../../error.ts";
import { type Collected, collect, type Found, findGarbage, type Garbage } from "../../lifecycle/gc.ts";
import { absolute } from "../../lifecycle/prepare.ts";
import { oneOf, root } from "../common.ts";
import { print, printJson, reportError, reportWarning } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun gc` */
export const command: Command = (call) => {
  const { options, args } = call;
  const format = oneOf(options.get("format"), ["text", "json"]);
  const dry = options.has("dry-run");
  const found = findGarbage(root(call), { stopped: options.has("stopped"), folders: args.map(absolute) });
  let code = 0;
  const outcomes = found.garbage.map((garbage) => {
    if (format === "text") print(`${dry ? "would remove" : "removing"} ${visible(describe(garbage))}\n`);
    const outcome = dry ? undefined : attempt(root(call), garbage);
    if (outcome instanceof TsrunError) code = 1;
    return { garbage, outcome };
  });
  if (format === "text") print(rest(found));
  else {
    const garbage = outcomes.map(({ garbage, outcome }) => ({
      ...garbage,
      removed: outcome !== undefined && "removed" in outcome && outcome.removed,
      ...(outcome instanceof TsrunError ? { error: errorLine(outcome) } : {}),
    }));
    printJson(
      `${JSON.stringify({ garbage, stopped: found.stopped, damaged: found.damaged }, undefined, 2)}\n`,
    );
  }
  return code;
};

/** One that cannot be removed keeps none of the others. */
function attempt(root: string, garbage: Garbage): Collected | TsrunError {
  try {
    const collected = collect(root, garbage);
    for (const failure of collected.failures) reportWarning(errorLine(failure));
    if (!collected.removed) reportWarning(`${garbage.path} is in use after all, and stays`);
    return collected;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    reportError(error);
    return error;
  }
}

function describe(garbage: Garbage): string {
  switch (garbage.kind) {
    case "creation":
      return `container ${garbage.id}, whose creation was interrupted`;
    case "stopped":
      return `container ${garbage.id}, which has stopped`;
    case "folder":
      return `${garbage.path}, left of a container that was being created or deleted`;
    case "file":
      return `${garbage.path}, which was being written`;
    case "unpacking":
      return `${garbage.path}, an image that was being unpacked`;
    default:
      return garbage satisfies never;
  }
}

/** What stays, and how it would go. */
function rest({ garbage, stopped, damaged }: Found): string {
  const lines = garbage.length === 0 ? ["nothing to remove"] : [];
  if (stopped.length > 0) {
    lines.push(`stopped containers stay, --stopped removes them too: ${stopped.join(", ")}`);
  }
  for (const id of damaged) {
    lines.push(`the state of ${visible(id)} cannot be read: tsrun delete --force removes what is left of it`);
  }
  return lines.map((line) => `${line}\n`).join("");
}
