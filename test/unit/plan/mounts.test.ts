import t from "tap";
import type { Mount } from "../../../src/bundle/types.ts";
import { compile } from "../../../src/plan/compile.ts";
import { NO_SOURCE, type Step } from "../../../src/plan/ops.ts";
import { MOUNT_ATTR, MS } from "../../../src/sys/constants.gen.ts";
import { all, bundle, facts, mount, namespaces, only, options } from "./support.ts";

const USERNS = {
  namespaces: namespaces("user"),
  uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
  gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
};
const RDONLY = BigInt(MOUNT_ATTR.RDONLY);
const SLAVE = BigInt(MS.SLAVE | MS.REC);

function compiled(mounts: readonly Mount[], linux = {}) {
  return compile(bundle({ mounts, linux }), facts(), options());
}

function stepsOf(mounts: readonly Mount[]): readonly Step[] {
  return compiled(mounts).steps.filter(({ pointer }) => pointer?.startsWith("/mounts/"));
}

const NOTHING = { attrSet: 0n, attrClear: 0n, recAttrSet: 0n, recAttrClear: 0n, propagation: [] };

t.test("a new filesystem: folder, then everything in one operation", async (t) => {
  const wanted = mount(
    "/m",
    "devpts",
    "devpts",
    "noexec",
    "newinstance",
    "mode=0620",
    "sync",
    "strictatime",
    "private",
  );
  t.strictSame(stepsOf([wanted]), [
    { op: { op: "mkdir", target: "/m", mode: 0o755 }, pointer: "/mounts/0" },
    {
      op: {
        op: "mount",
        target: "/m",
        source: "devpts",
        fstype: "devpts",
        options: ["sync", "newinstance", "mode=0620"],
        attrSet: BigInt(MOUNT_ATTR.NOEXEC | MOUNT_ATTR.STRICTATIME),
        attrClear: BigInt(MOUNT_ATTR._ATIME),
        recAttrSet: 0n,
        recAttrClear: 0n,
        propagation: [BigInt(MS.PRIVATE)],
        ordinary: 0,
        copyUp: 0,
      },
      pointer: "/mounts/0",
    },
  ]);
});

t.test("proc and sysfs need an ordinary folder; ro is the superblock's and the mount's", async (t) => {
  const plan = compiled([
    mount("/proc", "proc", "proc", "ro"),
    mount("/sys", "sysfs", "sysfs", "rw", "nosuid"),
  ]);
  t.match(all(plan, "mount"), [
    { target: "/proc", ordinary: 1, options: ["ro"], attrSet: RDONLY },
    { target: "/sys", ordinary: 1, options: ["rw"], attrSet: BigInt(MOUNT_ATTR.NOSUID), attrClear: 0n },
  ]);
});

t.test(
  "a tmpfs without mode= takes the covered folder's mode; a folder made for it has a tmpfs's own",
  async (t) => {
    const plan = compiled([mount("/a", "tmpfs", "tmpfs"), mount("/b", "tmpfs", "tmpfs", "mode=700")]);
    t.match(all(plan, "mkdir"), [
      { target: "/a", mode: 0o1777 },
      { target: "/b", mode: 0o755 },
    ]);
    t.strictSame(
      all(plan, "mount").map(({ copyUp }) => copyUp),
      [2, 0],
    );
    const copied = only(compiled([mount("/a", "tmpfs", "tmpfs", "tmpcopyup")]), "mount");
    t.equal(copied.copyUp, 1);
    const asked = only(compiled([mount("/a", "tmpfs", "tmpfs", "tmpcopyup", "mode=700")]), "mount");
    t.equal(asked.copyUp, 3, "the mode that is asked for stays");
  },
);

t.test("a read-only tmpfs and a read-only /dev become so after everything in them was made", async (t) => {
  const mounts = [
    mount("/dev", "devtmpfs", "d", "ro"),
    mount("/t", "tmpfs", "t", "nosuid", "ro"),
    mount("/t/in", "tmpfs", "t"),
  ];
  const plan = compiled(mounts);
  t.match(all(plan, "mount"), [
    { target: "/dev", attrSet: 0n, options: [] },
    { target: "/t", attrSet: BigInt(MOUNT_ATTR.NOSUID), options: [] },
    { target: "/t/in" },
  ]);
  const late = plan.steps.slice(plan.steps.findIndex(({ op }) => op.op === "pivotRoot"));
  t.strictSame(
    late.filter(({ op }) => op.op === "remount"),
    [
      {
        op: { ...NOTHING, op: "remount", target: "/dev", superblock: 0, options: [], attrSet: RDONLY },
        pointer: "/mounts/0/options/0",
      },
      {
        op: { ...NOTHING, op: "remount", target: "/t", superblock: 0, options: [], attrSet: RDONLY },
        pointer: "/mounts/1/options/1",
      },
    ],
  );
});

