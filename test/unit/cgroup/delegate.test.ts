import t from "tap";
import { cgroupOwner } from "../../../src/cgroup/delegate.ts";
import { bundle, mount, namespaces } from "../plan/support.ts";

const MAPS = [{ containerID: 0, hostID: 1000, size: 10 }];
const user = (uid: number) => ({ user: { uid, gid: 0, umask: undefined, additionalGids: [] } });
const LINUX = { namespaces: namespaces("cgroup", "user"), uidMappings: MAPS, gidMappings: MAPS };
const CGROUP = mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid");

t.test("the process's user owns a cgroup that he sees alone and may write to", async (t) => {
  const of = (uid: number) => bundle({ linux: LINUX, mounts: [CGROUP], process: user(uid) });
  t.equal(cgroupOwner(of(0), "v2"), 1000);
  t.equal(cgroupOwner(of(3), "v2"), 1003);
  t.equal(cgroupOwner(of(50), "v2"), undefined, "not mapped");
  t.equal(cgroupOwner(of(0), "hybrid"), undefined, "never on cgroup v1");
});

t.test("else it stays tsrun's", async (t) => {
  const shared = { ...LINUX, namespaces: namespaces("user") };
  t.equal(cgroupOwner(bundle({ linux: shared, mounts: [CGROUP], process: user(0) }), "v2"), undefined);
  for (const [last, options] of [
    [undefined, ["ro"]],
    [undefined, ["rw", "ro"]],
    [1000, ["ro", "rw"]],
  ] as const) {
    const mounts = [mount("/sys/fs/cgroup/", "cgroup2", "cgroup", ...options)];
    t.equal(cgroupOwner(bundle({ linux: LINUX, mounts, process: user(0) }), "v2"), last, options.join());
  }
  t.equal(cgroupOwner(bundle({ linux: LINUX, mounts: [], process: user(0) }), "v2"), undefined);
  const plain = { namespaces: namespaces("cgroup") };
  t.equal(cgroupOwner(bundle({ linux: plain, mounts: [CGROUP], process: user(0) }), "v2"), undefined);
  t.equal(cgroupOwner(bundle({ linux: plain, mounts: [CGROUP], process: user(7) }), "v2"), 7);
});
