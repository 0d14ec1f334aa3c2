import t from "tap";
import { checkRootless } from "../../../src/lifecycle/rootless.ts";
import { rootlessConfig, specConfig } from "../../../src/lifecycle/spec.ts";
import { bundle, mount, namespaces } from "../plan/support.ts";

const MAPS = [{ containerID: 0, hostID: 1000, size: 1 }];
const LINUX = { namespaces: namespaces("user"), uidMappings: MAPS, gidMappings: MAPS };

t.test("an ordinary user's container needs a user namespace, new or joined", async (t) => {
  t.throws(() => checkRootless(bundle({ mounts: [] })), {
    code: "conflict",
    pointer: "/linux/namespaces",
    message: /rootless container requires user namespaces/,
    hint: /spec --rootless/,
  });
  checkRootless(bundle({ linux: LINUX, mounts: [] }));
  checkRootless(bundle({ linux: { namespaces: [{ type: "user", path: "/proc/1/ns/user" }] }, mounts: [] }));
  t.pass("both are taken");
});

t.test("uid= and gid= of mounts must be mapped", async (t) => {
  const at = (...options: string[]) =>
    checkRootless(bundle({ linux: LINUX, mounts: [mount("/p", "devpts", "d", ...options)] }));
  at("gid=0", "uid=0", "mode=620");
  t.throws(() => at("newinstance", "gid=5"), {
    pointer: "/mounts/0/options/1",
    message: /cannot specify gid= mount options for unmapped gid in rootless containers: 5/,
    hint: "take gid=5 out of the options, or map 5 in /linux/gidMappings",
  });
  t.throws(() => at("mode=1,uid=7"), { pointer: "/mounts/0/options/0", message: /uid=.*: 7/ });
});

t.test("spec --rootless differs from spec in what an ordinary user cannot have", async (t) => {
  for (const namespaced of [false, true]) {
    const config = rootlessConfig(namespaced, { uid: 1000, gid: 1001 });
    const usual = specConfig(namespaced);
    t.strictSame(
      config.linux.namespaces.map(({ type }) => type),
      [...usual.linux.namespaces.map(({ type }) => type).filter((type) => type !== "network"), "user"],
    );
    t.strictSame(config.linux.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }]);
    t.strictSame(config.linux.gidMappings, [{ containerID: 0, hostID: 1001, size: 1 }]);
    t.notOk("resources" in config.linux);
    t.notOk(JSON.stringify(config).includes("gid=5"));
    const sys = config.mounts.find(({ destination }) => destination === "/sys");
    t.strictSame(sys, {
      destination: "/sys",
      type: "none",
      source: "/sys",
      options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
    });
    t.strictSame(config.process, usual.process);
  }
});
