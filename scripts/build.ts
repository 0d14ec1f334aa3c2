/**
 * Builds everything into dist/: the native parts with make, the `tsrun` command as a small
 * launcher and an executable compiled by Bun, the same command for Node
 * as dist/tsrun.js, the manual page, the shells' completion, and the library with its types.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMPILE_FLAGS } from "./compile-flags.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
// The launcher refuses files that others than their owner may write, whatever the umask here is.
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

sh("make", "-s", "-C", "native", "constants", "launch", "supervise", "init", "lib", "probe");

const bun = process.execPath;
const define = `--define=TSRUN_COMMIT=${JSON.stringify(commit())}`;
const entry = "src/cli/tsrun.ts";

// A part that is bundled for itself is flat and holds nothing else; as CommonJS, it is one function of the file that is compiled.
for (const part of ["all", "create", "exec", "life", "look"]) {
  const flags = [
    "--target=node",
    "--format=cjs",
    "--minify",
    "--external=koffi",
    "--define=TSRUN_COMPILED=true",
  ];
  sh(bun, "build", ...flags, define, `src/cli/parts/${part}.ts`, "--outfile", `build/parts/${part}.cjs`);
}
sh(bun, "build", ...COMPILE_FLAGS, "src/cli/compiled.ts", "--outfile", join("dist", "tsrun-host"));
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
  writeFileSync(`dist/${file}`, execFileSync(bun, [entry, ...words]));
}

rmSync("dist/lib", { recursive: true, force: true });
sh(bun, "node_modules/typescript/bin/tsc", "-p", "tsconfig.lib.json");
