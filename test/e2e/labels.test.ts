/** AppArmor profiles and SELinux labels: what is refused where the kernel has no such module, and what is done where it has. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";

const host = openHost();

const apparmor = isOn("/sys/module/apparmor/parameters/enabled");
const selinux = existsSync("/sys/fs/selinux/enforce");

function isOn(file: string): boolean {
  return existsSync(file) && readFileSync(file, "utf8").startsWith("Y");
}

const PROFILE = "tsrun-test-profile";
const withoutParser = spawnSync("apparmor_parser", ["--version"]).error !== undefined;

t.test(
  "a profile where there is no AppArmor",
  { skip: apparmor && "AppArmor is enabled here" },
  async (t) => {
    const bundle = host.bundle((config) => {
      config.process.apparmorProfile = PROFILE;
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), /unable to apply apparmor profile/);
    if ((await host.kind()) === "tsrun") {
      t.match(messageOf(outcome), "(config.json#/process/apparmorProfile); hint: boot with apparmor=1");
    }
  },
);

t.test("a label where there is no SELinux", { skip: selinux && "SELinux is enabled here" }, async (t) => {
  const bundle = host.bundle((config) => {
    config.process.selinuxLabel = "system_u:system_r:container_t:s0";
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /selinux label.* is specified in config, but selinux is disabled or not supported/,
  );
});

t.test("empty ones are none", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.apparmorProfile = "";
    config.process.selinuxLabel = "";
    config.linux.mountLabel = "";
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 0, outcome.stderr);
  t.equal(outcome.stderr, "");
});

t.test("mountLabel without SELinux warns", { skip: selinux && "SELinux is enabled here" }, async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc fails with the kernel's EINVAL for the option context=
  const bundle = host.bundle((config) => {
    config.linux.mountLabel = "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811";
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 0);
  t.match(outcome.stderr, /mountLabel has no effect.*config\.json#\/linux\/mountLabel/);
});

t.test(
  "exec: the options and the process's own fields",
  { skip: (apparmor || selinux) && "for a host with neither" },
  async (t) => {
    const id = await host.running(host.bundle((config) => probe(config, "sleep", "1000")));
    const answers: readonly [readonly string[], RegExp][] = [
      [["--apparmor", PROFILE, id, "/bin/probe", "true"], /apparmor/],
      [["--process-label", "a:b:c:s0", id, "/bin/probe", "true"], /selinux label/],
      [["--apparmor", "", "--process-label", "", id, "/bin/probe", "true"], /^$/],
    ];
    for (const [args, words] of answers) {
      const outcome = await host.call(["exec", ...args]);
      t.equal(outcome.code, words.source === "^$" ? 0 : 255, args.join(" "));
      t.match(messageOf(outcome), words);
    }
    for (const [field, words] of [
      ["apparmorProfile", /apparmor/],
      ["selinuxLabel", /selinux label/],
    ] as const) {
      const process = { args: ["/bin/probe", "true"], cwd: "/", user: { uid: 0, gid: 0 }, [field]: "x:y:z" };
      const input = JSON.stringify(process);
      const outcome = await host.call(["exec", "--process", "/dev/stdin", id], { input });
      t.equal(outcome.code, 255, field);
      t.match(messageOf(outcome), words);
    }
    await host.delete(id);
  },
);

t.test(
  "a profile confines the program, and exec's, and its startContainer hooks",
  { skip: !apparmor ? "needs AppArmor" : withoutParser && "needs apparmor_parser (package apparmor)" },
  async (t) => {
    const rules = `profile ${PROFILE} flags=(attach_disconnected) { file, capability, signal, deny /etc/hostname r, }`;
    const load = (...args: string[]) => spawnSync("apparmor_parser", args, { input: rules });
    t.equal(load("-r").status, 0);
    t.teardown(() => void load("-R"));
    const bundle = host.bundle((config) => {
      config.process.apparmorProfile = PROFILE;
      probe(config, "read", "/proc/self/attr/current");
    });
    t.match((await host.run(bundle)).stdout, `${PROFILE} (enforce)`);
    probe(bundle.config, "sleep", "1000");
    bundle.save();
    const id = await host.running(bundle);
    const { stdout } = await host.must(["exec", id, "/bin/probe", "read", "/proc/self/attr/current"]);
    t.match(stdout, `${PROFILE} (enforce)`);
    const other = await host.call(["exec", "--apparmor", "tsrun-test-nosuch", id, "/bin/probe", "true"]);
    t.match(messageOf(other), /tsrun-test-nosuch.*ENOENT|no such file/);
    await host.delete(id);
  },
);

await host.end();
