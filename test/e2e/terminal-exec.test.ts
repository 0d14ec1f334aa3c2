/** `exec --tty --detach --console-socket`: each process a terminal of its own, from the container's devpts. */
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { Patch } from "./support/config.ts";
import { type Console, listen, master } from "./support/console.ts";
import { entered, processJson, staying, stillRuns } from "./support/exec.ts";
import { messageOf, type Outcome, onlyTsrun, openHost } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost();
const id = await entered(host);
const { pid } = await host.state(id);
/** The container's files, as the host reaches them. */
const inside = (path: string): string => `/proc/${pid}/root${path}`;

const O_NONBLOCK = 0o4000;
let sockets = 0;

interface Facts {
  readonly terminals: boolean[];
  readonly name: string;
  readonly controlling: string;
  readonly size: number[];
}

/** Runs verbs of the probe on a terminal; answers its text once `last` is in it. */
async function onTerminal(
  t: Test,
  container: string,
  extra: readonly string[],
  verbs: readonly string[],
  last: string,
): Promise<Console> {
  sockets += 1;
  const console = await listen(host, t, `s${sockets}`);
  await host.must([
    "exec",
    "-d",
    "-t",
    "--console-socket",
    console.socket,
    ...extra,
    container,
    "/bin/probe",
    ...verbs,
  ]);
  await until(`${last} in ${console.text()}`, () => console.text().includes(last));
  return console;
}

function factsOf(console: Console): Facts {
  return JSON.parse(/\{"terminals".*\}/.exec(console.text())?.[0] ?? "") as Facts;
}

t.test("the three streams are one terminal, the controlling one", async (t) => {
  const console = await onTerminal(
    t,
    id,
    [],
    ["do", "tty", ",", "stat", "/proc/self/fd/0", ",", "sleep", "0.3"],
    "/proc/self/fd/0",
  );
  const { terminals, name, controlling } = factsOf(console);
  t.same(terminals, [true, true, true]);
  t.match(name, /^\/dev\/pts\/[0-9]+$/);
  t.equal(controlling, "ok");
  const held = await master(console);
  t.equal(held.flags & O_NONBLOCK, 0, "reads of the master wait");
  t.equal(held.flags & 3, 2, "it is for reading and writing");
  t.match(held.link, /ptmx/);
  t.match(console.text(), '"received":"/dev/ptmx"', "its name, which engines show");
});

t.test("its owner, group and mode are those of the devpts's options", async (t) => {
  const console = await onTerminal(
    t,
    id,
    ["-u", "1000:1000"],
    ["do", "stat", "/dev/pts/0", ",", "sleep", "0.3"],
    '"gid"',
  );
  t.match(console.text(), '"uid":1000');
  t.match(console.text(), '"gid":5');
  t.match(console.text(), '"mode":"0620"');
});

t.test("what is typed arrives, and control-C too", async (t) => {
  const console = await onTerminal(t, id, [], ["do", "echo", "begun", ",", "cat"], "begun");
  console.type("a line\n");
  await until("the echo and the copy", () => console.text().split("a line").length === 3);
  console.type("\u0003");
  await new Promise((settle) => console.child.on("exit", settle));
  t.pass("the program has ended, and with it the terminal");
});

t.test("two at a time", async (t) => {
  const one = await onTerminal(t, id, [], ["do", "tty", ",", "cat"], "controlling");
  const two = await onTerminal(t, id, [], ["do", "tty", ",", "cat"], "controlling");
  t.not(factsOf(one).name, factsOf(two).name);
  one.type("to the first\n");
  two.type("to the second\n");
  await until(
    "both",
    () => one.text().split("to the first").length === 3 && two.text().split("to the second").length === 3,
  );
  t.notMatch(one.text(), "second");
  t.notMatch(two.text(), "to the first");
  for (const each of [one, two]) each.type("\u0004");
});

t.test("consoleSize of a process in a file", async (t) => {
  const file = join(host.dir, "terminal.json");
  writeFileSync(
    file,
    processJson({
      terminal: true,
      consoleSize: { height: 41, width: 99 },
      args: ["/bin/probe", "do", "tty", ",", "sleep", "0.3"],
    }),
  );
  const console = await listen(host, t, "size");
  await host.must(["exec", "-d", "-p", file, "--console-socket", console.socket, id]);
  await until("the answer", () => console.text().includes('"size"'));
  t.same(factsOf(console).size, [41, 99]);
});

const user: Patch = (config) => {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 200_000, size: 65_536 }];
};

t.test("in a user namespace", async (t) => {
  const mapped = await entered(host, user);
  const console = await onTerminal(
    t,
    mapped,
    ["-u", "7"],
    ["do", "tty", ",", "stat", "/dev/pts/0", ",", "sleep", "0.3"],
    '"uid"',
  );
  t.same(factsOf(console).terminals, [true, true, true]);
  t.equal(factsOf(console).controlling, "ok");
  t.match(console.text(), '"uid":7');
  t.match(console.text(), '"gid":5');
  await host.delete(mapped);
});

t.test("without a pid namespace, and in a created container", async (t) => {
  const created = await host.created(
    host.bundle(
      staying((config) => {
        config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
      }),
    ),
  );
  const console = await onTerminal(t, created, [], ["do", "tty", ",", "sleep", "0.3"], "controlling");
  t.same(factsOf(console).terminals, [true, true, true]);
  await host.delete(created);
});

