/** delete: refused, forced, repeated, in every status. */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { CGROUP_V2, cgroupsOf, hasEnded, processesOf } from "./support/outside.ts";
import { BY_SYSTEMD } from "./support/wants.ts";

const host = openHost();
const sleeping = host.bundle((config) => probe(config, "sleep", "1000"));

t.test("a running container is not deleted without --force", async (t) => {
  const id = await host.running(sleeping);
  const { pid } = await host.state(id);
  const refused = await host.call(["delete", id]);
  t.equal(refused.code, 1);
  t.match(messageOf(refused), `cannot delete container ${id} that is not stopped: running`);
  t.equal((await host.state(id)).status, "running");
  await host.must(["delete", "--force", id]);
  t.ok(hasEnded(pid));
  t.same(cgroupsOf(id), []);
  t.notOk(existsSync(join(host.stateRoot, id)));
});

t.test("a created container is deleted without --force, its process ended", async (t) => {
  const id = await host.created(sleeping);
  const { pid } = await host.state(id);
  await host.must(["delete", id]);
  t.ok(hasEnded(pid));
  t.same(cgroupsOf(id), []);
});

t.test("a stopped container is deleted once", async (t) => {
  const id = await host.running(sleeping);
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  await host.must(["delete", id]);
  const again = await host.call(["delete", id]);
  t.equal(again.code, 1);
  t.match(messageOf(again), "container does not exist");
});

t.test("--force can be repeated, and says nothing about a container that is not there", async (t) => {
  const id = await host.running(sleeping);
  await host.must(["delete", "-f", id]);
  for (const word of ["-f", "--force"]) {
    const again = await host.must(["delete", word, id]);
    t.equal(again.stdout, "");
    t.equal(again.stderr, "");
  }
});

t.test("--force works with an empty environment", async (t) => {
  const id = await host.running(sleeping);
  await host.must(["delete", "--force", id], { env: {} });
  t.same(processesOf(id), []);
});

t.test("--force works when the bundle is gone", async (t) => {
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  const id = await host.running(bundle);
  rmSync(join(bundle.dir, "config.json"));
  await host.must(["delete", "--force", id]);
  t.same(cgroupsOf(id), []);
});

t.test("two deletes at once: both end, nothing is left", async (t) => {
  const id = await host.running(sleeping);
  const both = await Promise.all([
    host.call(["delete", "--force", id]),
    host.call(["delete", "--force", id]),
  ]);
  t.ok(
    both.some(({ code }) => code === 0),
    "at least one succeeds",
  );
  t.same(cgroupsOf(id), []);
  t.notOk(existsSync(join(host.stateRoot, id)));
});

t.test("cgroups that the container made below its own go with it", async (t) => {
  const id = await host.running(sleeping);
  for (const folder of cgroupsOf(id)) mkdirSync(join(folder, "inner"));
  await host.must(["delete", "--force", id]);
  t.same(cgroupsOf(id), []);
});

t.test(
  "two containers may share a cgroup on v1, not on v2: deleting one leaves the other alone",
  { skip: BY_SYSTEMD && "a unit of systemd's has one container" },
  async (t) => {
    if (!(await onlyTsrun(host, t))) return; // runc 1.1 refuses the second: its cgroup is not empty
    const path = `/${host.tag}-shared`;
    const bundle = host.bundle((config) => {
      probe(config, "sleep", "1000");
      config.linux.cgroupsPath = path;
    });
    const first = await host.running(bundle);
    if (CGROUP_V2) {
      const refused = await host.call(["create", "--bundle", bundle.dir, host.id()]);
      t.equal(refused.code, 1);
      t.match(messageOf(refused), "container's cgroup is not empty: 1 process(es) found");
      t.equal((await host.state(first)).status, "running", "and the first one is as it was");
      await host.must(["delete", "--force", first]);
      t.same(cgroupsOf(path.slice(1)), []);
      return;
    }
    const second = await host.running(bundle);
    await host.must(["delete", "--force", first]);
    t.equal((await host.state(second)).status, "running");
    await host.must(["delete", "--force", second]);
    t.same(cgroupsOf(path.slice(1)), []);
  },
);

t.test("an empty state folder, as a killed create may leave it, is cleared by --force", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const id = host.id();
  mkdirSync(join(host.stateRoot, id), { recursive: true });
  await host.must(["delete", "--force", id]);
  t.notOk(readdirSync(host.stateRoot).includes(id));
});

await host.end();
