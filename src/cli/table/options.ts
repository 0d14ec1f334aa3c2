/** Options that commands share. */
import type { OptionSpec } from "../table.ts";

/** `--bundle` */
export const BUNDLE: OptionSpec = {
  name: "bundle",
  short: "b",
  value: "dir",
  text: "the bundle's folder (default: the current one)",
};
