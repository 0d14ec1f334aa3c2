/** sd_notify(3): what the program says reaches whoever started the container, and the start waits for its word. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type Patch, probe, script } from "./support/config.ts";
import { intended, onlyTsrun, openHost, PROBE, type TestBundle } from "./support/host.ts";
import { hasEnded, until } from "./support/outside.ts";

const host = openHost({ busybox: true });
const kind = await host.kind();

interface Heard {
  readonly message: string;
  readonly pid: number;
}

/** A service manager: it listens at a socket and keeps what it hears. */
class Manager {
  readonly path: string;
  readonly #child: ChildProcess;
  #text = "";

  constructor(name: string) {
    this.path = name;
    this.#child = spawn(PROBE, ["notify-listen", name], { stdio: ["ignore", "pipe", "inherit"] });
    this.#child.stdout?.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString();
    });
  }

  get env(): Record<string, string> {
    return { PATH: process.env["PATH"] ?? "", TSRUN_TEST: host.tag, NOTIFY_SOCKET: this.path };
  }

  async listening(): Promise<this> {
    await until("the manager listens", () => this.#text.includes("listening"));
    return this;
  }

  heard(): Heard[] {
    const lines = this.#text.split("\n").slice(1, -1);
    return lines.map((line) => JSON.parse(line) as Heard);
  }

  /** Its lines, without the order in which two messages came. */
  lines(): string[] {
    return this.heard().flatMap(({ message }) => message.split("\n").filter((line) => line !== ""));
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}

let managers = 0;

async function manager(t: { teardown(end: () => void): void }): Promise<Manager> {
  managers += 1;
  const made = new Manager(join(host.dir, `manager-${managers}`));
  t.teardown(() => made.end());
  return made.listening();
}

/** A program that takes its time, says that it is ready, and stays. */
function ready(patch?: Patch): TestBundle {
  return host.bundle((config) => {
    script(config, "sleep 0.3; probe notify-send READY=1 STATUS=up; exec sleep 1000");
    patch?.(config);
  });
}

t.test("run -d returns when the program is ready, and tells its pid", async (t) => {
  const listener = await manager(t);
  const id = host.id();
  const before = Date.now();
  await host.must(["run", "-d", "-b", ready().dir, id], { env: listener.env });
  t.ok(Date.now() - before >= 300, "it waited");
  const { pid } = await host.state(id);
  await until("the pid", () => listener.lines().includes(`MAINPID=${pid}`));
  t.ok(listener.lines().includes("READY=1"), "the pid comes with it, or after it");
  await host.delete(id);
});

t.test("start waits for READY=1, which comes with the main process's pid", async (t) => {
  const listener = await manager(t);
  const id = host.id();
  const { env } = listener;
  await host.must(["create", "-b", ready().dir, id], { env });
  t.same(listener.heard(), [], "nothing ran yet");
  const before = Date.now();
  await host.must(["start", id], { env });
  t.ok(Date.now() - before >= 300, "it waited");
  const { pid } = await host.state(id);
  await until("both lines", () => listener.lines().includes(`MAINPID=${pid}`));
  t.same(
    listener.lines(),
    intended(kind, {
      runc: ["READY=1", `MAINPID=${pid}`],
      tsrun: ["READY=1", "STATUS=up", `MAINPID=${pid}`],
      why: "what a program says beside READY=1 is of use to the same reader",
    }),
  );
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
  t.notOk(existsSync(join(host.stateRoot, id)), "the socket's folder has gone with the container");
});

t.test("start ends when the program does, whatever it said", async (t) => {
  const listener = await manager(t);
  const bundle = host.bundle((config) => probe(config, "exit", "3"));
  const id = host.id();
  await host.must(["create", "-b", bundle.dir, id], { env: listener.env });
  await host.must(["start", id], { env: listener.env });
  await host.reaches(id, "stopped");
  t.same(listener.heard(), []);
  await host.delete(id);
});

t.test("without NOTIFY_SOCKET the program has none either", async (t) => {
  const id = await host.created(host.bundle((config) => probe(config, "ls", "/run")));
  t.notOk(readdirSync(join(host.stateRoot, id)).includes("notify"));
  await host.delete(id);
  const outcome = await host.run(host.bundle((config) => probe(config, "notify-send", "READY=1")));
  t.equal(outcome.stdout, '{"result":"nobody asked"}\n');
});

t.test("created with a wish, started without: the start does not wait", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const listener = await manager(t);
  const bundle = host.bundle((config) => probe(config, "do", "notify-send", "READY=1", ",", "sleep", "1000"));
  const id = host.id();
  const create = host.start(["create", "-b", bundle.dir, id], { env: listener.env });
  await create.ended;
  await host.must(["start", id]);
  await until("its answer", () => create.stdout().includes("}"));
  t.match(create.stdout(), '"error":"ENOENT"', "nobody listens to it");
  await host.delete(id);
});

