/** Whether the tests that need native code can run. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "../../scripts/make-rootfs.ts";

/** For tap's `skip`: `false` where dist/libtsrun.so is there. */
export const noLibrary = !existsSync(join(PROJECT, "dist/libtsrun.so")) && "dist/libtsrun.so is not built";
