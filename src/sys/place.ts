/** Where tsrun's own native files are: beside the executable, or in dist/ beside the library. */

// The build defines it in the executable.
declare const TSRUN_EXECUTABLE: boolean | undefined;

let place: string | undefined;

/**
 * The folder of `libtsrun.so` and `tsrun-init`, absolute. It is found from the program itself, never from the current
 * folder, which may belong to a bundle.
 */
export function nativeDir(): string {
  place ??= find();
  return place;
}

/** The words that start this very tsrun again: its executable, or the engine and the script. */
export function ownCommand(): readonly string[] {
  return isExecutable() ? [process.execPath] : [process.execPath, process.argv[1] ?? ""];
}

/** Whether this is the executable with an engine of its own (native/engine). */
export function isExecutable(): boolean {
  return typeof TSRUN_EXECUTABLE === "boolean";
}

function find(): string {
  // The executable is its own process image; a script was loaded from src/sys, build/src/sys, dist/lib/src/sys or dist.
  if (isExecutable()) return folder(process.execPath);
  const here = decodeURIComponent(new URL(import.meta.url).pathname);
  // Tests run from build/, development from src/: both lie beside dist/.
  const root = here.search(/\/(?:build\/)?src\/sys\/[^/]*$/);
  if (root >= 0 && !here.endsWith("/dist/lib/src/sys/place.js")) return `${here.slice(0, root)}/dist`;
  const dist = here.lastIndexOf("/dist/lib/src/sys/");
  return dist < 0 ? folder(here) : `${here.slice(0, dist)}/dist`;
}

function folder(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
