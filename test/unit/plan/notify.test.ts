import t from "tap";
import { compile } from "../../../src/plan/compile.ts";
import { NOTIFY_ENV, NOTIFY_NAME } from "../../../src/plan/notify.ts";
import { MOUNT_ATTR } from "../../../src/sys/constants.gen.ts";
import { all, bundle, facts, names, options } from "./support.ts";

const SOURCE = "/run/tsrun/c/notify";
const LOOK_ONLY = BigInt(MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);

t.test("the host's folder becomes /run/notify, after the bundle's mounts, for looking only", async (t) => {
  const without = compile(bundle(), facts(), options());
  const plan = compile(bundle(), facts(), options({ notifyFolder: SOURCE }));
  t.equal(plan.steps.length, without.steps.length + 2);
  const at = plan.steps.findIndex(({ op }) => op.op === "mkdir" && op.target === "/run/notify");
  t.strictSame(plan.steps[at], {
    op: { op: "mkdir", target: "/run/notify", mode: 0o755 },
    pointer: undefined,
  });
  t.match(plan.steps[at + 1], {
    op: {
      op: "bind",
      source: SOURCE,
      target: "/run/notify",
      recursive: 0,
      attrSet: LOOK_ONLY,
      attrClear: 0n,
    },
    pointer: undefined,
  });
  t.ok(names(plan).lastIndexOf("mount") < at, "no mount of the bundle's covers it");
  t.ok(names(plan).indexOf("pivotRoot") > at + 1);
});

t.test("in a user namespace the host opens the folder", async (t) => {
  const mapping = [{ containerID: 0, hostID: 1000, size: 1 }];
  const { linux } = bundle();
  const mapped = bundle({
    linux: {
      namespaces: [...linux.namespaces, { type: "user", path: undefined }],
      uidMappings: mapping,
      gidMappings: mapping,
    },
  });
  const plan = compile(mapped, facts(), options({ notifyFolder: SOURCE }));
  const bind = all(plan, "bind").find(({ target }) => target === "/run/notify");
  t.match(plan.sources[bind?.sourceIndex ?? -1], { path: SOURCE, recursive: false, idmap: { kind: "none" } });
});

t.test("the environment names the socket in that folder", async (t) => {
  t.equal(NOTIFY_ENV, `NOTIFY_SOCKET=/run/notify/${NOTIFY_NAME}`);
});
