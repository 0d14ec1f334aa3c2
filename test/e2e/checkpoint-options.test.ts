/** What the options of checkpoint and restore let through, and what is refused, with criu's words. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { type Counter, checkpointed, counter, counting, restored, SLOW } from "./support/checkpoint.ts";
import { type Config, type Patch, share } from "./support/config.ts";
import { sh } from "./support/hooks.ts";
import { intended, messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOf, namesIn, until } from "./support/outside.ts";
import { BY_SYSTEMD } from "./support/wants.ts";

const host = openHost({ criu: true });
const kind = await host.kind();
t.setTimeout(900_000);

/** Without the option the checkpoint is refused and the container goes on; with it, it is kept. */
async function needsOption(t: Test, program: Counter, name: string, words: RegExp): Promise<void> {
  const id = await counting(host, program);
  const image = join(host.dir, `cp${name}`);
  const refused = await host.call(["checkpoint", "--image-path", `${image}-0`, id], SLOW);
  t.equal(refused.code, 1);
  if (kind === "tsrun") t.match(messageOf(refused), words);
  t.equal((await host.state(id)).status, "running", "the container runs on");
  await program.counts();
  await checkpointed(host, id, `cp${name}`, name);
  const before = program.count();
  const without = await host.call(
    ["restore", "-d", "-b", program.bundle.dir, "--image-path", image, id],
    SLOW,
  );
  if (without.code !== 0) t.notMatch(namesIn(host.stateRoot), [id], "a refused restore leaves nothing");
  else await host.delete(id);
  await restored(host, program, image, [name], id);
  t.ok((await program.counts()) > before, "it goes on");
  await host.delete(id);
}

t.test("--tcp-established", async (t) => {
  // Only tsrun sets the loopback device of a restored container up.
  if (!(await onlyTsrun(host, t))) return;
  const program = counter(host, "tcp", undefined, ["tcp", "-"]);
  await needsOption(
    t,
    program,
    "--tcp-established",
    /criu failed: type DUMP.*Connected TCP socket.*hint:.*--tcp-established/,
  );
});

t.test("--file-locks", async (t) => {
  const program = counter(host, "locks", undefined, ["lock", "/lock"]);
  await needsOption(t, program, "--file-locks", /criu failed: type DUMP.*file locks.*hint:.*--file-locks/);
});

t.test("--ext-unix-sk", async (t) => {
  const patch: Patch = (config) => {
    share(config, "network");
    // criu connects to the name that the other side has given the socket.
    const source = join(host.dir, "data-unix");
    config.mounts.push({ destination: source, type: "bind", source, options: ["bind"] });
  };
  const program = counter(host, "unix", patch, ["unix", "/data/socket"]);
  const script =
    'import socket,sys,time; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("ready",flush=True); time.sleep(300)';
  const listener = spawn("python3", ["-c", script, join(program.data, "socket")], { stdio: "ignore" });
  t.teardown(() => void listener.kill("SIGKILL"));
  await until("the socket", () => namesIn(program.data).includes("socket"), 20_000);
  await needsOption(
    t,
    program,
    "--ext-unix-sk",
    /criu failed: type DUMP.*External socket.*hint:.*--ext-unix-sk/,
  );
});

t.test("hooks of a restore", async (t) => {
  const log = join(host.dir, "hooks.log");
  const program = counter(host, "hooks", (config) => {
    const say = (stage: string) => [sh(`echo ${stage} >>${log}; cat >>${log}.${stage}`)];
    config.hooks = {
      prestart: say("prestart"),
      createRuntime: say("createRuntime"),
      poststart: say("poststart"),
      poststop: say("poststop"),
    };
  });
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-hooks");
  t.equal(
    readFileSync(log, "utf8"),
    "prestart\ncreateRuntime\npoststart\npoststop\n",
    "the container has ended",
  );
  rmSync(log);
  await restored(host, program, image, [], id);
  t.equal(readFileSync(log, "utf8"), "prestart\ncreateRuntime\n", "as runc");
  await host.delete(id);
});

t.test("a hook that fails ends the restore", async (t) => {
  const program = counter(host, "hook-fails");
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-hook-fails");
  program.bundle.config.hooks = { createRuntime: [sh("echo no; exit 3")] };
  program.bundle.save();
  const args = ["restore", "-d", "-b", program.bundle.dir, "--image-path", image, id];
  const { code, stderr } = await host.call(args, SLOW);
  t.equal(code, 1);
  t.match(
    stderr,
    intended(kind, {
      runc: /error running hook/,
      tsrun: /error running createRuntime hook #0/,
      why: "the stage is named",
    }),
  );
  t.notOk(namesIn(host.stateRoot).includes(id), "no state");
  t.notOk(cgroupsOf(id).length > 0, "no cgroup");
});

