/**
 * Builds everything into dist/: the native parts with make, the `tsrun` command as one executable with its own engine, the same
 * command for Node as dist/tsrun.js, the manual page, the shells' completion, and the library with its types.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeExecutable } from "./executable.ts";
import { writeHelpTexts } from "./help-texts.ts";
import { quickjsSource } from "./quickjs.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
// tsrun refuses files that others than their owner may write, whatever the umask here is.
process.umask(0o022);

function sh(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
}

function commit(): string {
  try {
    const head = execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    return head.toString().trim();
  } catch {
    return "unknown";
  }
}

sh("make", "-s", "-C", "native", "constants", "supervise", "init", "lib", "probe");
writeHelpTexts();

const bun = process.execPath;
const define = `--define=TSRUN_COMMIT=${JSON.stringify(commit())}`;
const entry = "src/cli/tsrun.ts";

/** The command's script for the engine, which has no modules to load. */
function bundleForEngine(to: string): void {
  const flags = [
    "--target=browser",
    "--format=iife",
    "--minify-syntax",
    "--minify-whitespace",
    "--external=koffi",
    "--external=bun:ffi",
    "--define=TSRUN_EXECUTABLE=true",
    "--define=import.meta.url=undefined",
  ];
  sh(bun, "build", ...flags, define, "src/cli/executable.ts", "--outfile", to);
}

function source(): string {
  try {
    return quickjsSource(root);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

sh("make", "-s", "-C", "native", "engine", `QUICKJS=${source()}`);
bundleForEngine("build/engine/tsrun.js");
// For another machine its own executable makes the heap, by qemu's emulation.
const emulator = (process.env["RUN"] ?? "").split(" ").filter((word) => word !== "");
makeExecutable(
  "build/native/tsrun-engine",
  "build/engine/tsrun.js",
  "build/engine/heap",
  "dist/tsrun",
  emulator,
);

sh(
  bun,
  "build",
  "--target=node",
  "--format=esm",
  "--external=koffi",
  define,
  entry,
  "--outfile",
  join("dist", "tsrun.js"),
);
writeFileSync("dist/tsrun.js", `#!/usr/bin/env node\n${readFileSync("dist/tsrun.js", "utf8")}`);
chmodSync("dist/tsrun.js", 0o755);

mkdirSync("dist/completions", { recursive: true });
for (const [file, ...words] of [
  ["tsrun.8", "man"],
  ["completions/tsrun", "completion", "bash"],
  ["completions/_tsrun", "completion", "zsh"],
  ["completions/tsrun.fish", "completion", "fish"],
]) {
  const [program = "", ...args] = [...emulator, "dist/tsrun", ...words];
  writeFileSync(`dist/${file}`, execFileSync(program, args));
}

rmSync("dist/lib", { recursive: true, force: true });
sh(bun, "node_modules/typescript/bin/tsc", "-p", "tsconfig.lib.json");
