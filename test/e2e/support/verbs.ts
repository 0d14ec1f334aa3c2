/** Every command over one bundle, each with an end, and what must hold whatever it answers. */
import { rmSync } from "node:fs";
import type { Test } from "tap";
import { type Patch, probe } from "./config.ts";
import { listen } from "./console.ts";
import type { Host, Outcome, TestBundle } from "./host.ts";
import { differences, snapshot } from "./host-snapshot.ts";
import type { HostileImage } from "./hostile-images.ts";
import { cgroupsOf, mountsOf, namesIn, processesOf, until } from "./outside.ts";
import type { OutsideBundle } from "./outside-bundle.ts";

/** Milliseconds after which a command counts as hung. */
const DEADLINE = 5000;

/** A command that has come to an end said one line of error, or worked. */
function tidy(t: Test, what: string, outcome: Outcome): void {
  const said = outcome.stderr.trimEnd();
  t.equal(outcome.signal, null, `${what}: ended by itself`);
  t.notMatch(
    said,
    /\n\s+at |TypeError|RangeError|SyntaxError|AddressSanitizer|panic|undefined/,
    `${what}: no crash`,
  );
  t.notMatch(said, /[\u0000-\u0008\u000b-\u001f\u007f]/, `${what}: no control character`);
  // A container that runs in the foreground may say something of its own.
  if (outcome.code === 1 || outcome.code === 255) {
    const lines = said.split("\n").filter((line) => !/^(probe|.*warning)/.test(line));
    t.equal(lines.length <= 1, true, `${what}: one line\n${said}`);
  }
}

/** Commands that only look, which may be run at once. */
const LOOKING: readonly (readonly string[])[] = [
  ["state", "ID"],
  ["ps", "ID", "-ef"],
  ["events", "--stats", "ID"],
  ["stats", "--once", "ID"],
];

/** Commands of a container that runs, in this order. CONSOLE is a console socket. */
const CHANGING: readonly (readonly string[])[] = [
  ["exec", "ID", "/bin/probe", "true"],
  ["exec", "--user", "1000", "--cwd", "/tmp", "ID", "/bin/probe", "true"],
  ["exec", "--tty", "--detach", "--console-socket", "CONSOLE", "ID", "/bin/probe", "true"],
  ["pause", "ID"],
  ["exec", "ID", "/bin/probe", "true"],
  ["resume", "ID"],
  ["update", "--pids-limit", "40", "ID"],
  ["kill", "ID", "KILL"],
  ["delete", "--force", "ID"],
];

/** Runs all commands over a bundle whose program stays; then one that is in the foreground. */
async function everyVerb(
  t: Test,
  host: Host,
  bundle: TestBundle,
  console: string,
  terminals: boolean,
): Promise<void> {
  const id = host.id();
  const call = async (words: readonly string[]): Promise<Outcome> => {
    const args = words.map((word) => (word === "ID" ? id : word === "CONSOLE" ? console : word));
    const outcome = await host.call(args, { limit: DEADLINE });
    tidy(t, words.join(" "), outcome);
    return outcome;
  };
  const made = await call(["create", "-b", bundle.dir, "ID"]);
  await call(["start", "ID"]);
  await Promise.all(LOOKING.map(call));
  // What was not made is not there for any of the others, in the same words.
  if (made.code === 0) {
    const changing = terminals ? CHANGING : CHANGING.filter((words) => !words.includes("--tty"));
    for (const words of changing) await call(words);
  }
  bundle.config.process.args = bundle.config.process.args.map((word) => (word === "600" ? "0" : word));
  bundle.save();
  await call(["run", "-b", bundle.dir, host.id()]);
  for (const left of namesIn(host.stateRoot)) await call(["delete", "--force", left]);
}

/** What a file of such tests does for each of its shapes: everything over it, and then nothing may have changed. */
export async function unchangedBy(
  t: Test,
  host: Host,
  around: OutsideBundle,
  { name, make }: HostileImage,
  patch: Patch,
): Promise<void> {
  const before = snapshot([around.outside]);
  const console = await listen(host, t, `console-${Date.now()}`);
  const bundle = host.bundle((config) => {
    probe(config, "pid1", "sleep", "600");
    patch(config);
  });
  const undo = make(bundle, around.outside);
  try {
    // The end of what `exec --detach` left is waited for by the host's process 1, which takes its time on some hosts.
    await everyVerb(t, host, bundle, console.socket, /\/dev|\/proc|\/sys|program/.test(name));
  } finally {
    if (typeof undo === "function") undo();
    console.child.kill();
    await until(
      "the listener to end",
      () => console.child.signalCode !== null || console.child.exitCode !== null,
    );
  }
  around.unharmed(t, name);
  await until("all processes to end", () => processesOf(host.tag).length === 0, 2000).catch(() => undefined);
  t.same(processesOf(host.tag), [], "no process is left");
  t.same(cgroupsOf(host.tag), [], "no cgroup");
  t.same(mountsOf(host.tag), [], "no mount");
  t.same(namesIn(host.stateRoot), [], "no state");
  t.same(differences(before, snapshot([around.outside])), [], "the host is as it was");
  rmSync(bundle.dir, { recursive: true, force: true });
}
