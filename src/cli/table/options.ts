/** Options that commands share. */
import type { OptionSpec } from "../table.ts";

/** `--trace` */
export const TRACE: OptionSpec = {
  name: "trace",
  value: "file",
  text: "write each step with its time and result to this file, for ui.perfetto.dev",
};

/** `--bundle` */
export const BUNDLE: OptionSpec = {
  name: "bundle",
  short: "b",
  value: "dir",
  text: "the bundle's folder (default: the current one)",
};
