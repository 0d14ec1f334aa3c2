/** linux.cgroupsPath: which folders are made, when, and that all of them are removed. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import t from "tap";
import { setFrozen } from "./support/cgroup-files.ts";
import { probe } from "./support/config.ts";
import { messageOf, openHost } from "./support/host.ts";
import { CGROUP_V2, cgroupsOf, cgroupsOfProcess, namesIn } from "./support/outside.ts";

const host = openHost({ cgroupfs: true });
const CGROUPS = "/sys/fs/cgroup";

const HIERARCHIES = CGROUP_V2
  ? ["unified"]
  : namesIn("/sys/fs/cgroup").filter((name) => existsSync(join("/sys/fs/cgroup", name, "cgroup.procs")));

/**
 * Where relative paths start: the runtime's own cgroup, on v2 the one above it, since its own has processes and so cannot hand
 * controllers down.
 */
function starts(): Map<string, string> {
  const own = [...cgroupsOfProcess(process.pid)];
  const above = (folder: string): string => (folder === CGROUPS ? CGROUPS : dirname(folder));
  return new Map(own.map(([name, folder]) => [name, CGROUP_V2 ? above(folder.replace(/\/$/, "")) : folder]));
}

t.test("without a path: below the runtime's own cgroup, named for the id, in every hierarchy", async (t) => {
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  const id = await host.created(bundle);
  const own = starts();
  const folders = cgroupsOfProcess((await host.state(id)).pid);
  t.same([...folders.keys()].sort(), [...HIERARCHIES].sort());
  for (const [hierarchy, folder] of folders) t.equal(folder, join(own.get(hierarchy) ?? "", id), hierarchy);
  await host.delete(id);
  t.same(cgroupsOf(id), []);
});

t.test(
  "an absolute path is taken from the root of each hierarchy, a relative one from the own cgroup",
  async (t) => {
    const own = starts();
    for (const path of [`/${host.tag}-absolute/deep/er`, `${host.tag}-relative/deep`]) {
      const bundle = host.bundle((config) => {
        probe(config, "sleep", "1000");
        config.linux.cgroupsPath = path;
      });
      const id = await host.created(bundle);
      const folders = cgroupsOfProcess((await host.state(id)).pid);
      for (const [hierarchy, folder] of folders) {
        const base = path.startsWith("/")
          ? join(CGROUPS, CGROUP_V2 ? "" : hierarchy)
          : (own.get(hierarchy) ?? "");
        t.equal(folder, join(base, path), `${path} in ${hierarchy}`);
      }
      await host.delete(id);
      t.notOk(
        [...folders.values()].some((folder) => existsSync(folder)),
        "gone",
      );
      const above = cgroupsOf(basename(path.split("/deep")[0] ?? ""));
      // runc leaves the folders above its own.
      if ((await host.kind()) === "tsrun") t.same(above, [], "those above that were made for it too");
      for (const folder of above.sort((a, b) => b.length - a.length)) rmdirSync(folder);
    }
  },
);

t.test("the folders are ready, and the process in them, when create returns", async (t) => {
  const bundle = host.bundle((config) => {
    probe(config, "sleep", "1000");
    config.linux.resources["pids"] = { limit: 20 };
  });
  const id = await host.created(bundle);
  const { pid } = await host.state(id);
  for (const folder of cgroupsOfProcess(pid).values()) {
    t.equal(readFileSync(join(folder, "cgroup.procs"), "utf8").trim(), String(pid), folder);
  }
  await host.delete(id);
});

t.test("a path out of the hierarchy stays inside, or is refused", async (t) => {
  for (const path of [`/../../../tmp/${host.tag}-out`, `/${host.tag}-x/../../${host.tag}-y`]) {
    const bundle = host.bundle((config) => {
      probe(config, "sleep", "1000");
      config.linux.cgroupsPath = path;
    });
    const id = host.id();
    const outcome = await host.call(["create", "-b", bundle.dir, id]);
    t.notOk(existsSync(`/tmp/${host.tag}-out`));
    if (outcome.code === 0) {
      for (const folder of cgroupsOfProcess((await host.state(id)).pid).values())
        t.match(folder, /^\/sys\/fs\/cgroup\//);
    }
    await host.call(["delete", "--force", id]);
    for (const folder of cgroupsOf(`${host.tag}-`).sort((a, b) => b.length - a.length)) rmdirSync(folder);
  }
});

t.test("a frozen cgroup in the way is refused, not waited for", async (t) => {
  const folder = join(CGROUPS, CGROUP_V2 ? "" : "freezer", `${host.tag}-frozen`);
  mkdirSync(folder);
  setFrozen(folder, true);
  const bundle = host.bundle((config) => {
    config.linux.cgroupsPath = `/${host.tag}-frozen`;
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "container's cgroup unexpectedly frozen");
  if (existsSync(folder)) {
    setFrozen(folder, false);
    for (const left of cgroupsOf(`${host.tag}-frozen`)) rmdirSync(left);
  }
});

await host.end();