t.test("a mount without a type is refused", async (t) => {
  t.throws(() => stepsOf([mount("/m", undefined, "x")]), { code: "missing", pointer: "/mounts/0/type" });
});

t.test("a bind of a folder sits on a folder, of a file on a file, of nothing is refused", async (t) => {
  t.strictSame(stepsOf([mount("/d/", "none", "/srv/dir", "rbind", "ro", "rslave")]), [
    { op: { op: "mkdir", target: "/d/", mode: 0o755 }, pointer: "/mounts/0" },
    {
      op: {
        ...NOTHING,
        op: "bind",
        target: "/d/",
        source: "/srv/dir",
        sourceIndex: NO_SOURCE,
        recursive: 1,
        attrSet: RDONLY,
        propagation: [SLAVE],
      },
      pointer: "/mounts/0",
    },
  ]);
  t.strictSame(stepsOf([mount("/f", "bind", "/srv/file")])[0]?.op, {
    op: "mkfile",
    target: "/f",
    mode: 0o755,
  });
  t.throws(() => stepsOf([mount("/f", "bind", "/srv/none", "bind")]), {
    name: "BundleError",
    code: "range",
    pointer: "/mounts/0/source",
    message: /stat \/srv\/none: ENOENT: no such file or directory/,
  });
});

t.test("what a bind cannot do is warned about, never passed over in silence", async (t) => {
  const plan = compiled([
    mount("/m", "bind", "/srv/dir", "bind", "size=1m", "sync", "async", "nolazytime", "tmpcopyup"),
  ]);
  t.strictSame(
    plan.warnings.map(({ pointer, text }) => `${pointer} ${text}`),
    [
      '/mounts/0/options/1 option "size=1m" belongs to a filesystem and has no effect on a bind mount',
      "/mounts/0 tmpcopyup has no effect on a bind mount",
    ],
  );
  const sync = compiled([mount("/m", "bind", "/srv/dir", "bind", "dirsync")]);
  t.match(sync.warnings, [{ pointer: "/mounts/0/options/1", text: /"dirsync" changes a whole filesystem/ }]);
});

t.test(
  "in a user namespace the host opens each source, and the tree leaves the host's peer groups first",
  async (t) => {
    const mounts = [
      mount("/a", "bind", "/srv/dir", "rbind"),
      mount("/b", "bind", "/srv/file", "bind", "shared"),
    ];
    const plan = compile(bundle({ mounts, linux: { ...USERNS, devices: [] } }), facts(), options());
    t.strictSame(plan.sources.slice(0, 2), [
      { path: "/srv/dir", recursive: true, idmap: { kind: "none" }, pointer: "/mounts/0" },
      { path: "/srv/file", recursive: false, idmap: { kind: "none" }, pointer: "/mounts/1" },
    ]);
    t.match(all(plan, "bind").slice(0, 2), [
      { source: "/srv/dir", sourceIndex: 0, propagation: [SLAVE] },
      { source: "/srv/file", sourceIndex: 1, propagation: [SLAVE, BigInt(MS.SHARED)] },
    ]);
  },
);

t.test("id-mapped mounts: with the container's mappings, with their own, and never half", async (t) => {
  const container = compile(
    bundle({ mounts: [mount("/a", "bind", "/srv", "rbind", "ridmap")], linux: USERNS }),
    facts(),
    options(),
  );
  t.match(container.sources[0], { path: "/srv", idmap: { kind: "container", recursive: true } });
  const map = [{ containerID: 0, hostID: 5, size: 1 }];
  const own = compiled([{ ...mount("/a", "bind", "/srv", "bind"), uidMappings: map, gidMappings: map }]);
  t.match(own.sources, [{ path: "/srv", idmap: { kind: "own", recursive: false, uid: map, gid: map } }]);
  t.equal(only(own, "bind").sourceIndex, 0);
  t.throws(() => stepsOf([mount("/a", "bind", "/srv", "bind", "idmap")]), {
    code: "conflict",
    pointer: "/mounts/0/options/1",
  });
  t.throws(() => stepsOf([mount("/a", "tmpfs", "t", "idmap")]), {
    code: "unsupported",
    pointer: "/mounts/0/options/0",
  });
});

t.test("remount: with bind the mount alone, else the filesystem, too", async (t) => {
  t.match(stepsOf([mount("/a", "none", "none", "remount", "ro", "size=2m")]), [
    { op: { op: "remount", target: "/a", superblock: 1, options: ["ro", "size=2m"], attrSet: RDONLY } },
  ]);
  t.match(stepsOf([mount("/a", "none", "none", "bind", "remount", "noexec")]), [
    { op: { op: "remount", superblock: 0, options: [], attrSet: BigInt(MOUNT_ATTR.NOEXEC) } },
  ]);
});
