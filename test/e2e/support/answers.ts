/** What the probe's verbs answer (native/probe): the lines of JSON that it prints inside a container. */

export interface Refusal {
  readonly call: string;
  readonly error: string;
}

export interface MountLine {
  readonly mountpoint: string;
  readonly root: string;
  readonly type: string;
  readonly source: string;
  readonly options: string;
  readonly super: string;
  readonly propagation: readonly string[];
}

export interface FileFacts {
  readonly type?: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly rdev?: string;
  readonly target?: string;
  readonly size?: number;
  readonly error?: string;
}

/** One answer a verb. */
export interface Answers {
  args: readonly string[];
  env: readonly string[];
  cwd: { readonly cwd: string };
  proc: {
    readonly pid: number;
    readonly ppid: number;
    readonly pgid: number;
    readonly sid: number;
    readonly visible: number;
    readonly comm: string;
    readonly exe: string;
  };
  ids: { readonly uid: number[]; readonly gid: number[]; readonly groups: number[]; readonly umask: string };
  caps: {
    readonly bounding: string;
    readonly effective: string;
    readonly inheritable: string;
    readonly permitted: string;
    readonly ambient: string;
    readonly securebits: number;
  };
  nnp: {
    readonly noNewPrivileges: number;
    readonly seccomp: number;
    readonly dumpable: number;
    readonly parentDeathSignal: number;
    readonly childSubreaper: number;
  };
  keyring: { readonly session?: string; readonly error?: string };
  limits: Readonly<Record<string, readonly (number | "unlimited")[]>>;
  signals: { readonly blocked: number[]; readonly ignored: number[]; readonly caught: number[] };
  sched: {
    readonly policy: number;
    readonly flags: number;
    readonly nice: number;
    readonly priority: number;
    readonly runtime: number;
    readonly deadline: number;
    readonly period: number;
    readonly cpus: number[];
  };
  ioprio: { readonly class: number; readonly priority: number };
  mempolicy: { readonly mode: number; readonly nodes: string };
  oom: { readonly oomScoreAdj: number };
  personality: { readonly persona: string; readonly machine: string; readonly release: string };
  fds: Readonly<Record<string, string>>;
  tty: {
    readonly terminals: boolean[];
    readonly size?: number[];
    readonly name?: string;
    readonly controlling: string;
  };
  ns: Readonly<Record<string, string>>;
  maps: { readonly uid: string[]; readonly gid: string[]; readonly setgroups: string[] };
  clocks: { readonly offsets: string[]; readonly monotonic?: number; readonly boottime?: number };
  hostname: { readonly hostname: string; readonly domainname: string };
  net: readonly { readonly name: string; readonly up: boolean }[];
  cgroup: {
    readonly own: string[];
    readonly files: Readonly<Record<string, string | { readonly error: string }>>;
  };
  mounts: readonly MountLine[];
  devices: Readonly<Record<string, FileFacts>>;
  sysctl: Readonly<Record<string, string | { readonly error: string }>>;
  ls: readonly string[] | Refusal;
  stat: Readonly<Record<string, FileFacts>>;
  read: { readonly text: string } | Refusal;
  write: { readonly result: "ok" } | Refusal;
  mkdir: { readonly result: "ok" } | Refusal;
  mknod: { readonly result: "ok" } | Refusal;
  open: { readonly r?: string; readonly w?: string; readonly b?: string; readonly m?: string };
  call: { readonly result?: number; readonly error?: string };
  fork: { readonly made: number; readonly error?: string };
  spy: {
    readonly looks: number;
    readonly shut: number;
    readonly exe: number;
    readonly fds: number;
    readonly attached: number;
  };
  spin: { readonly cpu: number; readonly wall: number };
}

export type Verb = keyof Answers;

/** A verb with its arguments. */
export type Question = Verb | readonly [Verb, ...string[]];

/** The answers to a list of questions, in its order. */
export type AnswersTo<Q extends readonly Question[]> = {
  -readonly [K in keyof Q]: Q[K] extends Verb
    ? Answers[Q[K]]
    : Q[K] extends readonly [infer V extends Verb, ...string[]]
      ? Answers[V]
      : never;
};

/** The probe's arguments that ask the questions one after another. */
export function askingArgs(questions: readonly Question[]): string[] {
  const words = ["/bin/probe", "do"];
  for (const [index, question] of questions.entries()) {
    if (index > 0) words.push(",");
    if (typeof question === "string") words.push(question);
    else words.push(...question);
  }
  return words;
}
