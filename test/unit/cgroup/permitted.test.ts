import { mkdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ownFolder } from "../../../src/cgroup/paths.ts";
import { commonFolder, permittedDirs } from "../../../src/cgroup/permitted.ts";
import type { CgroupFacts } from "../../../src/plan/facts.ts";
import { noLibrary } from "../native.ts";

t.test(
  "the common folder of two cgroups is the lowest that holds both, itself one of them or not",
  async (t) => {
    const top = "/sys/fs/cgroup";
    const common = (a: string, b: string) => commonFolder(top, `${top}${a}`, `${top}${b}`);
    t.equal(common("/user/1/app/x", "/user/1/app/y"), `${top}/user/1/app`);
    t.equal(common("/user/1", "/user/1/c"), `${top}/user/1`);
    t.equal(common("/user/1", "/user/10"), `${top}/user`);
    t.equal(common("", "/c"), top);
    t.equal(common("/a", "/b"), top);
  },
);

t.test(
  "tsrun's own folder is below the mount point, whatever part of the hierarchy is mounted",
  async (t) => {
    const at = (root: string, own: string) =>
      ownFolder({ version: 2, controllers: [], mountpoint: "/m", root, own });
    t.equal(at("/", "/"), "/m");
    t.equal(at("/", "/a/b"), "/m/a/b");
    t.equal(at("/a", "/a/b"), "/m/b");
    t.equal(at("/c", "/a/b"), "/m");
  },
);

t.test(
  "folders below what may not be written are left out, or refused where they were asked for",
  { skip: noLibrary },
  async (t) => {
    const dir = t.testdir();
    for (const name of ["mine", "foreign"]) mkdirSync(join(dir, name));
    const v1 = (name: string, mountpoint: string) => {
      return { version: 1 as const, controllers: [name], mountpoint, root: "/", own: "/" };
    };
    const facts: CgroupFacts = {
      mode: "v1",
      // Nobody may write there: no access right, but a missing folder, which even root's test sees.
      hierarchies: [v1("pids", join(dir, "mine")), v1("memory", join(dir, "none"))],
    };
    const dirs = new Map(facts.hierarchies.map(({ mountpoint }) => [mountpoint, `${mountpoint}/c`]));
    t.strictSame([...permittedDirs(facts, dirs, false)], [[join(dir, "mine"), join(dir, "mine/c")]]);
    t.throws(() => permittedDirs(facts, dirs, true), {
      code: "ENOENT",
      pointer: "/linux/cgroupsPath",
      message: /cannot make cgroup .*none\/c \(memory\)/,
    });
  },
);
