import t from "tap";
import type { Linux, Process } from "../../../src/bundle/types.ts";
import { compile } from "../../../src/plan/compile.ts";
import { compileExec } from "../../../src/plan/exec.ts";
import type { LsmFacts } from "../../../src/plan/facts.ts";
import { PLAN } from "../../../src/sys/constants.gen.ts";
import { all, bundle, facts, mount, names, only, options, SPEC_MOUNTS } from "./support.ts";

const LABEL = "system_u:object_r:container_file_t:s0:c1,c2";
const SELINUX = { apparmor: false, selinux: true };
const APPARMOR = { apparmor: true, selinux: false };

function compiled(process: Partial<Process>, linux: Partial<Linux>, lsm: LsmFacts, mounts = SPEC_MOUNTS) {
  return compile(bundle({ process, linux, mounts }), facts({ lsm }), options());
}

t.test(
  "an AppArmor profile comes after the root is entered, before anything that follows from the process",
  async (t) => {
    const plan = compiled({ apparmorProfile: "docker-default" }, {}, APPARMOR);
    t.strictSame(only(plan, "label"), {
      op: "label",
      attribute: PLAN.labels.apparmorExec,
      label: "docker-default",
    });
    const order = names(plan);
    const at = order.indexOf("label");
    t.ok(at > order.lastIndexOf("maskPath") && at < order.indexOf("user") && at < order.indexOf("ready"));
    t.equal(plan.steps[at]?.pointer, "/process/apparmorProfile");
  },
);

t.test("an SELinux label is the keyring's, too", async (t) => {
  const plan = compiled({ selinuxLabel: "u:r:t" }, {}, SELINUX);
  t.strictSame(
    all(plan, "label").map(({ attribute, label }) => [attribute, label]),
    [
      [PLAN.labels.selinuxKey, "u:r:t"],
      [PLAN.labels.selinuxExec, "u:r:t"],
    ],
  );
  const order = names(plan);
  t.equal(order.indexOf("label"), order.indexOf("keyring") - 1);
});

t.test("exec: written before the container is entered, so that no procfs comes along", async (t) => {
  const container = bundle();
  const own = container.process;
  if (own === undefined) throw new Error("the sample has a process");
  const process = { ...own, apparmorProfile: "p", selinuxLabel: "l" };
  const host = { ...facts(), lsm: { apparmor: true, selinux: true } };
  const plan = compileExec(container, process, host, { ...options(), pid: 42, ownUserNamespace: false });
  t.strictSame(names(plan).slice(0, 5), ["label", "label", "label", "enter", "attach"]);
  t.strictSame(
    all(plan, "label").map(({ attribute }) => attribute),
    [PLAN.labels.apparmorExec, PLAN.labels.selinuxExec, PLAN.labels.selinuxKey],
  );
});

t.test("a label that nobody would enforce is refused", async (t) => {
  t.throws(() => compiled({ apparmorProfile: "p" }, {}, SELINUX), {
    code: "unsupported",
    pointer: "/process/apparmorProfile",
    message: 'unable to apply apparmor profile "p": apparmor is not enabled on the host',
    hint: /apparmor=1/,
  });
  t.throws(() => compiled({ selinuxLabel: "l" }, {}, APPARMOR), {
    code: "unsupported",
    pointer: "/process/selinuxLabel",
    message: 'selinux label "l" is specified in config, but selinux is disabled or not supported',
    hint: /security=selinux/,
  });
});

t.test("mountLabel goes to the filesystems that take one", async (t) => {
  const mounts = [...SPEC_MOUNTS, mount("/own", "tmpfs", "tmpfs", 'context="a:b:c:s0:c3,c4"')];
  const plan = compiled({}, { mountLabel: LABEL }, SELINUX, mounts);
  const contexts = all(plan, "mount").map(({ target, options: given }) => [
    target,
    given.filter((option) => option.startsWith("context=")),
  ]);
  t.strictSame(Object.fromEntries(contexts), {
    "/proc": [],
    "/dev": [`context=${LABEL}`],
    "/dev/pts": [`context=${LABEL}`],
    "/dev/shm": [`context=${LABEL}`],
    "/dev/mqueue": [],
    "/sys": [],
    "/sys/fs/cgroup": [`context=${LABEL}`],
    "/own": ["context=a:b:c:s0:c3,c4"],
  });
  t.strictSame(only(plan, "fileLabel"), { op: "fileLabel", target: "/dev/mqueue", label: LABEL });
  const order = names(plan);
  const queue = plan.steps.findIndex(({ op }) => op.op === "mount" && op.target === "/dev/mqueue");
  t.equal(order.indexOf("fileLabel"), queue + 1);
  t.strictSame(new Set(all(plan, "maskPath").map(({ label }) => label)), new Set([LABEL]));
});

t.test("mountLabel without SELinux is warned about, and has no effect", async (t) => {
  const plan = compiled({}, { mountLabel: LABEL }, APPARMOR);
  t.match(plan.warnings, [{ pointer: "/linux/mountLabel", text: /has no effect: selinux is disabled/ }]);
  t.notOk(names(plan).includes("fileLabel"));
  t.notOk(all(plan, "mount").some(({ options: given }) => given.some((each) => each.includes("context"))));
  t.strictSame(new Set(all(plan, "maskPath").map(({ label }) => label)), new Set([""]));
});
