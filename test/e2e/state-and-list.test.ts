/** state and list: what they print, field by field, in each status. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost, type State } from "./support/host.ts";
import { textOf } from "./support/outside.ts";

const host = openHost();
const bundle = host.bundle((config) => {
  probe(config, "sleep", "1000");
  config.annotations = { "org.example.color": "blue" };
});

t.test("an empty list", async (t) => {
  t.match((await host.must(["list"])).stdout, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER *\n$/);
  t.equal((await host.must(["list", "-f", "json"])).stdout.trim(), "null");
  t.equal((await host.must(["list", "--format", "json"])).stdout.trim(), "null");
  t.equal((await host.must(["list", "-q"])).stdout, "");
});

t.test("state in each status", async (t) => {
  const before = Date.now();
  const id = await host.created(bundle);
  const created = await host.state(id);
  t.match(created.ociVersion, /^1\.\d+\.\d+/);
  t.equal(created.id, id);
  t.equal(created.status, "created");
  t.equal(created.bundle, bundle.dir);
  t.equal(created.rootfs, bundle.rootfs);
  t.same(created.annotations, { "org.example.color": "blue" });
  t.type(created.owner, "string");
  t.match(created.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
  t.ok(Date.parse(created.created) >= before - 1000 && Date.parse(created.created) <= Date.now() + 1000);
  t.match(
    textOf(`/proc/${created.pid}/cgroup`) ?? "",
    id,
    "pid is the container's first process on the host",
  );

  await host.must(["start", id]);
  const running = await host.state(id);
  t.same(running, { ...created, status: "running" }, "nothing but the status changes");

  await host.must(["kill", id, "KILL"]);
  const stopped = await host.reaches(id, "stopped");
  t.same(stopped, { ...created, status: "stopped", pid: 0 });
  await host.must(["delete", id]);
});

t.test("state's text has the order and indentation that people and scripts know", async (t) => {
  const id = await host.running(bundle);
  const { stdout } = await host.must(["state", id]);
  const keys = [...stdout.matchAll(/^ {2}"(\w+)":/gm)].map((match) => match[1]);
  t.same(keys, ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"]);
  await host.delete(id);
});

t.test("list as a table, as JSON, as ids", async (t) => {
  const first = await host.running(bundle);
  const second = await host.created(bundle);
  const table = (await host.must(["list"])).stdout.trimEnd().split("\n");
  t.equal(table.length, 3);
  t.match(table[0], /^ID +PID +STATUS +BUNDLE +CREATED +OWNER *$/);
  const row = table.find((line) => line.startsWith(`${first} `)) ?? "";
  t.match(row, new RegExp(`^${first} +\\d+ +running +${bundle.dir} +\\d{4}-\\S+Z +root *$`));
  t.equal(table[0]?.indexOf("STATUS"), row.indexOf("running"), "the columns are aligned");
  t.equal((await host.must(["list", "-f", "table"])).stdout.split("\n").length, 4);

  const json = (await host.must(["list", "-f", "json"])).stdout;
  t.equal(json.trimEnd().split("\n").length, 1, "JSON is one line");
  const listed = JSON.parse(json) as State[];
  t.same(
    listed.map(({ id, status, owner }) => ({ id, status, owner })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    [
      { id: first, status: "running", owner: "root" },
      { id: second, status: "created", owner: "root" },
    ],
  );
  t.same((await host.must(["list", "-q"])).stdout.trim().split("\n").sort(), [first, second]);
  t.same((await host.must(["list", "--quiet"])).stdout.trim().split("\n").sort(), [first, second]);
  await host.delete(first);
  await host.delete(second);
});

t.test("list of a format that is not known", async (t) => {
  const outcome = await host.call(["list", "-f", "foo"]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "invalid format option");
});

t.test("list of a state root that is not there is empty", async (t) => {
  const outcome = await host.call(["--root", join(host.dir, "no-such-root"), "list", "-q"], { bare: true });
  t.equal(outcome.code, 0, outcome.stderr);
  t.equal(outcome.stdout, "");
});

t.test("containers of another state root are not seen", async (t) => {
  const id = await host.created(bundle);
  const other = join(host.dir, "other-root");
  mkdirSync(other, { recursive: true });
  t.equal((await host.must(["--root", other, "list", "-q"], { bare: true })).stdout, "");
  const state = await host.call(["--root", other, "state", id], { bare: true });
  t.equal(state.code, 1);
  t.match(messageOf(state), "container does not exist");
  await host.delete(id);
});

t.test("one damaged container does not hide the others", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const id = await host.created(bundle);
  const damaged = join(host.stateRoot, "damaged");
  mkdirSync(damaged);
  writeFileSync(join(damaged, "state.json"), '{"id": 7');
  const outcome = await host.must(["list", "-q"]);
  t.match(outcome.stdout, id);
  t.match((await host.call(["list"])).stdout, id);
  rmSync(damaged, { recursive: true });
  await host.delete(id);
});

await host.end();
