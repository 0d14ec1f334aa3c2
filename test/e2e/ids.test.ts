/** Container ids: what is allowed, and that no verb lets a wrong one near the state folder. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";

const host = openHost();
const bundle = host.bundle();

const WRONG = ["a/b", "../x", "/etc", "a b", "a\nb", "ä", "a:b", "a*", "$x", "a%"];
const WRONG_FOR_RUNC_TOO_LATE = ["..", ".", ""];

t.test("ids that are allowed", async (t) => {
  for (const id of [`${host.tag}-a`, `${host.tag}_A.b+c-9`, `${host.tag}.${"x".repeat(200)}`]) {
    await host.must(["create", "--bundle", bundle.dir, id]);
    t.equal((await host.state(id)).id, id);
    await host.delete(id);
  }
});

t.test("ids that create refuses", async (t) => {
  for (const id of WRONG) {
    const outcome = await host.call(["create", "--bundle", bundle.dir, id]);
    t.equal(outcome.code, 1, JSON.stringify(id));
    t.match(messageOf(outcome), "invalid container ID format");
  }
  for (const id of WRONG_FOR_RUNC_TOO_LATE) {
    t.equal((await host.call(["create", "--bundle", bundle.dir, id])).code, 1, JSON.stringify(id));
  }
});

t.test("no other verb accepts a wrong id, and nothing outside the state root is touched", async (t) => {
  const before = readdirSync(host.dir).filter((name) => !name.startsWith("call-"));
  for (const id of [...WRONG, ...WRONG_FOR_RUNC_TOO_LATE]) {
    for (const verb of [["state"], ["start"], ["kill"], ["delete"], ["run", "-b", bundle.dir]]) {
      const outcome = await host.call([...verb, id]);
      t.equal(outcome.code, 1, `${verb.join(" ")} ${JSON.stringify(id)}`);
    }
  }
  t.same(
    readdirSync(host.dir).filter((name) => !name.startsWith("call-")),
    before,
  );
});

t.test("delete --force of a wrong id removes nothing", async (t) => {
  for (const id of [...WRONG, "..", "."]) await host.call(["delete", "--force", id]);
  t.ok(existsSync(join(host.dir, "state")));
  t.ok(existsSync(bundle.dir));
});

t.test("ids too long for a file name are refused", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc passes them on to mkdir
  const outcome = await host.call(["create", "--bundle", bundle.dir, "x".repeat(1025)]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "invalid container ID format");
});

await host.end();
