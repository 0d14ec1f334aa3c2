/** --pid-file: complete when the command returns, relative to the caller's folder. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { openHost } from "./support/host.ts";

const host = openHost();
const bundle = host.bundle((config) => probe(config, "sleep", "1000"));

for (const verb of [["create"], ["run", "-d"]]) {
  t.test(`${verb.join(" ")} --pid-file holds the first process's pid, without a newline`, async (t) => {
    const file = join(host.dir, `${verb[0]}.pid`);
    const id = host.id();
    await host.must([...verb, "--bundle", bundle.dir, "--pid-file", file, id]);
    t.match(readFileSync(file, "utf8"), /^\d+$/);
    t.equal(Number(readFileSync(file, "utf8")), (await host.state(id)).pid);
    await host.delete(id);
  });
}

t.test("a relative pid file is the caller's, not the bundle's", async (t) => {
  const folder = join(host.dir, "caller");
  mkdirSync(folder);
  const id = host.id();
  await host.must(["create", "-b", bundle.dir, "--pid-file", "relative.pid", id], { cwd: folder });
  t.equal(Number(readFileSync(join(folder, "relative.pid"), "utf8")), (await host.state(id)).pid);
  t.notOk(existsSync(join(bundle.dir, "relative.pid")));
  await host.delete(id);
});

t.test("an old pid file is replaced", async (t) => {
  const file = join(host.dir, "old.pid");
  writeFileSync(file, "1234567890123 and more");
  const id = await host.created(bundle, ["--pid-file", file]);
  t.equal(readFileSync(file, "utf8"), String((await host.state(id)).pid));
  await host.delete(id);
});

t.test("a pid file that cannot be written fails create, and nothing is left", async (t) => {
  const id = host.id();
  const outcome = await host.call([
    "create",
    "-b",
    bundle.dir,
    "--pid-file",
    join(host.dir, "no/such/folder/pid"),
    id,
  ]);
  t.equal(outcome.code, 1);
  t.match(outcome.stderr, /no such file or directory/);
  t.equal((await host.call(["state", id])).code, 1);
});

await host.end();
