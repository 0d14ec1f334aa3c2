/** The program as a whole, under Node: output, reports and exit codes of what needs no container and no root. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { PROJECT } from "../../../scripts/make-rootfs.ts";
import { COMMANDS } from "../../../src/cli/table/all.ts";
import { SPEC_VERSION, VERSION } from "../../../src/version.ts";
import { noLibrary } from "../native.ts";

const PROGRAM = join(PROJECT, "build/src/cli/tsrun.js");

/** Runs tsrun in an empty folder with a state root below it. */
async function tsrun(cwd: string, line: string) {
  const args = [PROGRAM, "--root", "state", ...line.split(" ").filter((word) => word !== "")];
  const { stdout, stderr, exitCode } = await execa(process.execPath, args, { cwd, reject: false });
  return { stdout, stderr, exitCode };
}

const skip = noLibrary || (!existsSync(PROGRAM) && "build/src is not compiled");
const NOT_FOUND = "container does not exist: nope; hint: tsrun list shows the containers there are";

t.test("what a caller sees", { skip, jobs: 4 }, async (t) => {
  t.test("--version", async (t) => {
    const { stdout, exitCode } = await tsrun(t.testdir(), "--version");
    t.strictSame(stdout.split("\n"), [
      `tsrun version ${VERSION}`,
      "commit: unknown",
      `spec: ${SPEC_VERSION}`,
    ]);
    t.equal(exitCode, 0);
  });

  for (const { name } of [{ name: "" }, ...COMMANDS]) {
    t.test(`${name} --help`, async (t) => {
      const { stdout, stderr, exitCode } = await tsrun(t.testdir(), `${name} --help`);
      t.match(stdout, new RegExp(`^Usage: tsrun ${name}`));
      t.strictSame({ stderr, exitCode }, { stderr: "", exitCode: 0 });
    });
  }

  const cases: readonly (readonly [string, string, string, number])[] = [
    ["nosuch", "", "No help topic for 'nosuch'; hint: tsrun --help lists the commands", 3],
    ["help nosuch", "", "No help topic for 'nosuch'; hint: tsrun --help lists the commands", 3],
    [
      "create",
      "",
      '"create" requires exactly 1 argument(s), not 0; hint: usage: tsrun create [options] ID',
      1,
    ],
    ["state nope", "", NOT_FOUND, 1],
    ["start nope", "", NOT_FOUND, 1],
    ["kill nope", "", NOT_FOUND, 1],
    ["delete nope", "", NOT_FOUND, 1],
    ["stop nope", "", NOT_FOUND, 1],
    ["wait nope", "", NOT_FOUND, 1],
    [
      "stop --time soon nope",
      "",
      'invalid value "soon" for --time; hint: it takes a whole number of seconds',
      1,
    ],
    ["pause nope", "", NOT_FOUND, 1],
    ["resume nope", "", NOT_FOUND, 1],
    ["update nope", "", NOT_FOUND, 1],
    ["update nope --memory 30M", "", NOT_FOUND, 1],
    ["delete --force nope", "", "", 0],
    ["kill nope FOO", "", 'unknown signal "FOO"; hint: kill -l lists the names; numbers go from 0 to 64', 1],
    [
      "state a/b",
      "",
      'invalid container ID format: "a/b"; hint: use letters, digits, "_", "+", "-" and ".", 255 at most',
      1,
    ],
    ["list", "ID          PID         STATUS      BUNDLE      CREATED     OWNER", "", 0],
    ["list -f json", "null", "", 0],
    ["list -q", "", "", 0],
    ["list -f xml", "", 'invalid format option: "xml"; hint: use one of: table, json', 1],
    ["--log-format xml list", "", 'invalid log format "xml"; hint: --log-format takes text or json', 1],
    [
      "create --preserve-fds x c1",
      "",
      'invalid value "x" for --preserve-fds; hint: it takes a count of descriptors',
      1,
    ],
  ];
  for (const [line, stdout, stderr, exitCode] of cases) {
    t.test(line, async (t) => {
      t.strictSame(await tsrun(t.testdir(), line), { stdout, stderr, exitCode });
    });
  }

  t.test("--log-format json without a log goes to standard error", async (t) => {
    const { stderr } = await tsrun(t.testdir(), "--log-format json state nope");
    const { level, msg, time } = JSON.parse(stderr) as Record<string, string>;
    t.match(
      { level, msg, time },
      { level: "error", msg: NOT_FOUND, time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/ },
    );
  });

  for (const line of ["state nope", "create --nosuch c1", "nosuch"]) {
    t.test(`--log with: ${line}`, async (t) => {
      const dir = t.testdir();
      const { stderr } = await tsrun(dir, `--log l --log-format json ${line}`);
      await tsrun(dir, `--log l ${line}`);
      const [first = "", second = "", ...rest] = readFileSync(join(dir, "l"), "utf8").split("\n");
      t.match(JSON.parse(first), { level: "error", msg: stderr }, "the bare message on standard error");
      t.match(second, /^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=error msg="/);
      t.ok(second.endsWith(`msg=${JSON.stringify(stderr)}`), "appended, as text");
      t.strictSame(rest, [""]);
    });
  }

  t.test("a log file that cannot be written does not hide the message", async (t) => {
    const { stderr, exitCode } = await tsrun(t.testdir(), "--log no/such/folder state nope");
    t.strictSame(
      { stderr: stderr.split("\n"), exitCode },
      { stderr: ["warning: cannot write to the log file no/such/folder", NOT_FOUND], exitCode: 1 },
    );
  });

  t.test("spec writes a config.json once", async (t) => {
    const dir = t.testdir();
    mkdirSync(join(dir, "b"));
    t.strictSame(await tsrun(dir, "spec -b b"), { stdout: "", stderr: "", exitCode: 0 });
    t.match(JSON.parse(readFileSync(join(dir, "b/config.json"), "utf8")), {
      ociVersion: SPEC_VERSION,
      root: { path: "rootfs" },
    });
    const again = await tsrun(dir, "spec -b b");
    t.match(again, { exitCode: 1, stderr: /^File config\.json exists: .*; hint: remove it first/ });
  });
});
