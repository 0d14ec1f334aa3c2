/** The engine writes plans as src/plan/encode.ts does, and leaves to it what cannot be written. */
import { execa } from "execa";
import t from "tap";
import { executableOf, folderFor, lacks } from "./engine.ts";

t.test("the same bytes, or none", { skip: lacks }, async (t) => {
  const plans = await executableOf("plans.ts", folderFor(t));
  for (const seed of [1, 2, 3]) {
    const { stdout } = await execa(plans, [String(seed), "400"], { maxBuffer: 1e9 });
    const [, written, refused] = /^(\d+) written, (\d+) refused$/.exec(stdout) ?? [];
    t.equal(Number(written) + Number(refused), 400, stdout.slice(0, 2000));
    t.ok(Number(written) > 50 && Number(refused) > 50, `${stdout}: both happen`);
  }
});
