/** What the container of an ordinary user is like from inside, the same bundle run by runc and by tsrun as the same user. */
import { spawnSync } from "node:child_process";
import t from "tap";
import { askingArgs, type MountLine, type Question } from "./support/answers.ts";
import { type Patch, share } from "./support/config.ts";
import { answersOf } from "./support/host.ts";
import { openUser } from "./support/user.ts";

const user = openUser({ only: "tsrun" });
const { host } = user;

const QUESTIONS = [
  "ids",
  "caps",
  "nnp",
  "maps",
  "env",
  "cwd",
  "limits",
  "signals",
  "hostname",
  "oom",
  "net",
  "devices",
  "mounts",
] as const satisfies readonly Question[];

/** Name and patch of the base config for ordinary users. */
const CASES: readonly (readonly [string, Patch])[] = [
  ["the base config", () => undefined],
  [
    "a network namespace of its own, and a new sysfs",
    (config) => {
      config.linux.namespaces.push({ type: "network" });
      const sys = config.mounts.find(({ destination }) => destination === "/sys");
      Object.assign(sys ?? {}, {
        type: "sysfs",
        source: "sysfs",
        options: ["nosuid", "noexec", "nodev", "ro"],
      });
    },
  ],
  [
    "the host's hostname and message queues, limits of its own",
    (config) => {
      share(config, "uts", "ipc");
      delete config.hostname;
      config.mounts = config.mounts.filter(({ type }) => type !== "mqueue");
      config.process.rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }];
    },
  ],
  [
    "binds of the host's folders and files",
    (config) => {
      config.mounts.push(
        { destination: "/a", type: "bind", source: "/etc", options: ["rbind", "ro"] },
        { destination: "/b", type: "bind", source: "/etc/passwd", options: ["bind", "nosuid", "nodev"] },
      );
    },
  ],
  [
    "masked and read-only paths, a read-only root",
    (config) => {
      config.linux.maskedPaths = ["/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/scsi"];
      config.linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"];
      config.root.readonly = true;
    },
  ],
];

const HIDDEN = ["/sys/firmware", "/proc/keys", "/proc/timer_list", "/proc/scsi"];

/**
 * What two runtimes may do in different ways: the order of the devices' mounts, the names and sizes of what hides folders, and the
 * limit of open files, which runc's engine raises for itself and its containers.
 */
function compared(name: string, answer: unknown): unknown {
  if (name === "limits") return { ...(answer as Record<string, unknown>), RLIMIT_NOFILE: undefined };
  if (name !== "mounts") return answer;
  const lines = (answer as readonly MountLine[]).map(({ super: _, source: __, ...line }) => ({
    ...line,
    // What hides a folder is nosuid, nodev and noexec beside read-only with tsrun; what hides a file is read-only.
    options: HIDDEN.includes(line.mountpoint) ? "hidden" : line.options,
    // On a host whose mounts are shared, runc's root and masks are slaves of them, tsrun's are private.
    propagation: line.mountpoint === "/" || HIDDEN.includes(line.mountpoint) ? "its own" : line.propagation,
  }));
  return lines.sort((a, b) => (a.mountpoint < b.mountpoint ? -1 : 1));
}

for (const [name, patch] of CASES) {
  t.test(name, async (t) => {
    if (spawnSync("runc", ["--version"]).status !== 0) {
      t.pass("not compared", { skip: "needs runc" });
      return;
    }
    const seen = [];
    const bundle = user.bundle((config) => {
      patch(config);
      config.process.args = askingArgs(QUESTIONS);
    });
    for (const program of [host.runtime, "runc"]) {
      const through = ["sh", "-c", `exec ${program} "$@"`];
      const outcome = await user.run(bundle, [], { through });
      const answers = answersOf(QUESTIONS, outcome);
      seen.push(Object.fromEntries(QUESTIONS.map((name, at) => [name, compared(name, answers[at])])));
    }
    t.same(seen[0], seen[1]);
  });
}

await user.end();
