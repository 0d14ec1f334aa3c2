import t from "tap";
import type { Linux } from "../../../src/bundle/types.ts";
import { compile } from "../../../src/plan/compile.ts";
import { NO_SOURCE } from "../../../src/plan/ops.ts";
import { S_IF } from "../../../src/sys/constants.gen.ts";
import { all, bundle, device, facts, mount, namespaces, options } from "./support.ts";

const MAP = [{ containerID: 0, hostID: 100000, size: 65536 }];

function compiled(linux: Partial<Linux>, host = facts(), mounts = [mount("/dev", "tmpfs", "t", "mode=755")]) {
  return compile(bundle({ mounts, linux }), host, options());
}

t.test("the default devices are root's, 0666", async (t) => {
  t.strictSame(
    all(compiled({}), "mknod").map(({ target, major, minor }) => `${target} ${major}:${minor}`),
    [
      "/dev/null 1:3",
      "/dev/zero 1:5",
      "/dev/full 1:7",
      "/dev/random 1:8",
      "/dev/urandom 1:9",
      "/dev/tty 5:0",
    ],
  );
  for (const node of all(compiled({}), "mknod")) t.match(node, { mode: S_IF.CHR | 0o666, uid: 0, gid: 0 });
});

t.test("linux.devices replace defaults of the same path, and get their folders", async (t) => {
  const devices = [
    { ...device("c", "/dev/null", 1, 3), fileMode: 0o600, uid: 7, gid: 8 },
    device("b", "/dev/net/x", 8, 1),
    device("p", "/run/fifo", 0, 0),
    device("u", "/dev/u", 9, 9),
    device("c", "/dev/ptmx", 5, 2),
  ];
  const plan = compiled({ devices });
  const mine = plan.steps.filter(({ pointer }) => pointer?.startsWith("/linux/devices/"));
  const node = (target: string, mode: number, major: number, minor: number, uid = 0, gid = 0) => {
    return { op: "mknod", target, mode, major, minor, uid, gid };
  };
  t.strictSame(mine, [
    { op: node("/dev/null", S_IF.CHR | 0o600, 1, 3, 7, 8), pointer: "/linux/devices/0" },
    { op: { op: "mkdir", target: "/dev/net", mode: 0o755 }, pointer: "/linux/devices/1" },
    { op: node("/dev/net/x", S_IF.BLK | 0o666, 8, 1), pointer: "/linux/devices/1" },
    { op: { op: "mkdir", target: "/run", mode: 0o755 }, pointer: "/linux/devices/2" },
    { op: node("/run/fifo", S_IF.FIFO | 0o666, 0, 0), pointer: "/linux/devices/2" },
    { op: node("/dev/u", S_IF.CHR | 0o666, 9, 9), pointer: "/linux/devices/3" },
  ]);
  t.equal(all(plan, "mknod").filter(({ target }) => target === "/dev/null").length, 1);
});

t.test("in a user namespace nodes are the host's own, bound; a fifo is still made", async (t) => {
  const linux = { namespaces: namespaces("user"), uidMappings: MAP, gidMappings: MAP };
  const plan = compiled({ ...linux, devices: [device("c", "/dev/fuse", 10, 229), device("p", "/f", 0, 0)] });
  t.strictSame(
    all(plan, "mknod").map(({ target }) => target),
    ["/f"],
  );
  t.strictSame(
    plan.sources.map(({ path, pointer }) => [path, pointer]),
    [
      ["/dev/null", ""],
      ["/dev/zero", ""],
      ["/dev/full", ""],
      ["/dev/random", ""],
      ["/dev/urandom", ""],
      ["/dev/tty", ""],
      ["/dev/fuse", "/linux/devices/0"],
    ],
  );
  all(plan, "bind").forEach((bind, index) => {
    t.match(bind, { sourceIndex: index, recursive: 0 });
  });
  t.equal(all(plan, "mkfile").length, 7);
});

t.test(
  "an ordinary user's container binds them itself: he may open no mount source on the host",
  async (t) => {
    const linux = { namespaces: namespaces("user"), uidMappings: MAP, gidMappings: MAP };
    const plan = compiled(linux, facts({ privileged: false }));
    for (const bind of all(plan, "bind")) t.equal(bind.sourceIndex, NO_SOURCE);
    t.strictSame(plan.sources, []);
    const contained = compiled(linux, facts({ privileged: false, root: true }));
    t.equal(contained.sources.length, 6, "root of a user namespace may");
  },
);

t.test("without privileges nodes are bound by their path", async (t) => {
  const binds = all(compiled({}, facts({ privileged: false })), "bind");
  t.equal(binds.length, 6);
  for (const bind of binds) t.equal(bind.sourceIndex, NO_SOURCE);
});

t.test("a /dev that is bound from elsewhere is left alone", async (t) => {
  const plan = compiled({ devices: [device("c", "/dev/x", 1, 1)] }, facts(), [
    mount("/dev", "bind", "/srv/dir", "rbind"),
  ]);
  t.strictSame([...all(plan, "mknod"), ...all(plan, "symlink")], []);
});

t.test("/dev/core is linked where the host has /proc/kcore", async (t) => {
  const has = (kind: "file" | "missing") =>
    all(compiled({}, facts({ sources: new Map([["/proc/kcore", kind]]) })), "symlink").some(
      ({ target }) => target === "/dev/core",
    );
  t.equal(has("file"), true);
  t.equal(has("missing"), false);
});