t.test("a bundle that has changed is held to what create holds it to", async (t) => {
  const program = counter(host, "changed");
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-changed");
  if (kind === "tsrun") {
    program.bundle.config.annotations = { "org.criu.config": join(program.bundle.rootfs, "evil.conf") };
    program.bundle.save();
    const args = ["restore", "-d", "-b", program.bundle.dir, "--image-path", image, id];
    t.match(messageOf(await host.call(args, SLOW)), /not in \/etc\/criu.*#\/annotations\/org.criu.config/);
    delete program.bundle.config.annotations;
    program.bundle.config.linux.maskedPaths = ["relative"];
    program.bundle.save();
    t.match(messageOf(await host.call(args, SLOW)), /#\/linux\/maskedPaths\/0/);
    delete program.bundle.config.linux.maskedPaths;
    program.bundle.save();
  }
  t.notOk(namesIn(host.stateRoot).includes(id));
  await restored(host, program, image, [], id);
  const again = await host.call(["restore", "-d", "-b", program.bundle.dir, "--image-path", image, id], SLOW);
  t.match(messageOf(again), /container with given ID already exists/);
  await host.delete(id);
});

t.test("processes that are less confined than config.json says do not run", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const program = counter(host, "loose", ({ linux }) => {
    linux.namespaces = linux.namespaces.filter(({ type }) => type !== "ipc");
  });
  const { config } = program.bundle;
  config.mounts = config.mounts.filter(({ type }) => type !== "mqueue");
  program.bundle.save();
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-loose");
  const stricter: readonly (readonly [string, (to: Config) => void])[] = [
    ["/process/capabilities", (to) => (to.process.capabilities = {})],
    ["/linux/seccomp", (to) => (to.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW" })],
    ["/linux/namespaces/4", (to) => to.linux.namespaces.push({ type: "ipc" })],
  ];
  const count = program.count();
  const whole = structuredClone(config);
  for (const [place, change] of stricter) {
    Object.assign(config, structuredClone(whole));
    change(config);
    program.bundle.save();
    const args = ["restore", "-d", "-b", program.bundle.dir, "--image-path", image, id];
    const outcome = await host.call(args, SLOW);
    t.equal(outcome.code, 1, place);
    t.match(messageOf(outcome), "not confined as config.json says");
    t.match(messageOf(outcome), `config.json#${place}`);
    t.notOk(namesIn(host.stateRoot).includes(id), "nothing is left");
  }
  t.equal(program.count(), count, "it has not run");
  Object.assign(config, structuredClone(whole));
  program.bundle.save();
  await restored(host, program, image, [], id);
  t.ok((await program.counts()) > count, "with its own it goes on");
  await host.delete(id);
});

t.test("images that are none", async (t) => {
  const program = counter(host, "none");
  const before = namesIn(host.stateRoot);
  const restore = (image: string) =>
    host.call(["restore", "-d", "-b", program.bundle.dir, "--image-path", image, host.id()], SLOW);
  t.match((await restore("/nonexistent/image")).code, 1);
  const empty = join(host.dir, "empty");
  mkdirSync(empty);
  t.match(messageOf(await restore(empty)), /descriptors.json: no such file or directory/);
  writeFileSync(join(empty, "descriptors.json"), "[]");
  t.match((await restore(empty)).stderr, /criu failed: type RESTORE/);
  if (kind === "tsrun") {
    rmSync(join(empty, "descriptors.json"));
    execFileSync("mkfifo", [join(empty, "descriptors.json")]);
    t.match(messageOf(await restore(empty)), /is no regular file/, "nothing waits for a pipe's other end");
    rmSync(join(empty, "descriptors.json"));
    writeFileSync(join(empty, "descriptors.json"), '{"a":1}');
    t.match(messageOf(await restore(empty)), /is no list of names/);
  }
  t.same(namesIn(host.stateRoot), before, "nothing is left");
});

t.test("what is refused before criu is asked", async (t) => {
  const program = counter(host, "refused");
  const id = await host.created(program.bundle);
  const at = ["checkpoint", "--image-path", join(host.dir, "cp-refused")];
  t.match(messageOf(await host.call([...at, id])), /Container cannot be checkpointed in created state/);
  await host.must(["start", id]);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--manage-cgroups-mode", "hard"], /Invalid manage-cgroups-mode value/],
    [["--page-server", "nowhere"], /Use --page-server ADDRESS:PORT to specify page server/],
    [["--page-server", "a:b"], /Invalid port number/],
    [["--parent-path", "/abs"], /--parent-path must be relative/],
    [["--parent-path", "../missing"], /invalid --parent-path/],
    [["--empty-ns", "mount"], /namespace "mount" is not supported/],
  ];
  for (const [extra, words] of cases) {
    const outcome = await host.call([...at, ...extra, id], SLOW);
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), words, extra.join(" "));
  }
  t.match(messageOf(await host.call([...at, `${id}-none`])), /container does not exist/);
  t.equal((await host.call(["checkpoint", "--help"])).code, 0);
  t.equal((await host.call(["restore", "--help"])).code, 0);
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
});

const OTHER_UNITS = BY_SYSTEMD && "runc would restore into a unit of another name: tried with cgroupfs";

t.test("images are runc's", { skip: OTHER_UNITS }, async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const program = counter(host, "runcs", (config) => {
    config.linux.maskedPaths = ["/proc/keys", "/proc/acpi", "/sys/firmware"];
    config.linux.readonlyPaths = ["/proc/sys", "/proc/bus"];
  });
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-runcs");
  const before = program.count();
  const theirs = join(host.dir, "runc");
  const runc = (...args: readonly string[]): void =>
    void execFileSync("runc", ["--root", theirs, ...args], { stdio: "ignore" });
  runc("restore", "-d", "-b", program.bundle.dir, "--image-path", image, id);
  const after = await program.counts();
  t.ok(after > before, "runc restores tsrun's");
  const second = join(host.dir, "cp-runcs-2");
  runc("checkpoint", "--image-path", second, id);
  await restored(host, program, second, [], id);
  t.ok((await program.counts()) > after, "tsrun restores runc's");
  const mounts = readFileSync(`/proc/${(await host.state(id)).pid}/mountinfo`, "utf8");
  t.match(mounts, / \/null \/proc\/keys ro,/, "where masked files are read-only");
  await host.delete(id);
});

host.end();
