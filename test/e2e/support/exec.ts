/** What the tests of `exec` share: a container to enter, and questions to ask in it. */
import type { Test } from "tap";
import { type AnswersTo, askingArgs, type Question } from "./answers.ts";
import { type Patch, probe } from "./config.ts";
import { answersOf, type CallOptions, type Host, type Outcome } from "./host.ts";

/** A patch whose program stays, and reaps what `exec --detach` leaves in its pid namespace. */
export function staying(patch?: Patch): Patch {
  return (config) => {
    probe(config, "pid1", "sleep", "600");
    patch?.(config);
  };
}

/** A container that runs until it is deleted; its id. */
export function entered(host: Host, patch?: Patch, extra: readonly string[] = []): Promise<string> {
  return host.running(host.bundle(staying(patch)), extra);
}

/** What the probe answers when it is run by `exec` with these options. */
export async function askIn<const Q extends readonly Question[]>(
  host: Host,
  id: string,
  questions: Q,
  extra: readonly string[] = [],
  options?: CallOptions,
): Promise<AnswersTo<Q>> {
  return answersOf(questions, await host.call(["exec", ...extra, id, ...askingArgs(questions)], options));
}

/** `exec` of a verb of the probe. */
export function execProbe(
  host: Host,
  id: string,
  extra: readonly string[],
  ...verb: readonly string[]
): Promise<Outcome> {
  return host.call(["exec", ...extra, id, "/bin/probe", ...verb]);
}

/** Nothing that went before has harmed the container: it runs, and lets others in. */
export async function stillRuns(host: Host, t: Test, id: string): Promise<void> {
  t.equal((await host.state(id)).status, "running", "the container still runs");
  t.equal((await execProbe(host, id, [], "exit", "7")).code, 7, "and can be entered");
}

/** A process object of a config.json, as `exec --process` reads it. */
export function processJson(change: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    user: { uid: 0, gid: 0 },
    cwd: "/",
    env: ["PATH=/bin", "FROM=file"],
    args: ["/bin/probe", "true"],
    ...change,
  });
}