t.test("the host's whole /dev bound into the container", async (t) => {
  const bound = await entered(host, (config) => {
    config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
    config.mounts.push({ destination: "/dev", type: "bind", source: "/dev", options: ["rbind"] });
  });
  const before = lstatSync("/dev/ptmx");
  const console = await onTerminal(t, bound, [], ["do", "tty", ",", "sleep", "0.3"], "controlling");
  t.same(factsOf(console).terminals, [true, true, true]);
  t.same(lstatSync("/dev/ptmx").ino, before.ino, "the host's is left alone");
  await host.delete(bound);
});

/** What a container may put where its terminals come from. */
const FAKES: readonly [what: string, make: (path: string) => void][] = [
  ["a regular file", (path) => writeFileSync(path, "")],
  ["a fifo", (path) => void execFileSync("mkfifo", [path])],
  ["a null device", (path) => void execFileSync("mknod", [path, "c", "1", "3"])],
  ["the host's ptmx", (path) => void execFileSync("mknod", [path, "c", "5", "2"])],
  ["a link out", (path) => symlinkSync("../../../../../../etc/passwd", path)],
  ["a link to a terminal of the host", (path) => symlinkSync("/proc/self/fd/0", path)],
  ["a folder", (path) => mkdirSync(path)],
  ["a link to itself", (path) => symlinkSync("ptmx", path)],
];

/** An exec with a terminal, that ends within its time. */
async function tried(t: Test, container: string): Promise<Outcome> {
  sockets += 1;
  const console = await listen(host, t, `s${sockets}`);
  return host.call(
    ["exec", "-d", "-t", "--console-socket", console.socket, container, "/bin/probe", "true"],
    { limit: 8000 },
  );
}

for (const [what, make] of FAKES) {
  t.test(`/dev/ptmx of the container is ${what}: nobody looks at it`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    rmSync(inside("/dev/ptmx"), { force: true, recursive: true });
    make(inside("/dev/ptmx"));
    t.equal((await tried(t, id)).code, 0);
  });
}

t.test("the devpts of the container is gone", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const [what, make] of FAKES) {
    const bundle = host.bundle(
      staying((config) => {
        config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
      }),
    );
    mkdirSync(join(bundle.rootfs, "dev/pts"), { recursive: true });
    const passwd = readFileSync("/etc/passwd", "utf8");
    make(join(bundle.rootfs, "dev/pts/ptmx"));
    const faked = await host.running(bundle);
    const outcome = await tried(t, faked);
    t.equal(outcome.code, 255, what);
    t.match(messageOf(outcome), /^make a terminal.*\/dev\/pts\/ptmx.*hint: .*(devpts|\/dev\/console)/, what);
    t.equal(readFileSync("/etc/passwd", "utf8"), passwd);
    await stillRuns(host, t, faked);
    await host.delete(faked);
  }
});

t.test("no devpts in the bundle", async (t) => {
  const bare = await entered(host, (config) => {
    config.mounts = config.mounts.filter(({ destination }) => destination !== "/dev/pts");
  });
  const outcome = await tried(t, bare);
  t.equal(outcome.code, 255);
  t.match(messageOf(outcome), /no such file or directory/);
  if (await onlyTsrun(host, t))
    t.match(messageOf(outcome), 'add {"destination": "/dev/pts", "type": "devpts"');
  await host.delete(bare);
});

t.test("the socket: missing, a file, nobody there, gone at the end", async (t) => {
  const missing = await host.call([
    "exec",
    "-d",
    "-t",
    "--console-socket",
    join(host.dir, "none"),
    id,
    "/bin/probe",
    "true",
  ]);
  t.equal(missing.code, 255);
  t.match(messageOf(missing), /no such file or directory/);
  writeFileSync(join(host.dir, "file"), "");
  const file = await host.call([
    "exec",
    "-d",
    "-t",
    "--console-socket",
    join(host.dir, "file"),
    id,
    "/bin/probe",
    "true",
  ]);
  t.equal(file.code, 255);
  t.match(messageOf(file), /connection refused/);
  const gone = await listen(host, t, "gone");
  gone.child.kill();
  await new Promise((settle) => gone.child.on("exit", settle));
  const nobody = await host.call([
    "exec",
    "-d",
    "-t",
    "--console-socket",
    gone.socket,
    id,
    "/bin/probe",
    "true",
  ]);
  t.equal(nobody.code, 255);
  t.match(messageOf(nobody), /connection refused/);
});

t.test("a terminal that nobody holds hangs up its program", async (t) => {
  const console = await onTerminal(t, id, [], ["do", "echo", "begun", ",", "sleep", "600"], "begun");
  console.child.kill("SIGKILL");
  const procs = (): string =>
    execFileSync("cat", [`/proc/${pid}/task/${pid}/children`], { encoding: "utf8" });
  t.type(procs(), "string");
  await until("SIGHUP has ended it", async () => {
    const { stdout } = await host.call(["exec", id, "/bin/probe", "proc"]);
    return (JSON.parse(stdout) as { visible: number }).visible === 3;
  });
  t.pass("it has gone");
});

t.test("the container is unharmed", (t) => stillRuns(host, t, id));

await host.end();
