/** From a failure of tsrun-init to the very field of config.json, and to what to do. */
import t from "tap";
import type { Bundle, Mount } from "../../../src/bundle/types.ts";
import { compile } from "../../../src/plan/compile.ts";
import type { OpName, Step } from "../../../src/plan/ops.ts";
import type { Failure } from "../../../src/spawn/conversation.ts";
import { failed } from "../../../src/spawn/failure.ts";
import { exactPlace, isMapped } from "../../../src/spawn/places.ts";
import { bundle, facts, mount, namespaces, options } from "../plan/support.ts";

const ENOENT = 2;
const EACCES = 13;
const EINVAL = 22;

function failure(call: string, value: number, subject = "", reason: Failure["reason"] = "SYSCALL"): Failure {
  return { kind: "error", op: 0, reason, value, call, subject };
}

function stepOf(from: Bundle, name: OpName): Step {
  const found = compile(from, facts(), options()).steps.findLast(({ op }) => op.op === name);
  if (found === undefined) throw new Error(`no ${name} in the plan`);
  return found;
}

t.test("a mount's failure names its part", async (t) => {
  const one = (each: Mount): Bundle => bundle({ mounts: [each] });
  const tmpfs = one(mount("/m", "tmpfs", "x", "nosuid", "mode=7,size=lots"));
  const disk = one(mount("/m", "ext4", "/dev/x"));
  const dir = one(mount("/m", "bind", "/srv/dir", "bind", "ro"));
  const remount = one(mount("/m", "bind", "x", "remount", "bind", "ro"));
  for (const [from, name, refusal, part] of [
    [tmpfs, "mkdir", failure("mkdirat", 20), ""],
    [tmpfs, "mount", failure("fsopen", 19), "/type"],
    [tmpfs, "mount", failure("fsconfig", EINVAL, "/m: option size=lots: Bad value"), "/options/1"],
    [tmpfs, "mount", failure("fsconfig", EINVAL, "/m: option other=1"), "/options"],
    [tmpfs, "mount", failure("fsconfig", 28, "/m"), ""],
    [tmpfs, "mount", failure("openat2", EINVAL, "/m", "UNSAFE"), "/destination"],
    [disk, "mount", failure("fsconfig", ENOENT, "/m: /dev/x: Can't lookup blockdev"), "/source"],
    [dir, "bind", failure("open_tree", ENOENT, "/srv/dir"), "/source"],
    [dir, "bind", failure("move_mount", EINVAL, "/m"), "/destination"],
    [dir, "bind", failure("mount_setattr", 1, "/m"), "/options"],
    [remount, "remount", failure("mount_setattr", EINVAL, "/m"), "/destination"],
    [remount, "remount", failure("mount_setattr", 1, "/m"), "/options"],
  ] as const) {
    if (name === "mkdir") continue;
    t.equal(exactPlace(stepOf(from, name), refusal, from), `/mounts/0${part}`, `${name} ${refusal.call}`);
  }
  const made: Step = { op: { op: "mkdir", target: "/m", mode: 0o755 }, pointer: "/mounts/0" };
  t.equal(exactPlace(made, failure("mkdirat", 20), tmpfs), "/mounts/0/destination");
});

t.test("a user's failure names the id", async (t) => {
  const maps = [{ containerID: 0, hostID: 1000, size: 10 }];
  const from = bundle({
    process: { user: { uid: 20, gid: 21, umask: undefined, additionalGids: [5, 22] } },
    linux: { namespaces: namespaces("user", "mount"), uidMappings: maps, gidMappings: maps },
  });
  const step = stepOf(from, "user");
  t.equal(exactPlace(step, failure("setgroups", EINVAL), from), "/process/user/additionalGids/1");
  t.equal(exactPlace(step, failure("setresgid", EINVAL), from), "/process/user/gid");
  t.equal(exactPlace(step, failure("setresuid", EINVAL), from), "/process/user/uid");
  t.equal(exactPlace(step, failure("chdir", EACCES), from), "/process/cwd");
  t.equal(exactPlace(stepOf(from, "userns"), failure("setresuid", EINVAL), from), "/linux/uidMappings");
  t.equal(isMapped(maps, 9), true);
  t.equal(isMapped(maps, 10), false);
});

t.test("capabilities: what is effective without being permitted, by name", async (t) => {
  const sets = { bounding: [], inheritable: [], ambient: [] } as const;
  const from = bundle({
    process: { capabilities: { ...sets, effective: ["CAP_KILL"], permitted: ["CAP_CHOWN"] } },
  });
  const error = failed([stepOf(from, "capabilities")], 0, failure("capset", 1), from);
  t.equal(error.pointer, "/process/capabilities/effective");
  t.equal(error.hint, "CAP_KILL cannot be effective without being permitted");
});

t.test("programs: runc's words, whatever the errno", async (t) => {
  const from = bundle({ process: { args: ["/x"] } });
  const step = stepOf(from, "program");
  for (const [value, reason, words] of [
    [
      ENOENT,
      "NOT_FOUND",
      'unable to start container process: exec: "/x": stat /x: no such file or directory',
    ],
    [EACCES, "NOT_FOUND", 'unable to start container process: exec: "/x": permission denied'],
    [
      40,
      "SYSCALL",
      'unable to start container process: exec: "/x": stat /x: too many levels of symbolic links',
    ],
  ] as const) {
    const error = failed([step], 0, failure("statx", value, "/x", reason), from);
    t.equal(error.message, words);
    t.equal(error.pointer, "/process/args/0");
  }
});