t.test("created without a wish, started with one: there is nothing to wait for", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 cannot bind its socket and fails
  const listener = await manager(t);
  const id = await host.created(host.bundle((config) => probe(config, "sleep", "1000")));
  await host.must(["start", id], { env: listener.env });
  t.equal((await host.state(id)).status, "running");
  t.same(listener.heard(), []);
  await host.delete(id);
});

t.test("in the foreground all is passed on, by tsrun, for as long as the container lives", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const listener = await manager(t);
  const bundle = host.bundle((config) => {
    script(
      config,
      "probe notify-send READY=1; probe notify-send STATUS=busy WATCHDOG=1; probe notify-send STOPPING=1; exit 5",
    );
  });
  const call = host.start(["run", "-b", bundle.dir, host.id()], { env: listener.env });
  t.equal((await call.ended).code, 5);
  await until("the last", () => listener.lines().includes("STOPPING=1"));
  t.same(listener.lines(), ["READY=1", "STATUS=busy", "WATCHDOG=1", "STOPPING=1"]);
  t.same([...new Set(listener.heard().map(({ pid }) => pid))], [call.pid], "the manager knows no other");
});

/** Lines, each as a shell's word, and what of them reaches the manager. */
const SAID: readonly (readonly [line: string, heard?: string])[] = [
  ["RELOADING=1", "RELOADING=1"],
  ["MONOTONIC_USEC=18446744073", "MONOTONIC_USEC=18446744073"],
  ["EXTEND_TIMEOUT_USEC=5000000", "EXTEND_TIMEOUT_USEC=5000000"],
  ["WATCHDOG=1", "WATCHDOG=1"],
  ["'STATUS=Zustand: 50% – läuft 日本 😀'", "STATUS=Zustand: 50% – läuft 日本 😀"],
  ["STATUS=", "STATUS="],
  // Escape sequences, C1 controls, what turns the direction of text, bytes that are no UTF-8: overlong, half, a surrogate.
  ["\"$(printf 'STATUS=a\\033[2Jb\\tc\\rd\\177e')\"", "STATUS=a?[2Jb?c?d?e"],
  ["\"$(printf 'STATUS=a\\302\\2333Jb')\"", "STATUS=a?3Jb"],
  ["\"$(printf 'STATUS=a\\342\\200\\256b\\342\\201\\246c\\330\\234d\\342\\200\\250e')\"", "STATUS=a?b?c?d?e"],
  ["\"$(printf 'STATUS=a\\377b\\300\\200c\\340\\200\\200d')\"", "STATUS=a?b??c???d"],
  ["\"$(printf 'STATUS=\\355\\240\\200a\\364\\220\\200\\200b\\342\\202')\"", "STATUS=???a????b??"],
  // Of other processes, of descriptors, of what the administrator has set; what is not known; what only looks allowed.
  ["MAINPID=1"],
  ["MAINPIDFDID=1"],
  ["MAINPIDFD=1"],
  ["NOTIFYACCESS=all"],
  ["BARRIER=1"],
  ["FDSTORE=1"],
  ["FDSTOREREMOVE=1"],
  ["FDNAME=x"],
  ["FDPOLL=0"],
  ["WATCHDOG=trigger"],
  ["WATCHDOG_USEC=1"],
  ["RESTART_RESET=1"],
  ["EXIT_STATUS=0"],
  ["ERRNO=2"],
  ["BUSERROR=org.freedesktop.DBus.Error.TimedOut"],
  ["VARLINKERROR=a.b"],
  ["X_OWN=1"],
  ["STATUS"],
  ["status=x"],
  ["' STATUS=x'"],
  ["READY=0"],
  ["READY=1x"],
  ["'READY=1 '"],
  ["EXTEND_TIMEOUT_USEC="],
  ["EXTEND_TIMEOUT_USEC=-1"],
  ["EXTEND_TIMEOUT_USEC=1s"],
  ["EXTEND_TIMEOUT_USEC=99999999999999999999"],
  ["MONOTONIC_USEC=0x1"],
];

/** A program that says all of that, one by one and in one message, and then that it is ready. */
function talkative(after: string): TestBundle {
  return host.bundle((config) => {
    const lines = SAID.map(([line]) => line);
    const sends = [...lines, lines.join(" "), "READY=1 MAINPID=1"].map((line) => `probe notify-send ${line}`);
    script(config, `exec >/dev/null; ${sends.join("; ")}; ${after}`);
  });
}

const PASSED = SAID.flatMap(([, heard]) => heard ?? []);

