/** An ordinary user of the host, for tests of containers without root: an id that nobody has, folders of his own, the runtime. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { type AnswersTo, askingArgs, type Question } from "./answers.ts";
import type { Config, Patch } from "./config.ts";
import {
  answersOf,
  type CallOptions,
  Host,
  type Outcome,
  RUNTIME,
  type State,
  type TestBundle,
} from "./host.ts";
import { until } from "./outside.ts";
import { type Wants, whatIsMissing } from "./wants.ts";

/** No user of the host, and in no range of /etc/subuid. */
export const USER = { uid: 61_234, gid: 61_235 } as const;

/** His name where he has one: see {@link User.allowed}. */
export const NAME = "tsrun-test";

/** What makes the base config one for an ordinary user: what `spec --rootless` changes in that of `spec`. */
export function rootless(config: Config): void {
  config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "network");
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: USER.uid, size: 1 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: USER.gid, size: 1 }];
  config.linux.resources = {};
  for (const mount of config.mounts) {
    if (mount.options !== undefined) mount.options = mount.options.filter((word) => word !== "gid=5");
    if (mount.type !== "sysfs") continue;
    Object.assign(mount, { type: "none", source: "/sys", options: ["rbind", ...(mount.options ?? [])] });
  }
}

/** The user in his corner of the host. */
export class User {
  readonly host: Host;
  /** XDG_RUNTIME_DIR */
  readonly runtimeDir: string;

  constructor(host: Host) {
    this.host = host;
    this.runtimeDir = join(host.dir, "xdg");
    mkdirSync(this.runtimeDir, { mode: 0o700 });
    chownSync(this.runtimeDir, USER.uid, USER.gid);
  }

  /** The environment of his calls. */
  env(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: this.host.dir,
      XDG_RUNTIME_DIR: this.runtimeDir,
      TSRUN_TEST: this.host.tag,
    };
  }

  /** A bundle that is his, from the base config for ordinary users and a patch. */
  bundle(patch?: Patch): TestBundle {
    const bundle = this.host.bundle((config) => {
      rootless(config);
      patch?.(config);
    });
    give(bundle.dir, USER.uid, USER.gid);
    return bundle;
  }

  /** A call of the runtime as this user, with the state root that the runtime chooses for him. */
  call(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    return this.host.call(args, { env: this.env(), user: USER, bare: true, ...options });
  }

  /** A call for which these are /etc/subuid and /etc/subgid, in a mount namespace of its own, where he has a name. */
  allowed(subuid: string, subgid = subuid): CallOptions {
    const { dir } = this.host;
    const files = {
      passwd: `${readFileSync("/etc/passwd", "utf8")}${NAME}:x:${USER.uid}:${USER.gid}::/:/bin/sh\n`,
      group: `${readFileSync("/etc/group", "utf8")}${NAME}:x:${USER.gid}:\n`,
      subuid,
      subgid,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    const binds = Object.keys(files).map((name) => `mount --bind ${join(dir, name)} /etc/${name}`);
    // A host without the two files has no place to bind to.
    const script = `for f in subuid subgid; do [ -e /etc/$f ] || exit 98; done; ${binds.join(" && ")} || exit 99
      exec setpriv --reuid ${USER.uid} --regid ${USER.gid} --clear-groups "$@"`;
    return {
      through: ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"],
      env: this.env(),
      bare: true,
    };
  }

  /** A call that has to work. @throws Error with everything the call said */
  async must(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    const outcome = await this.call(args, options);
    if (outcome.code === 0) return outcome;
    throw new Error(
      `${args.join(" ")} ended with ${outcome.code ?? outcome.signal}\n${outcome.stderr}${outcome.stdout}`,
    );
  }

  /** `run` in the foreground. */
  run(bundle: TestBundle, extra: readonly string[] = [], options: CallOptions = {}): Promise<Outcome> {
    return this.call(["run", "--bundle", bundle.dir, ...extra, this.host.id()], options);
  }

  /** A container that has been created; its id. */
  async created(bundle: TestBundle): Promise<string> {
    const id = this.host.id();
    await this.must(["create", "--bundle", bundle.dir, id]);
    return id;
  }

  /** What `state` says. */
  async state(id: string): Promise<State> {
    return JSON.parse((await this.must(["state", id])).stdout) as State;
  }

  /** Waits until the container has a status. */
  reaches(id: string, status: string): Promise<State> {
    return until(`${id} ${status}`, async () => {
      const state = await this.state(id);
      return state.status === status && state;
    });
  }

  /** Runs a container of the base config, patched, and answers what the probe says in it to each question. */
  async ask<const Q extends readonly Question[]>(
    questions: Q,
    patch?: Patch,
    options: CallOptions = {},
  ): Promise<AnswersTo<Q>> {
    const bundle = this.bundle((config) => {
      patch?.(config);
      config.process.args = askingArgs(questions);
    });
    return answersOf(questions, await this.run(bundle, [], options));
  }

  /** The last test of a file: nothing of him is left, and nothing of the host's corner. */
  async end(): Promise<void> {
    await t.test("the user has left nothing", async (t) => {
      const names = readdirSync(this.runtimeDir).flatMap((name) => readdirSync(join(this.runtimeDir, name)));
      for (const id of names.filter((name) => !name.startsWith("~")))
        await this.call(["delete", "--force", id]);
      const left = readdirSync(this.runtimeDir).flatMap((name) => readdirSync(join(this.runtimeDir, name)));
      t.same(
        left.filter((name) => name !== "~seccomp"),
        [],
      );
    });
    await this.host.end();
  }
}

/** Makes a tree somebody's. */
export function give(path: string, uid: number, gid: number): void {
  execFileSync("chown", ["-hR", `${uid}:${gid}`, path]);
}

/** The runtime where every user can reach it: tsrun's files linked or copied beside the tests' folder, runc as it is. */
export function reachable(dir: string): string {
  if (!RUNTIME.includes("/")) return RUNTIME;
  const to = join(dir, "dist");
  mkdirSync(to);
  for (const name of readdirSync(dirname(RUNTIME))) {
    const from = join(dirname(RUNTIME), name);
    if (!lstatSync(from).isFile()) continue;
    try {
      linkSync(from, join(to, name));
    } catch {
      copyFileSync(from, join(to, name));
    }
  }
  return join(to, "tsrun");
}

/** Why ordinary users can have no user namespaces here, or `undefined`. */
function withoutNamespaces(): string | undefined {
  if (!existsSync("/usr/bin/unshare")) return "needs unshare (util-linux)";
  const tried = spawnSync("unshare", ["--user", "--map-root-user", "--mount", "true"], USER);
  return tried.status === 0
    ? undefined
    : "needs user namespaces for ordinary users (kernel.unprivileged_userns_clone, AppArmor)";
}

/** Opens this file's corner with a user in it, or skips the whole file and says what is missing. */
export function openUser(wants: Wants = {}): User {
  const missing = whatIsMissing(RUNTIME, wants) ?? withoutNamespaces();
  if (missing !== undefined) {
    t.plan(0, missing);
    process.exit(0);
  }
  t.comment(`runtime under test: ${RUNTIME}`);
  return new User(new Host(reachable));
}
