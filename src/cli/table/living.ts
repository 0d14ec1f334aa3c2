/** The commands that watch, enter, change and stop a container that lives. */
import type { CommandSpec } from "../table.ts";

/** exec to wait. */
export const LIVING_COMMANDS: readonly CommandSpec[] = [];
