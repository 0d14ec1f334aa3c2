/** Imported before all else where Node runs the program: an older one fails at the first thing that it does not know, in many lines. */

const OLDEST = [20, 16] as const;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `tsrun.js needs Node ${OLDEST.join(".")} or newer, and this is ${process.versions.node}; hint: install a newer one, and have its folder first in PATH\n`,
  );
  process.exit(1);
}
