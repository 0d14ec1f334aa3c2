/** The manual page: nothing of the table is missing, and the programs that read such pages have nothing to say against it. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { manual } from "../../../src/cli/man.ts";
import { COMMANDS } from "../../../src/cli/table/all.ts";
import { GLOBAL_OPTIONS } from "../../../src/cli/table.ts";

t.test("the manual page", async (t) => {
  const page = manual();
  for (const { name, options, hidden } of COMMANDS) {
    t.equal(page.includes(`\n.SS ${name}\n`), hidden !== true, name);
    for (const option of hidden ? [] : options)
      t.ok(page.includes(`\\-\\-${option.name.replaceAll("-", "\\-")}`), `${name} --${option.name}`);
  }
  for (const { name } of GLOBAL_OPTIONS) t.ok(page.includes(name.replaceAll("-", "\\-")), name);
  t.notMatch(page, /[^\0-\x7f]/, "ASCII, whatever the locale");

  const file = join(t.testdir(), "tsrun.8");
  writeFileSync(file, page);
  const missing = (program: string) =>
    spawnSync(program, ["--version"]).error !== undefined && `needs ${program}`;
  t.test("groff has nothing to say against it", { skip: missing("groff") }, async (t) => {
    const ran = spawnSync("groff", ["-man", "-ww", "-Tutf8", file], { encoding: "utf8" });
    t.strictSame([ran.status, ran.stderr], [0, ""]);
  });
  t.test("nor has man", { skip: missing("man") }, async (t) => {
    const ran = spawnSync("man", ["--warnings", "-E", "UTF-8", "-l", file], {
      encoding: "utf8",
      env: { ...process.env, MANWIDTH: "100" },
    });
    t.strictSame([ran.status, ran.stderr], [0, ""]);
    const { stdout } = ran;
    for (const text of [
      "tsrun exec [options] ID [ARGS...]",
      "tsrun stats [options] [ID...]",
      "--cpu-quota us",
    ])
      t.ok(stdout.includes(text), text);
  });
  t.test(
    "nor has mandoc",
    { skip: spawnSync("mandoc", [file]).error !== undefined && "needs mandoc" },
    async (t) => {
      const said = spawnSync("mandoc", ["-Tlint", "-Wwarning", file], { encoding: "utf8" }).stdout;
      // The page has no date, so that the same sources make the same page.
      t.strictSame(
        said.split("\n").filter((line) => line !== "" && !line.includes("missing date")),
        [],
      );
    },
  );
});
