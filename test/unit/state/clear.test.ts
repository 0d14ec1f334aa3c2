import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { clear } from "../../../src/state/clear.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

t.test(
  "clear() removes a container's folder with what is in it, and whatever the container left in its notify folder",
  async (t) => {
    const dir = t.testdir({
      usual: { "state.json": "" },
      notify: { "config.json": "" },
      odd: {},
      outside: { kept: "" },
    });
    clear(join(dir, "usual"));
    t.notOk(existsSync(join(dir, "usual")));
    mkdirSync(join(dir, "notify/notify"));
    writeFileSync(join(dir, "notify/notify/notify.sock"), "");
    clear(join(dir, "notify"));
    t.notOk(existsSync(join(dir, "notify")));
    // A container that may mount can make its notify folder writable.
    mkdirSync(join(dir, "odd/notify/a/b/c"), { recursive: true });
    symlinkSync(join(dir, "outside"), join(dir, "odd/notify/a/link"));
    clear(join(dir, "odd"));
    t.notOk(existsSync(join(dir, "odd")));
    t.ok(existsSync(join(dir, "outside/kept")), "no link is followed");
  },
);
