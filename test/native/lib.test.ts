/** libtsrun's functions under AddressSanitizer and UndefinedBehaviorSanitizer, with sizes at the edges of what they are given. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { missing } from "./programs.ts";

t.test(
  "no function reads or writes beyond what it was given",
  { skip: missing("make", "gcc") },
  async (t) => {
    await execa("make", ["-s", "-C", join(PROJECT, "native"), "../build/native/lib-drive"]);
    const folder = mkdtempSync(join(tmpdir(), "tsrun-lib-"));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const { stdout } = await execa(join(PROJECT, "build/native/lib-drive"), [folder, "20000"]);
    t.match(stdout, /^20000 changed batches, \d+ refused\n\d+ answers as they should be$/);
  },
);
