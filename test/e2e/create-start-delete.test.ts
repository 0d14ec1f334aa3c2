/** create, start, delete: the life of a container step by step (runtime-spec runtime.md, Lifecycle). */
import { existsSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, openHost } from "./support/host.ts";
import { cgroupsOf, hasEnded } from "./support/outside.ts";
import { times } from "./support/slow.ts";

const host = openHost();

t.test("create makes a process that waits, start lets it run, delete leaves nothing", async (t) => {
  const bundle = host.bundle((config) => probe(config, "write", "/ran", "yes"));
  const id = await host.created(bundle);
  const created = await host.state(id);
  t.equal(created.status, "created");
  t.notOk(hasEnded(created.pid), "its first process exists");
  t.notOk(existsSync(join(bundle.rootfs, "ran")), "the program has not run");
  t.not(cgroupsOf(id).length, 0, "its cgroups exist");

  const start = await host.must(["start", id]);
  t.equal(start.stdout, "");
  t.equal(start.stderr, "");
  await host.reaches(id, "stopped");
  t.ok(existsSync(join(bundle.rootfs, "ran")), "the program has run");

  await host.must(["delete", id]);
  t.same(cgroupsOf(id), [], "its cgroups are gone");
  t.notOk(existsSync(join(host.stateRoot, id)), "its state folder is gone");
  const gone = await host.call(["state", id]);
  t.equal(gone.code, 1);
  t.match(messageOf(gone), "container does not exist");
});

t.test("an id can be used again as soon as delete has returned", async (t) => {
  const bundle = host.bundle();
  const id = host.id();
  for (let round = times(t, 5, 2); round > 0; round -= 1) {
    await host.must(["create", "--bundle", bundle.dir, id]);
    await host.must(["start", id]);
    await host.reaches(id, "stopped");
    await host.must(["delete", id]);
  }
  t.pass("each time");
});

t.test("create without --bundle takes the current folder", async (t) => {
  const bundle = host.bundle();
  const id = host.id();
  await host.must(["create", id], { cwd: bundle.dir });
  t.equal((await host.state(id)).bundle, bundle.dir);
  await host.delete(id);
});

t.test("create takes a relative bundle", async (t) => {
  const bundle = host.bundle();
  const id = host.id();
  await host.must(["create", "-b", "b3", id], { cwd: join(bundle.dir, "..") });
  await host.delete(id);
  t.pass("created and deleted");
});

t.test("a changed config.json between create and start changes nothing", async (t) => {
  const bundle = host.bundle((config) => probe(config, "write", "/ran", "as created"));
  const id = await host.created(bundle);
  probe(bundle.config, "write", "/ran-otherwise", "no");
  bundle.save();
  await host.must(["start", id]);
  await host.reaches(id, "stopped");
  t.ok(existsSync(join(bundle.rootfs, "ran")));
  t.notOk(existsSync(join(bundle.rootfs, "ran-otherwise")));
  await host.delete(id);
});

await host.end();
