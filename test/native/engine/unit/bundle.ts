/**
 * The unit tests as scripts for the engine: `bun bundle.ts PROJECT OUT`. Writes a script each to OUT, and prints as JSON which
 * files there are: `{file, script}`, or `{file, lacks}` where what a test or what it tests imports is only in Node: a module of Node's
 * or another package, or one of src/ that is not in the executable.
 */
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";

interface Resolve {
  readonly path: string;
  readonly importer: string;
}

interface Builder {
  onResolve(
    filter: { readonly filter: RegExp },
    resolve: (args: Resolve) => { path: string; external?: boolean } | undefined,
  ): void;
}

declare const Bun: {
  build(options: object): Promise<{ readonly success: boolean; readonly logs: readonly unknown[] }>;
};

const [project = "", out = ""] = process.argv.slice(2);

/** What src/sys/ffi.ts would take in Node and Bun. */
const HOSTS = ["bun:ffi", "koffi"];

/** A plugin that sees each import of a build. @param see has the imported file, or the name of what is no file of this project */
function onImport(
  see: (path: string, importer: string) => { path: string; external?: boolean } | undefined,
): object {
  return {
    name: "imports",
    setup: (builder: Builder) =>
      builder.onResolve({ filter: /./ }, ({ path, importer }) =>
        see(path.startsWith(".") ? join(dirname(importer), path) : path, importer),
      ),
  };
}

/** The files of src/ that are in the executable. */
async function executable(): Promise<ReadonlySet<string>> {
  const files = new Set<string>();
  const see = (path: string): { path: string; external: boolean } | undefined => {
    if (!path.startsWith("/")) return { path, external: true };
    files.add(path);
    return undefined;
  };
  const entrypoints = [join(project, "src/cli/executable.ts")];
  await Bun.build({ entrypoints, target: "browser", format: "iife", plugins: [onImport(see)] });
  return files;
}

const inside = await executable();

async function build(file: string): Promise<object> {
  const lacks: string[] = [];
  const name = file.replaceAll("/", "-").replace(/\.test\.ts$/, "");
  const plugin = onImport((path, importer) => {
    if (path === "tap") return { path: join(project, "test/native/engine/unit/tap.ts") };
    if (path.startsWith("/")) {
      const name = relative(project, path);
      if (name.startsWith("src/") && !inside.has(path)) lacks.push(`${name} is not in the executable`);
      return undefined;
    }
    if (!HOSTS.includes(path)) lacks.push(`${relative(project, importer)} imports ${path}`);
    return { path, external: true };
  });
  const { success, logs } = await Bun.build({
    entrypoints: [join(project, file)],
    outdir: out,
    naming: `${name}.js`,
    target: "browser",
    format: "iife",
    // In Node it is where the library is looked for.
    define: { "import.meta.url": "globalThis.tsrunPlace", TSRUN_COMMIT: '"test"' },
    plugins: [plugin],
    throw: false,
  });
  if (lacks.length > 0) return { file, lacks: [...new Set(lacks)] };
  if (!success) throw new Error(`${file}: ${logs.map(String).join("\n")}`);
  return { file, script: join(out, `${name}.js`) };
}

const files = readdirSync(join(project, "test/unit"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => join("test/unit", file))
  .sort();
const all: object[] = [];
for (const file of files) all.push(await build(file));
console.log(JSON.stringify(all));
