import t from "tap";
import { type ContainerProcess, parseProcess, terminalName } from "../../../src/observe/processes.ts";
import { psColumns, psTable } from "../../../src/observe/ps.ts";

const BOOT = Date.UTC(2024, 4, 6);

const STAT = (comm: string): string =>
  `4242 (${comm}) S 17 4242 4240 34817 4242 4194560 100 0 0 0 250 50 0 0 20 -5 3 0 360000 2322432 378 18446744073709551615 1 1\n`;
const STATUS = "Name:\tsh\nUid:\t0\t1000\t0\t0\nGid:\t0\t100\t0\t0\nVmRSS:\t    1512 kB\n";

t.test("a process from its files", async (t) => {
  t.same(parseProcess(4242, STAT("sh"), STATUS, "/bin/sh\0-c\0sleep 1\0", BOOT), {
    pid: 4242,
    ppid: 17,
    pgid: 4242,
    sid: 4240,
    uid: 1000,
    gid: 100,
    comm: "sh",
    args: ["/bin/sh", "-c", "sleep 1"],
    state: "S",
    threads: 3,
    nice: -5,
    tty: "pts/1",
    foreground: true,
    cpuTime: 3000,
    startedAt: BOOT + 3_600_000,
    rss: 1512 * 1024,
    vsize: 2322432,
  });
});

t.test("a name may hold anything", async (t) => {
  for (const comm of ["a b", ") R 1 1", "((", "", "x)\ny"]) {
    const process = parseProcess(1, STAT(comm), STATUS, "", BOOT);
    t.equal(process?.comm, comm);
    t.equal(process?.ppid, 17);
    t.same(process?.args, []);
  }
  t.equal(parseProcess(1, "", "", "", BOOT), undefined);
  t.equal(parseProcess(1, "1 (x) S 1", "", "", BOOT), undefined);
});

t.test("terminals", async (t) => {
  for (const [device, name] of [
    [0, undefined],
    [(136 << 8) | 5, "pts/5"],
    [(137 << 8) | 5, "pts/261"],
    [(4 << 8) | 1, "tty1"],
    [(4 << 8) | 64, "ttyS0"],
    [(5 << 8) | 1, "console"],
    [(204 << 8) | 65, "204:65"],
  ] as const) {
    t.equal(terminalName(device), name, String(device));
  }
});

const process: ContainerProcess = {
  pid: 4242,
  ppid: 1,
  pgid: 4242,
  sid: 4242,
  uid: 0,
  gid: 0,
  comm: "sleep",
  args: ["sleep", "100"],
  state: "S",
  threads: 1,
  nice: 0,
  foreground: false,
  cpuTime: 3_723_000,
  startedAt: new Date(2024, 4, 6, 7, 8, 9).getTime(),
  rss: 2 << 20,
  vsize: 3 << 20,
};

const context = {
  users: new Map([[0, "root"]]),
  now: new Date(2024, 4, 6, 9, 8, 9).getTime(),
  hostMemory: 1 << 30,
};

const shown = (options: readonly string[], ...processes: readonly ContainerProcess[]): string =>
  psTable(processes, psColumns(options), context);

t.test("the columns of ps -ef, which are the default", async (t) => {
  const expected = [
    "UID   PID PPID  C STIME TTY     TIME CMD\n",
    "root 4242    1 51 07:08 ?   01:02:03 sleep 100\n",
  ].join("");
  for (const options of [[], ["-ef"], ["-e", "-f"], ["-fA"], ["-ef", "-ww"]]) {
    t.equal(shown(options, process), expected, options.join(" "));
  }
  t.equal(shown([]), "UID PID PPID C STIME TTY TIME CMD\n", "no process");
});

t.test("the columns of ps -e and ps aux", async (t) => {
  t.equal(shown(["-e"], process), " PID TTY     TIME CMD\n4242 ?   01:02:03 sleep\n");
  for (const options of [["aux"], ["-aux"], ["u"], ["axu"]]) {
    t.equal(
      shown(options, process),
      [
        "USER  PID %CPU %MEM  VSZ  RSS TTY STAT START  TIME COMMAND\n",
        "root 4242 51.7  0.2 3072 2048 ?   Ss   07:08 62:03 sleep 100\n",
      ].join(""),
      options.join(" "),
    );
  }
});

t.test("columns of one's own", async (t) => {
  const expected = " PID COMMAND\n4242 sleep\n";
  for (const options of [
    ["-o", "pid,comm"],
    ["-opid,comm"],
    ["-eo", "pid comm"],
    ["-o", "pid", "-o", "comm"],
    ["--format", "pid,comm"],
    ["--format=pid,comm"],
    ["-ef", "-o", "pid,comm"],
  ]) {
    t.equal(shown(options, process), expected, options.join(" "));
  }
  t.equal(shown(["-o", "pid=,comm="], process), "4242 sleep\n", "without headers");
  t.equal(shown(["-o", "user,pid=Its number"], process), "USER Its number\nroot       4242\n");
  t.equal(
    shown(["-o", "etime,etimes,nlwp,ni,s"], process),
    " ELAPSED ELAPSED NLWP NI S\n02:00:00    7200    1  0 S\n",
  );
});

t.test("what ps has and this has not is refused", async (t) => {
  for (const option of ["-Q", "--forest", "-p", "1", "json", "-", ""]) {
    t.throws(() => psColumns([option]), { message: `ps does not know the option ${JSON.stringify(option)}` });
  }
  t.throws(() => psColumns(["-o", "pid,wchan"]), { message: 'ps does not know the field "wchan"' });
  t.throws(() => psColumns(["-o"]), { message: 'ps does not know the field ""' });
  t.throws(() => psColumns(["-o", "constructor"]), { message: 'ps does not know the field "constructor"' });
});

t.test("days, other years, and those that have ended", async (t) => {
  const old = { ...process, startedAt: new Date(2024, 0, 2).getTime(), cpuTime: 90_061_000 };
  t.equal(shown(["-o", "stime,time"], old), "STIME        TIME\nJan02 01-01:01:01\n");
  t.match(shown(["-o", "stime"], { ...process, startedAt: new Date(2021, 0, 2).getTime() }), "2021");
  t.match(shown(["-o", "args"], { ...process, args: [], state: "Z" }), "[sleep] <defunct>");
  t.match(shown(["-o", "stat"], { ...process, nice: 5, threads: 2, foreground: true, sid: 1 }), "SNl+");
  t.match(shown(["-o", "user"], { ...process, uid: 4_294_967_294 }), "4294967294");
});

t.test("hostile names are made visible", async (t) => {
  const text = shown(["-o", "pid,args"], { ...process, args: ["a\nb", "\x1b[2J\x9b"] });
  t.equal(text, " PID COMMAND\n4242 a\\u000ab \\u001b[2J\\u009b\n");
});
