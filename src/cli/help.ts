/** Help texts, which the build makes by commander from the command table (scripts/help-texts.ts). */
import { HELP } from "./help.gen.ts";

/** The help of tsrun, or of one command. */
export function help(topic: string | undefined): string {
  const text = HELP[topic ?? ""];
  if (text === undefined) throw new Error(`there is no help text for ${topic}`);
  return text;
}
