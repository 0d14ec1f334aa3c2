/** Each bundle of bundles/broken fails with one line that names the place and the reason, and leaves nothing. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeRootfs } from "../../scripts/make-rootfs.ts";
import { messageOf, openHost, PROJECT } from "./support/host.ts";
import { cgroupsOf } from "./support/outside.ts";

const host = openHost();
const folder = join(PROJECT, "bundles/broken");
makeRootfs(join(PROJECT, "bundles/hello/rootfs"));

/** What runc 1.1.5 does not notice. */
const RUNC_ACCEPTS = [
  "device-with-relative-path",
  "mappings-without-user-namespace",
  "no-version",
  "trailing-text",
  "version-from-the-future",
];

const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "config.json")));
t.ok(names.length >= 25, `${names.length} broken bundles`);

for (const name of names) {
  t.test(name, async (t) => {
    const [comment = "", pointer = "", words = "", rest] = readFileSync(
      join(folder, name, "expected.txt"),
      "utf8",
    ).split("\n");
    t.match(comment, /^# ./);
    t.equal(rest, "");
    const id = host.id();
    const outcome = await host.call(["run", "--bundle", join(folder, name), id]);
    if ((await host.kind()) === "runc") {
      t.equal(outcome.code, RUNC_ACCEPTS.includes(name) ? 0 : name === "nul-in-argument" ? 1 : 1);
    } else {
      t.equal(outcome.code, 1);
      t.equal(outcome.stdout, "");
      t.equal(outcome.stderr.trimEnd().split("\n").length, 1, outcome.stderr);
      t.match(messageOf(outcome), `config.json#${pointer})`);
      t.match(messageOf(outcome), new RegExp(words));
    }
    t.notOk(existsSync(join(host.stateRoot, id)), "no state");
    t.same(cgroupsOf(id), [], "no cgroup");
  });
}

await host.end();
