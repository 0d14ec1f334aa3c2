/** docs/api.md is what the doc comments say now. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { apiReference } from "../../scripts/api-reference.ts";
import { PROJECT } from "../../scripts/make-rootfs.ts";

t.test("the reference of the library", { timeout: 120_000 }, async (t) => {
  const made = apiReference(PROJECT);
  t.equal(readFileSync(join(PROJECT, "docs/api.md"), "utf8"), made, "up to date: npm run api writes it");
  for (const heading of [
    "### Runtime",
    "#### Runtime.run",
    "### StateError",
    "### ContainerEvent",
    "### VERSION",
  ])
    t.ok(made.includes(`\n${heading}\n`), heading);
  t.notMatch(made, /\{@link/, "every link is one");
  // A heading with nothing but its code below it: an export that nobody has described.
  t.notMatch(made, /\n### [^\n]*\n+```ts\n[^`]*```\n+##/);
});
