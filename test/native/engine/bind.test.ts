/** The binding under sanitizers: C is given exactly what JavaScript has, or a TypeError is thrown. */
import { execa } from "execa";
import t from "tap";
import { folderFor, lacks, made, scriptOf } from "./engine.ts";

const CALLS = 30_000;

t.test("a call reaches C as it is, or is a TypeError", { skip: lacks }, async (t) => {
  const [drive, script] = [await made("engine-drive"), await scriptOf("bind.ts", folderFor(t))];
  for (const [memory, seed] of [
    ["malloc", "1"],
    ["malloc", "2"],
    ["heap", "3"],
  ]) {
    const { stdout } = await execa(drive, [memory ?? "", script, seed ?? "", String(CALLS)]);
    const [, reached, refused] = /^(\d+) calls, (\d+) refused$/.exec(stdout) ?? [];
    t.ok(Number(reached) > CALLS / 4 && Number(refused) > CALLS / 4, `${memory}, ${seed}: ${stdout}`);
  }
});
