/** Where tsrun's own native files are: beside the executable, or in dist/ beside the library. */

// The build defines it in the executable.
declare const TSRUN_COMPILED: boolean | undefined;

let place: string | undefined;

/** Whether this is the executable that the build compiled. */
export function isCompiled(): boolean {
  return typeof TSRUN_COMPILED === "boolean";
}

/**
 * The folder of `libtsrun.so` and `tsrun-init`, absolute. It is found from the program itself, never from the current
 * folder, which may belong to a bundle.
 */
export function nativeDir(): string {
  place ??= find();
  return place;
}

/** The words that start this very tsrun again: its launcher, or the engine and the script. */
export function ownCommand(): readonly string[] {
  return isCompiled() ? [`${nativeDir()}/tsrun`] : [process.execPath, process.argv[1] ?? ""];
}

function find(): string {
  // A compiled executable is its own process image; a script was loaded from src/sys, build/src/sys, dist/lib/src/sys or dist.
  if (isCompiled()) return folder(process.execPath);
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
