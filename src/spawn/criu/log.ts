/** criu's log, of which a reader needs a few lines: those that say why, and what to do about them. */

/** Lines that criu calls errors though it goes on: what it probed for is not there. */
const HARMLESS = ["criu/tun.c", "Unable to create tun", "kerndat.c", "Can't load iptables", "libbpf"];

/** How many lines from the first error on, and how many up to the last. */
const FIRST = 2;
const LAST = 3;

/**
 * The telling lines of a log, without their times: the first errors, where it began, and the last, where it ended. A log
 * without errors gives its last lines. Pure.
 */
export function tellingLines(log: string): readonly string[] {
  const lines: string[] = [];
  for (const line of log.split("\n")) {
    const said = /^\([0-9.]+\)\s*(?:[0-9]+:\s*)?(.*)$/.exec(line)?.[1] ?? line;
    if (said.trim() !== "") lines.push(said.trim());
  }
  const errors = lines.filter((line) => line.startsWith("Error"));
  const real = errors.filter((line) => !HARMLESS.some((word) => line.includes(word)));
  const found = real.length > 0 ? real : errors.length > 0 ? errors : lines.slice(-LAST);
  return [...new Set([...found.slice(0, FIRST), ...found.slice(-LAST)])];
}

/** What a log's text means for whoever called tsrun; the first that fits counts. */
const HINTS: readonly (readonly [said: RegExp, hint: string])[] = [
  [
    /tcp-established|TCP socket/i,
    "the container has open TCP connections: --tcp-established keeps them, at checkpoint and at restore",
  ],
  [
    /ext-unix-sk|External socket/i,
    "the container has a connection to a unix socket outside: --ext-unix-sk lets it be cut",
  ],
  [
    /Unix socket \d+ (?:without peer|not found)/,
    "the container has a connection to a unix socket in another network namespace, which criu cannot see",
  ],
  [
    /shell-job|session leader/i,
    "the container uses a terminal of its caller: --shell-job, at checkpoint and at restore, gives it the one of whoever restores it",
  ],
  [
    /file-locks|file locks/i,
    "the container holds locks of files: --file-locks keeps them, at checkpoint and at restore",
  ],
  [/vdso|rseq|kerndat/i, "this criu does not know this kernel: install a newer criu; criu check says more"],
  [
    /path=\/dev\/(?:pts|tty|console)/,
    "the container has the terminal of whoever started it: give it one of its own (process.terminal), or start it without",
  ],
  [
    /Network is unreachable/,
    "the network that an open connection goes through is not there: give the container its network namespace by path, or a prestart hook that makes it",
  ],
  [
    /Can't lookup mount|Unable to (?:get|find) mount|mount .* not found|without a mount/i,
    "the container has a file open that lies outside of its mounts, such as standard output sent to a file: use a pipe",
  ],
  [
    /No mapping for|unreachable sharing|doesn't have a proper root mount|external bind/i,
    "the container has a mount that its config.json doesn't know",
  ],
  [/userfaultfd|uffd|lazy-pages/i, "lazy pages need userfaultfd and a running criu lazy-pages"],
  [
    /Unable to open \S+\.img: Permission denied/,
    "in a user namespace criu opens the image as the container's root, who must be able to read its files: chmod -R a+rX on the image's folder",
  ],
  [
    /Failed to open_tree \S+: Permission denied/,
    "in a user namespace criu mounts as the container's root, who must be able to reach the sources of bind mounts",
  ],
  [
    /has bad size|has bad mode|Can't open file .* on restore|No such file or directory/i,
    "the root file system and the bind mounts must hold what they held at the checkpoint",
  ],
  [
    /Can't fork for|PID mismatch|Pid .* do(?:es)? not match/i,
    "a process id of the checkpoint is taken: a container needs a pid namespace of its own to be restored anywhere",
  ],
  [
    /Address already in use/i,
    "an address of the container's is in use: is the one that was checkpointed still running?",
  ],
  [
    /dirty|track memory|mem_dirty/i,
    "this kernel does not track changed memory: leave --pre-dump and --parent-path out",
  ],
  [/Operation not permitted|needs? root/i, "criu needs all capabilities of the host's root"],
];

/** The cure for what the lines tell, where it is well known. Pure. */
export function hintForLog(lines: readonly string[]): string | undefined {
  for (const [said, hint] of HINTS) if (lines.some((line) => said.test(line))) return hint;
  return undefined;
}
