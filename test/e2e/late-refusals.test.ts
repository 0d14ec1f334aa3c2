/**
 * What only the kernel can refuse, and often late: one line names the very field, the cause and the cure, the exit code is
 * 1, and nothing is left.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { messageOf, openHost } from "./support/host.ts";
import { MISTAKES } from "./support/mistakes.ts";
import { cgroupsOf, mountsOf, processesOf } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });

for (const { what, make, pointer, olderPointer = pointer, cause, cure, at, needs } of MISTAKES) {
  t.test(what, async (t) => {
    if (needs !== undefined && !needs.have()) {
      t.pass("not a mistake here", { skip: `needs ${needs.what}` });
      return;
    }
    const bundle = host.bundle();
    make(bundle.config, bundle.rootfs);
    bundle.save();
    const id = host.id();
    if (at === "start") {
      await host.must(["create", "-b", bundle.dir, id]);
      t.match(messageOf(await host.call(["start", id])), `(config.json#${pointer})`, "start says the same");
      await host.delete(id);
    }
    const outcome = await host.call(["run", "-b", bundle.dir, id]);
    t.equal(outcome.code, 1);
    t.equal(outcome.stdout, "");
    t.equal(outcome.stderr.trimEnd().split("\n").length, 1, "one line");
    const [sentence = "", hint = ""] = messageOf(outcome).split("; hint: ");
    const places = [pointer, olderPointer].map((place) => ` (config.json#${place})`);
    t.ok(
      places.some((place) => sentence.endsWith(place)),
      sentence,
    );
    t.match(sentence, cause);
    t.match(hint, cure);
    t.notOk(existsSync(join(host.stateRoot, id)), "no state");
    t.same(cgroupsOf(id), [], "no cgroup");
    t.same(mountsOf(id), [], "no mount");
    t.same(processesOf(id), [], "no process");
  });
}

t.test("a limit of one process leaves room for the program", async (t) => {
  const bundle = host.bundle((config) => {
    config.linux.resources = { pids: { limit: 1 } };
  });
  t.equal((await host.run(bundle)).code, 0);
});

await host.end();
