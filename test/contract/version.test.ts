/** What tsrun says of itself is what its package says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { SPEC_VERSION, VERSION } from "../../src/version.ts";

t.test("package.json and src/version.ts name the same version", async (t) => {
  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { version: string };
  t.equal(VERSION, version);
  t.match(SPEC_VERSION, /^1\.\d+\.\d+$/);
});
