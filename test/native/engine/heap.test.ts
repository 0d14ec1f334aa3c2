/** The heap's allocator under sanitizers: every block keeps its bytes, in the segment, beyond it, and without memory. */
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { PROJECT } from "../../../scripts/make-rootfs.ts";
import { quickjsSource } from "../../../scripts/quickjs.ts";
import { missing } from "../programs.ts";

const ROUNDS = "100000";

t.test("blocks keep what is written to them", { skip: missing("make", "gcc") }, async (t) => {
  const QUICKJS = quickjsSource(PROJECT);
  await execa("make", [
    "-s",
    "-C",
    join(PROJECT, "native"),
    `QUICKJS=${QUICKJS}`,
    "../build/native/fuzz-heap",
  ]);
  for (const seed of ["1", "2"]) {
    const { stdout } = await execa(join(PROJECT, "build/native/fuzz-heap"), [ROUNDS, seed]);
    t.match(
      stdout,
      /^[1-9]\d+ bytes, the same twice\n[1-9]\d+ arenas and mappings, [1-9]\d* grown\n[1-9]\d+ times no memory$/,
    );
  }
});
