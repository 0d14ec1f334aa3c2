/** A refused label: its own place in config.json, and a cure. */
import t from "tap";
import { parseBundle } from "../../../src/bundle/parse.ts";
import type { Op } from "../../../src/plan/ops.ts";
import type { Failure } from "../../../src/spawn/conversation.ts";
import { failed } from "../../../src/spawn/failure.ts";
import { PLAN } from "../../../src/sys/constants.gen.ts";

const ENOENT = 2;
const EINVAL = 22;
const LABEL = "u:object_r:f:s0:c1,c2";

const { bundle } = parseBundle(
  JSON.stringify({
    ociVersion: "1.3.0",
    root: { path: "rootfs" },
    process: { user: { uid: 0, gid: 0 }, cwd: "/", args: ["sh"] },
    mounts: [{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] }],
    linux: { namespaces: [{ type: "mount" }], mountLabel: LABEL },
  }),
  "/srv",
);

function errorOf(op: Op, pointer: string, failure: Partial<Failure>) {
  const whole: Failure = {
    kind: "error",
    op: 0,
    reason: "SYSCALL",
    value: EINVAL,
    call: "write",
    subject: "",
    ...failure,
  };
  return failed([{ op, pointer }], 0, whole, bundle);
}

t.test("a profile that is not loaded", async (t) => {
  const op: Op = { op: "label", attribute: PLAN.labels.apparmorExec, label: "p" };
  const subject = "/proc/self/attr/apparmor/exec: exec p";
  t.match(errorOf(op, "/process/apparmorProfile", { value: ENOENT, subject }), {
    message: `apply the apparmor profile p: write ${subject}: ENOENT: no such file or directory`,
    pointer: "/process/apparmorProfile",
    hint: /^the profile is not loaded: apparmor_parser -r FILE/,
  });
});

t.test("a label that the policy does not know", async (t) => {
  for (const attribute of [PLAN.labels.selinuxExec, PLAN.labels.selinuxKey]) {
    const op: Op = { op: "label", attribute, label: "x" };
    t.match(errorOf(op, "/process/selinuxLabel", {}), {
      message: /SELinux as x/,
      hint: /^the policy of this host does not know the label/,
    });
  }
});

t.test("a mount's label is not one of the mount's own options", async (t) => {
  const op: Op = {
    op: "mount",
    target: "/dev",
    source: "tmpfs",
    fstype: "tmpfs",
    options: ["mode=755", `context=${LABEL}`],
    ordinary: 0,
    copyUp: 0,
    attrSet: 0n,
    attrClear: 0n,
    recAttrSet: 0n,
    recAttrClear: 0n,
    propagation: [],
  };
  const hint = /^the policy of this host does not know the label/;
  const labelled = errorOf(op, "/mounts/0", { call: "fsconfig", subject: `/dev: option context=${LABEL}` });
  t.match(labelled, { pointer: "/linux/mountLabel", hint });
  const other = errorOf(op, "/mounts/0", { call: "fsconfig", subject: "/dev: option mode=755" });
  t.match(other, { pointer: "/mounts/0/options/0", hint: /takes no such option/ });
  const queue: Op = { op: "fileLabel", target: "/dev/mqueue", label: LABEL };
  t.match(errorOf(queue, "/linux/mountLabel", { call: "fsetxattr" }), { pointer: "/linux/mountLabel", hint });
});
