/** How Bun compiles dist/tsrun-host, and the programs that the benchmark compares its start with. */
export const COMPILE_FLAGS: readonly string[] = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=cjs",
  // A bunfig.toml (with preload scripts), .env, tsconfig.json or package.json in the current folder must not be read: that
  // folder is the bundle, so its author would run code as root on the host.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--no-compile-autoload-tsconfig",
  "--no-compile-autoload-package-json",
];
