/** Every command and option, once: read by help, the manual page, completion and the tests. */
import type { CommandSpec } from "../table.ts";
import { BUNDLE_COMMANDS } from "./bundles.ts";
import { CHECKPOINT_COMMANDS } from "./checkpoint.ts";
import { CONTAINER_COMMANDS } from "./containers.ts";
import { IMAGE_COMMANDS } from "./images.ts";
import { LIVING_COMMANDS } from "./living.ts";
import { TOOL_COMMANDS } from "./tools.ts";

/** The commands, in the order in which help shows them. */
export const COMMANDS: readonly CommandSpec[] = [
  ...CONTAINER_COMMANDS,
  ...LIVING_COMMANDS,
  ...CHECKPOINT_COMMANDS,
  ...BUNDLE_COMMANDS,
  ...TOOL_COMMANDS,
  ...IMAGE_COMMANDS,
];
