/** What waits on the host while a container does: sockets, state, temporary names, the environment of hooks. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { probe, share } from "../support/config.ts";
import { hooksLog } from "../support/hooks.ts";
import { onlyTsrun, openHost } from "../support/host.ts";
import { namesIn, textOf } from "../support/outside.ts";

const host = openHost();

/** The names of abstract sockets that somebody listens on (__SO_ACCEPTCON), in a /proc/net/unix. */
function abstractSockets(text: string | undefined): string[] {
  return [...(text ?? "").matchAll(/^\S+ \S+ \S+ 00010000 .* (@.*)$/gm)].map(([, name = ""]) => name);
}

t.test("CVE-2020-15257: no abstract socket waits in a network namespace", async (t) => {
  const before = abstractSockets(textOf("/proc/net/unix"));
  const waiting = await host.created(host.bundle((config) => share(config, "network")));
  const now = abstractSockets(textOf("/proc/net/unix"));
  t.same(
    now.filter((name) => !before.includes(name)),
    [],
    "the host's",
  );
  const id = await host.created(host.bundle());
  const { pid } = await host.state(id);
  t.same(abstractSockets(textOf(`/proc/${pid}/net/unix`)), [], "the container's own");
  await host.delete(waiting);
  await host.delete(id);
});

t.test("a warning where a container shares its cgroup on v1", async (t) => {
  if (textOf("/sys/fs/cgroup/devices/devices.list") === undefined) {
    t.pass("not applicable", { skip: "needs cgroup v1" });
    return;
  }
  const path = `/${host.tag}-shared`;
  const make = () =>
    host.bundle((config) => {
      config.linux.cgroupsPath = path;
    });
  const first = await host.created(make());
  const second = host.id();
  const outcome = await host.must(["create", "-b", make().dir, second]);
  t.match(outcome.stderr, /warning.*container's cgroup is not empty: 1 process\(es\) found/);
  if ((await host.kind()) === "tsrun") t.match(outcome.stderr, "config.json#/linux/cgroupsPath");
  await host.delete(second);
  await host.delete(first);
});

t.test(
  "CVE-2025-23266: a hook on the host has neither the container's environment nor its folder",
  async (t) => {
    const { bundle, log, folder } = hooksLog(host, "env");
    const env = { PATH: process.env["PATH"] ?? "", MARK: "of the caller", TSRUN_TEST: host.tag };
    const stages = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] as const;
    const hook = (stage: string) => ({
      path: "/bin/sh",
      args: ["sh", "-c", `cat > /dev/null; env > ${folder}/${stage}.env; pwd -P > ${folder}/${stage}.cwd`],
    });
    bundle.config.hooks = Object.fromEntries(stages.map((stage) => [stage, [hook(stage)]]));
    bundle.config.process.env = [
      "PATH=/bin",
      "LD_PRELOAD=/evil.so",
      "LD_LIBRARY_PATH=/",
      "BASH_ENV=/evil",
      "ENV=/evil",
    ];
    probe(bundle.config, "true");
    bundle.save();
    const outcome = await host.run(bundle, [], { env, cwd: host.dir });
    t.equal(outcome.code, 0, outcome.stderr);
    for (const stage of stages) {
      // runc 1.1.5 gives createContainer the container's; that is the hole.
      if ((await host.kind()) === "runc" && stage === "createContainer") continue;
      t.notMatch(log(`${stage}.env`), /evil|LD_/, stage);
      t.match(log(`${stage}.env`), "MARK=of the caller", stage);
      t.notMatch(log(`${stage}.cwd`), "rootfs", `${stage} does not start in the image`);
    }
  },
);

t.test("the environment that tsrun was started with does not come into the container", async (t) => {
  const { bundle, log } = hooksLog(host, "secrets");
  const hook = "env > /log/inside";
  bundle.config.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", hook] }] };
  probe(bundle.config, "env");
  bundle.save();
  const secret = { PATH: process.env["PATH"] ?? "", REGISTRY_PASSWORD: "secret", TSRUN_TEST: host.tag };
  const outcome = await host.run(bundle, [], { env: secret });
  t.equal(outcome.code, 0, outcome.stderr);
  t.notMatch(outcome.stdout, "secret", "the program");
  t.match(
    log("inside"),
    "PATH=/sbin:/usr/bin:/bin",
    "a hook inside without env has the container's, as in runc",
  );
  t.notMatch(log("inside"), "secret", "a hook inside the container");
});

t.test("CVE-2019-12439: nothing is made where others could make it first", async (t) => {
  const folders = [tmpdir(), "/var/tmp", "/dev/shm"];
  const names = () => folders.flatMap(namesIn);
  const before = new Set(names());
  const id = host.id();
  // What else runs on this host makes names, too: those that could be a runtime's count.
  const made = () =>
    names().filter(
      (name) => !before.has(name) && (name.includes(id) || /^\W*(tsrun|runc)\b(?!-[a-z])/.test(name)),
    );
  await host.must(["create", "-b", host.bundle().dir, id]);
  t.same(made(), [], "while a container waits");
  await host.must(["start", id]);
  await host.delete(id);
  t.same(made(), []);
});

t.test("the state is its owner's alone, whatever the umask", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const umask of ["0", "077", "022"]) {
    const root = join(host.dir, `root-${umask}`, "below");
    const id = host.id();
    const { dir } = host.bundle();
    const launch = [`umask=${umask}`];
    await host.must(["--root", root, "create", "-b", dir, id], { bare: true, launch });
    for (const folder of [root, join(root, id)])
      t.equal(statSync(folder).mode & 0o777, 0o700, `${umask}: ${folder}`);
    for (const name of readdirSync(join(root, id))) {
      const found = statSync(join(root, id, name));
      if (found.isFile()) t.equal(found.mode & 0o777, 0o600, `${umask}: ${name}`);
      t.equal(found.uid, 0);
    }
    await host.must(["--root", root, "delete", "--force", id], { bare: true });
  }
});

t.test("a root that others may write to, and a state that is not as it was left", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const root = join(host.dir, "odd-root");
  mkdirSync(join(root, "odd"), { recursive: true });
  for (const text of ["", "{", "[]", '{"id":"../x"}', "\u0000", '{"pid":1}', "[".repeat(100_000)]) {
    writeFileSync(join(root, "odd/state.json"), text);
    for (const args of [
      ["state", "odd"],
      ["list"],
      ["kill", "odd", "0"],
      ["exec", "odd", "true"],
      ["ps", "odd"],
    ]) {
      const outcome = await host.call(["--root", root, ...args], { bare: true, limit: 5000 });
      if (args[0] !== "list") t.not(outcome.code, 0, `${args[0]} of ${text.slice(0, 20)}`);
      t.notMatch(
        outcome.stderr,
        /\n\s+at |TypeError|SyntaxError|RangeError/,
        `${args[0]} of ${text.slice(0, 20)}`,
      );
    }
  }
});

await host.end();
