/** The compiler's own look at every path through the C sources, QuickJS's own left out: leaks, NULL, what is used after it was freed. */
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { quickjsSource } from "../../scripts/quickjs.ts";
import { missing } from "./programs.ts";

t.test("gcc -fanalyzer has nothing to say", { skip: missing("make", "gcc") }, async (t) => {
  const args = [
    "-s",
    "-C",
    join(PROJECT, "native"),
    "CC=gcc",
    `QUICKJS=${quickjsSource(PROJECT)}`,
    "analyze",
  ];
  const { all, exitCode } = await execa("make", args, { all: true, reject: false });
  t.equal(all, "", "no warning");
  t.equal(exitCode, 0);
});
