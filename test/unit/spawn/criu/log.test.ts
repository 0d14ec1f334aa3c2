import t from "tap";
import { hintForLog, tellingLines } from "../../../../src/spawn/criu/log.ts";

t.test("the lines that say why", (t) => {
  const log = [
    "(00.000123) Version: 3.17.1 (gitid 0)",
    "(00.915308) Error (criu/tun.c:85): tun: Unable to create tun: No such file or directory",
    "(01.000000) Warn  (criu/x.c:1): nothing",
    "(01.100000)      5: Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.",
    "(01.200000) Error (criu/cr-dump.c:1635): Dump files (pid: 167) failed with -1",
    "(01.200001) Unlock network",
    "(01.300000) Error (criu/cr-dump.c:2053): Dumping FAILED.",
    "",
  ].join("\n");
  t.same(tellingLines(log), [
    "Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.",
    "Error (criu/cr-dump.c:1635): Dump files (pid: 167) failed with -1",
    "Error (criu/cr-dump.c:2053): Dumping FAILED.",
  ]);
  const many = Array.from({ length: 20 }, (_, n) => `(00.1) Error (a.c:${n}): e${n}`).join("\n");
  t.same(
    tellingLines(many).map((line) => line.slice(-3).trim()),
    ["e0", "e1", "e17", "e18", "e19"].map((word) =>
      word.length === 2 ? `: ${word}`.slice(-3).trim() : word,
    ),
  );
  t.same(
    tellingLines("(0.1) Error (criu/tun.c:85): x\n(0.2) y\n"),
    ["Error (criu/tun.c:85): x"],
    "none but harmless ones",
  );
  t.same(tellingLines("(0.1) a\n(0.2) b\n(0.3) c\n(0.4) d\n"), ["b", "c", "d"], "none at all");
  t.same(tellingLines(""), []);
  t.end();
});

/** A line of criu 3.17's, and a word of the hint. */
const HINTS: readonly (readonly [string, RegExp])[] = [
  [
    "Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.",
    /--tcp-established/,
  ],
  [
    "Error (criu/sk-unix.c:860): unix: External socket is used. Consider using --ext-unix-sk option.",
    /--ext-unix-sk/,
  ],
  [
    "Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! You can try --file-locks to dump them.",
    /--file-locks/,
  ],
  [
    "Error (criu/tty.c:2000): tty: Found dangling tty with sid 1 pgid 1 (pts) on peer fd 0. Consider using --shell-job option.",
    /--shell-job/,
  ],
  ["Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds", /newer criu/],
  ["Error (criu/files-reg.c:1710): Can't lookup mount=32 for fd=0 path=/dev/pts/0", /process.terminal/],
  ["Error (criu/files-reg.c:1710): Can't lookup mount=25 for fd=1 path=/dev/shm/out", /use a pipe/],
  ["Error (criu/mount.c:3094): mnt: No mapping for 123:/data mountpoint", /config.json/],
  ["Error (criu/files-reg.c:2120): File bin/x has bad size 1 (expect 2)", /root file system/],
  ["Error (criu/image.c:475): Unable to open timens-0.img: Permission denied", /chmod -R a\+rX/],
  [
    "Error (criu/mount-v2.c:319): mnt-v2: Failed to open_tree /root/data: Permission denied",
    /sources of bind mounts/,
  ],
  [
    "Error (criu/uffd.c:1): uffd: connect(lazy-pages.socket) failed: No such file or directory",
    /running criu lazy-pages/,
  ],
  ["Error (soccr/soccr.c:529): Can't connect inet socket back: Network is unreachable", /prestart hook/],
];

t.test("what to do about them", (t) => {
  for (const [line, hint] of HINTS) t.match(hintForLog([line]), hint, line);
  t.equal(hintForLog(["Error (criu/cr-dump.c:2053): Dumping FAILED."]), undefined);
  t.end();
});
