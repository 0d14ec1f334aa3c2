/**
 * The source of QuickJS, the JavaScript engine of the executable: a folder that QUICKJS names, or Debian's own source package, which is
 * fetched once from the mirror that apt uses, checked, and kept in build/.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

/** The version that tsrun is tested with. */
const ARCHIVE = "quickjs_2025.04.26.orig.tar.xz";
const SHA256 = "ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe";

/** Where Debian's mirrors keep it. */
const POOL = "pool/main/q/quickjs";

const ADVICE = "or unpack QuickJS's source somewhere and build with QUICKJS=/that/folder";

/** The folder with `quickjs.c`, absolute. @throws Error with one line that says what to do */
export function quickjsSource(project: string): string {
  const given = process.env["QUICKJS"];
  if (given !== undefined && given !== "") {
    if (existsSync(join(given, "quickjs.c"))) return resolve(given);
    throw new Error(`QUICKJS=${given}: there is no quickjs.c in this folder`);
  }
  const folder = join(project, "build/quickjs", ARCHIVE.replace(/^quickjs_(.*)\.orig\.tar\.xz$/, "$1"));
  if (!existsSync(join(folder, "quickjs.c"))) unpack(fetched(join(project, "build/quickjs")), folder);
  return folder;
}

/** The archive, checked, fetched where it is not there. */
function fetched(folder: string): string {
  const archive = join(folder, ARCHIVE);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(archive)) download(`${mirror()}/${POOL}/${ARCHIVE}`, archive);
  const sum = createHash("sha256").update(readFileSync(archive)).digest("hex");
  if (sum === SHA256) return archive;
  throw new Error(
    `${archive} is not what it should be: its SHA-256 is ${sum}, not ${SHA256}; remove it, ${ADVICE}`,
  );
}

/** The mirror that apt is configured with. */
function mirror(): string {
  let text = "";
  try {
    const args = ["indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"];
    text = execFileSync("apt-get", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    throw new Error(`QuickJS's source cannot be fetched: there is no apt-get here; ${ADVICE}`);
  }
  const [first] = text
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((uri) => /\/debian\/*$/.test(uri));
  if (first === undefined)
    throw new Error(
      `QuickJS's source cannot be fetched: apt knows no Debian mirror (run apt-get update); ${ADVICE}`,
    );
  return first.replace(/\/+$/, "");
}

/** By apt's own program, which knows of proxies, and takes nothing with another checksum. */
function download(url: string, to: string): void {
  const part = `${to}.part`;
  try {
    execFileSync("/usr/lib/apt/apt-helper", ["download-file", url, part, `SHA256:${SHA256}`], {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
  } catch (error) {
    rmSync(part, { force: true });
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    const lines = said.split("\n").filter((line) => line.startsWith("E: "));
    throw new Error(
      `QuickJS's source cannot be fetched from ${url}: ${lines.join(" ") || said.trim()}; ${ADVICE}`,
    );
  }
  renameSync(part, to);
}

function unpack(archive: string, folder: string): void {
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  execFileSync("tar", ["xf", archive, "-C", part, "--strip-components=1", "--no-same-owner"]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(part, folder);
}