t.test("what may be said is on a list: nothing else reaches the manager, in the foreground", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const listener = await manager(t);
  const outcome = await host.run(talkative("exit 0"), [], { env: listener.env });
  t.equal(outcome.code, 0, outcome.stderr);
  await until("the last", () => listener.lines().includes("READY=1"));
  t.same(listener.lines(), [...PASSED, ...PASSED, "READY=1"]);
});

t.test("and detached, where the first process's pid is added", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const listener = await manager(t);
  const id = host.id();
  await host.must(["run", "-d", "-b", talkative("exec sleep 1000").dir, id], { env: listener.env });
  const { pid } = await host.state(id);
  await until("the last", () => listener.lines().includes(`MAINPID=${pid}`));
  t.same(listener.lines(), [...PASSED, ...PASSED, "READY=1", `MAINPID=${pid}`]);
  await host.delete(id);
});

t.test(
  "any user of the container may send, also in a user namespace, and none may touch the folder",
  async (t) => {
    const mapping = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const patches: readonly (readonly [string, Patch])[] = [
      [
        "an ordinary user",
        (config) => {
          config.process.user = { uid: 1000, gid: 1000 };
        },
      ],
      [
        "root of a user namespace",
        (config) => {
          config.linux.namespaces.push({ type: "user" });
          config.linux.uidMappings = mapping;
          config.linux.gidMappings = mapping;
        },
      ],
      ["root", () => undefined],
    ];
    for (const [name, patch] of patches) {
      const listener = await manager(t);
      const bundle = host.bundle((config) => {
        const deeds = [
          ["write", "/run/notify/new", "x"],
          ["mkdir", "/run/notify/folder"],
          ["stat", "/run/notify", "/run/notify/notify.sock"],
          ["ls", "/run/notify"],
          ["notify-send", "READY=1"],
          ["sleep", "1000"],
        ];
        probe(config, "do", ...deeds.flatMap((deed, index) => (index === 0 ? deed : [",", ...deed])));
        patch(config);
      });
      // The rootfs belongs to the host's root, whom a user namespace leaves out: there the image has to have the folder.
      mkdirSync(join(bundle.rootfs, "run/notify"), { recursive: true });
      const id = host.id();
      const create = host.start(["create", "-b", bundle.dir, id], { env: listener.env });
      t.equal((await create.ended).code, 0, name);
      await host.must(["start", id], { env: listener.env });
      const said = create
        .stdout()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, { mode: string; type: string }>);
      t.match(said[0], { call: "open", error: "EROFS" }, name);
      t.match(said[1], { call: "mkdir", error: "EROFS" }, name);
      t.equal(said[2]?.["/run/notify"]?.mode, "0755", name);
      t.equal(said[2]?.["/run/notify/notify.sock"]?.type, "socket", name);
      t.same(said[3], ["notify.sock"], name);
      await until(`READY=1 of ${name}`, () => listener.lines().includes("READY=1"));
      const mounts = readFileSync(`/proc/${(await host.state(id)).pid}/mountinfo`, "utf8").split("\n");
      const [mount = ""] = mounts.filter((line) => line.includes(" /run/notify "));
      for (const option of ["ro", "nosuid", "nodev", "noexec"]) {
        t.ok((mount.split(" ")[5] ?? "").split(",").includes(option), `${name}: ${option}`);
      }
      await host.delete(id);
    }
  },
);

t.test("delete --force of what a start that was killed left", async (t) => {
  const listener = await manager(t);
  const id = host.id();
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  await host.must(["create", "-b", bundle.dir, id], { env: listener.env });
  const start = host.start(["start", id], { env: listener.env });
  await until("it runs", async () => (await host.state(id)).status === "running");
  const { pid } = await host.state(id);
  start.kill("SIGKILL");
  t.equal((await start.ended).signal, "SIGKILL");
  t.notOk(hasEnded(pid), "the container goes on");
  await host.delete(id);
  t.ok(hasEnded(pid));
  t.notOk(existsSync(join(host.stateRoot, id)));
});

t.test("ctrl-C ends a start that waits, and the container goes on", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const listener = await manager(t);
  const id = host.id();
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  const run = host.start(["run", "-d", "-b", bundle.dir, id], { env: listener.env });
  await until("it waits", () => readFileSync(`/proc/${run.pid}/cmdline`, "utf8").includes("is ready"));
  run.kill("SIGINT");
  t.equal((await run.ended).signal, "SIGINT");
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
});

t.test("a manager that does not listen", async (t) => {
  mkdirSync(join(host.dir, "nobody"));
  const env = { ...process.env, NOTIFY_SOCKET: join(host.dir, "nobody/there") } as Record<string, string>;
  const id = host.id();
  const outcome = await host.call(["run", "-d", "-b", ready().dir, id], { env });
  t.equal(outcome.code, 0, "the container runs, and that is what was asked for");
  await host.call(["delete", "--force", id]);
});

await host.end();
