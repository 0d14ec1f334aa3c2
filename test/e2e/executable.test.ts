/** The executable: one file, which needs nothing beside it, and which nothing around it turns into something else. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { COMMANDS } from "../../src/cli/table/all.ts";
import { probe } from "./support/config.ts";
import { Host, openHost, PROBE, PROJECT } from "./support/host.ts";
import { install, installKoffi } from "./support/install.ts";
import { dockerArchive, tarOf } from "./support/tar.ts";

const host = openHost({ only: "tsrun" });

const EXECUTABLE = join(PROJECT, "dist/tsrun");
const MIB = 1 << 20;

/** Where it lies alone. */
const alone = new Host(join(install(join(host.dir, "alone"), "tsrun"), "tsrun"));

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly inFile: bigint;
}

/** The program headers of an ELF file of 64 bits (elf(5)). */
function segments(file: string): readonly Segment[] {
  const bytes = readFileSync(file);
  const [at, size, count] = [
    Number(bytes.readBigUInt64LE(32)),
    bytes.readUInt16LE(54),
    bytes.readUInt16LE(56),
  ];
  return Array.from({ length: count }, (_, index) => at + index * size).map((header) => ({
    type: bytes.readUInt32LE(header),
    flags: bytes.readUInt32LE(header + 4),
    address: bytes.readBigUInt64LE(header + 16),
    inFile: bytes.readBigUInt64LE(header + 32),
  }));
}

const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;
const PT_GNU_RELRO = 0x6474e552;
const PF_X = 1;
const PF_W = 2;
/** native/engine/heap.h */
const HEAP_ADDRESS = 0x8_0000_0000n;

t.test("what kind of file it is", async (t) => {
  const all = segments(EXECUTABLE);
  t.notOk(
    all.some(({ type }) => type === PT_INTERP),
    "static",
  );
  t.match(spawnSync("ldd", [EXECUTABLE], { encoding: "utf8" }).stderr, "not a dynamic executable");
  const loaded = all.filter(({ type }) => type === PT_LOAD);
  t.notOk(
    loaded.some(({ flags }) => (flags & PF_W) !== 0 && (flags & PF_X) !== 0),
    "nothing is both written and executed",
  );
  const [heap, ...others] = loaded.filter(({ address }) => address === HEAP_ADDRESS);
  t.strictSame(others, []);
  t.ok(heap !== undefined && heap.inFile > BigInt(MIB), "the heap is in it");
  t.equal((heap?.flags ?? PF_X) & PF_X, 0, "and is not executed");
  t.equal((all.find(({ type }) => type === PT_GNU_STACK)?.flags ?? PF_X) & PF_X, 0, "nor is the stack");
  t.ok(
    all.some(({ type }) => type === PT_GNU_RELRO),
    "what is written once is read-only then",
  );
  t.ok(statSync(EXECUTABLE).size <= 6 * MIB, `${statSync(EXECUTABLE).size} bytes are at most 6 MiB`);
});

t.test(
  "while it runs, too, nothing is both written and executed, and no file but its own is mapped",
  async (t) => {
    const bundle = host.bundle((config) => probe(config, "sleep", "600"));
    const id = await host.running(bundle);
    const waiting = host.start(["wait", id]);
    const maps = await mapsOf(waiting.pid);
    t.match(maps, /^8[0-9a-f]{8}-[0-9a-f]+ rw-p .*\/dist\/tsrun$/m, "the heap");
    t.notMatch(maps, /^\S+ .wx/m);
    t.strictSame(
      [...new Set(maps.match(/\/\S+$/gm))].filter((name) => name !== EXECUTABLE),
      [],
    );
    await host.must(["kill", id, "KILL"]);
    await waiting.ended;
    await host.delete(id);
  },
);

async function mapsOf(pid: number): Promise<string> {
  for (;;) {
    const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
    // Before its exec it is a copy of this process.
    if (maps.includes("/dist/tsrun")) return maps;
    await new Promise((settle) => setTimeout(settle, 10));
  }
}

t.test("a copy of that one file is an installation", async (t) => {
  t.strictSame(readdirSync(join(host.dir, "alone")), ["tsrun"]);
  t.match((await alone.must(["--version"])).stdout, /^tsrun version /);
  for (const { name } of COMMANDS)
    t.match((await alone.must([name, "--help"])).stdout, `Usage: tsrun ${name} `);
  const bundle = alone.bundle((config) => {
    probe(config, "sleep", "600");
    // A filter: libseccomp is loaded by a program that is inside the executable as well.
    config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
  });
  t.equal((await alone.must(["check", "-b", bundle.dir])).stdout, "this bundle will run on this host\n");
  t.match((await alone.must(["explain", "-b", bundle.dir])).stdout, "install");
  const id = await alone.running(bundle);
  t.equal((await alone.must(["exec", id, "/bin/probe", "echo", "hello"])).stdout, "hello\n");
  t.match((await alone.must(["ps", id])).stdout, "probe");
  t.match((await alone.must(["list", "-q"])).stdout, `${id}\n`);
  await alone.must(["pause", id]);
  await alone.must(["resume", id]);
  await alone.must(["stats", "--once", id]);
  await alone.must(["events", "--stats", id]);
  await alone.must(["update", "--pids-limit", "50", id]);
  await alone.must(["stop", "--time", "1", id]);
  await alone.must(["delete", id]);
  for (const words of [["features"], ["doctor"], ["gc"], ["man"], ["completion", "bash"]]) {
    const { stdout, stderr } = await alone.call(words);
    t.strictSame([stdout === "", stderr], [false, ""], words.join(" "));
  }
  t.strictSame(readdirSync(join(host.dir, "alone")), ["tsrun"], "nothing has been put beside it");
});

t.test("bundle and image say what they lack", async (t) => {
  const folder = install(join(host.dir, "lacking/bin"), "tsrun");
  const own = new Host(join(folder, "tsrun"));
  const said = async (words: readonly string[], PATH = process.env["PATH"] ?? ""): Promise<string> => {
    const { code, stdout, stderr } = await own.call(words, { bare: true, env: { PATH } });
    t.strictSame([code, stdout], [1, ""]);
    return stderr;
  };
  for (const words of [
    ["bundle", "image.tar", "to"],
    ["image", "ls"],
  ]) {
    t.equal(
      await said(words),
      `${words[0]} is done by tsrun.js, which is in neither ${folder} nor ${host.dir}/lacking/lib/tsrun; hint: copy tsrun.js and libtsrun.so there from dist, and npm install koffi beside them\n`,
    );
  }
  install(folder, "tsrun.js");
  for (const PATH of ["", "/nowhere", folder, `.:${folder}`])
    t.equal(
      await said(["image", "ls"], PATH),
      "image needs Node 20.16 or newer, and no folder of PATH has a program node; hint: install it: apt-get install nodejs\n",
    );
  t.match(await said(["image", "ls"]), /^cannot load koffi, .*; hint: npm install koffi, .*\n$/);
  installKoffi(folder);
  t.match(await said(["image", "ls"]), /^cannot load .*\/lacking\/bin\/libtsrun\.so: .*; hint: .*\n$/);
  install(folder, "libtsrun.so");
  const { code } = await own.call(["image", "ls", "--store", join(host.dir, "store")], { bare: true });
  t.equal(code, 0, "with all of it they work");
  rmSync(own.dir, { recursive: true });
});

t.test("a Node that is too old", async (t) => {
  const script = join(PROJECT, "dist/tsrun.js");
  for (const [version, refused] of [
    ["18.20.4", true],
    ["20.15.9", true],
    ["8.0.0", true],
    ["20.16.0", false],
    ["100.0.0", false],
  ] as const) {
    const old = join(host.dir, "old.cjs");
    writeFileSync(old, `Object.defineProperty(process.versions, "node", { value: "${version}" });\n`);
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--require", old, script, "--version"], {
      encoding: "utf8",
    });
    const hint = "install a newer one, and have its folder first in PATH";
    t.equal(status, refused ? 1 : 0, version);
    t.equal(stdout === "", refused);
    t.equal(
      stderr,
      refused ? `tsrun.js needs Node 20.16 or newer, and this is ${version}; hint: ${hint}\n` : "",
    );
  }
});

t.test("tsrun.js is found beside the executable, links resolved, and where packages put it", async (t) => {
  const image = join(host.dir, "image.tar");
  writeFileSync(image, dockerArchive([tarOf({ name: "file", content: "x" })], { config: { Cmd: ["/x"] } }));
  const packaged = join(host.dir, "usr");
  install(join(packaged, "bin"), "tsrun");
  installKoffi(install(join(packaged, "lib/tsrun"), "tsrun.js", "libtsrun.so"));
  const linked = join(host.dir, "linked");
  symlinkSync(join(PROJECT, "dist/tsrun"), linked);
  for (const program of [join(packaged, "bin/tsrun"), linked]) {
    const to = `${program}-bundle`;
    const { stdout, stderr } = spawnSync(program, ["bundle", "--quiet", image, to], { encoding: "utf8" });
    t.strictSame([stdout, stderr], ["", ""]);
    t.equal(readFileSync(join(to, "rootfs/file"), "utf8"), "x");
  }
});

t.test("no variable turns it into something else", async (t) => {
  const canary = join(host.dir, "canary");
  const evil = join(host.dir, "evil.js");
  writeFileSync(evil, `require("node:fs").writeFileSync(${JSON.stringify(canary)}, "");\n`);
  const library = join(host.dir, "evil.so");
  writeFileSync(library, "not a library");
  const variables = {
    BUN_BE_BUN: "1",
    BUN_OPTIONS: `--preload=${evil}`,
    BUN_JSC_useJIT: "nonsense",
    BUN_INSPECT: "127.0.0.1:9",
    NODE_OPTIONS: `--require=${evil}`,
    TSRUN_CALLER: "1:1:9",
    LD_PRELOAD: library,
    LD_BIND_NOW: "1",
    GCONV_PATH: host.dir,
    MALLOC_PERTURB_: "165",
    GLIBC_TUNABLES: "glibc.malloc.perturb=165",
  };
  const env = { PATH: process.env["PATH"] ?? "", TSRUN_TEST: host.tag };
  const bundle = host.bundle((config) => probe(config, "env"));
  for (const words of [["--version"], ["features"], ["list"], ["-e", "1"], [evil], ["run", evil]]) {
    const [plain, changed] = [
      await host.call(words, { env, bare: true }),
      await host.call(words, { env: { ...env, ...variables }, bare: true }),
    ];
    t.strictSame(
      [changed.code, changed.stdout, changed.stderr],
      [plain.code, plain.stdout, plain.stderr],
      words.join(" "),
    );
  }
  const outcome = await host.run(bundle, [], { env: { ...env, ...variables, LD_PRELOAD: "" } });
  t.equal(outcome.code, 0, outcome.stderr);
  t.notMatch(outcome.stdout, /BUN_|NODE_OPTIONS|TSRUN_CALLER/, "the container gets none of them");
  t.notOk(existsSync(canary));
});

t.test("built, it makes no other heap", async (t) => {
  const script = join(host.dir, "script.js");
  writeFileSync(script, "globalThis.start = () => {}; globalThis.timers = () => -1;\n");
  for (const words of [[script, join(host.dir, "heap")], [script]]) {
    const { code, stdout, stderr } = await host.call(words, { bare: true });
    t.strictSame([code, stdout], [3, ""]);
    t.match(stderr, /^No help topic for '.*'; hint: tsrun --help lists the commands\n$/);
  }
  t.notOk(existsSync(join(host.dir, "heap")));
});

t.test("a current folder that is gone", async (t) => {
  const bundle = host.bundle((config) => probe(config, "echo", "hello"));
  const gone = join(host.dir, "gone");
  const call = (...words: readonly string[]) =>
    spawnSync(
      "/bin/sh",
      ["-c", 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"', gone, host.runtime, ...words],
      { encoding: "utf8", cwd: host.dir, env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag } },
    );
  const root = ["--root", host.stateRoot];
  t.equal(call("--version").status, 0);
  t.equal(call(...root, "list", "-q").status, 0);
  const ran = call(...root, "run", "-b", bundle.dir, host.id());
  t.strictSame([ran.status, ran.stdout, ran.stderr], [0, "hello\n", ""], "absolute paths need none");
  for (const words of [
    [...root, "run", host.id()],
    [...root, "create", "-b", "relative", host.id()],
    [...root, "check"],
    [...root, "spec"],
    ["--root", "relative", "list"],
  ]) {
    const { status, stdout, stderr } = call(...words);
    t.strictSame([status, stdout], [1, ""], words.join(" "));
    t.match(stderr, /^cannot tell what a relative path means, .*: getcwd: ENOENT: .*; hint: [^\n]*\n$/);
  }
});

t.test("few descriptors: tsrun does with them, and the program has no more", async (t) => {
  for (const count of ["64", "32", "20"]) {
    const [limits] = await host.ask(["limits"], undefined, [], { launch: [`nofile=${count}`] });
    t.match(JSON.stringify(limits), `${count}`);
  }
});

t.test("a limit of the sizes of files is an error like others", async (t) => {
  const bundle = host.bundle();
  const file = join(host.dir, "limited");
  const call = (script: string, ...words: readonly string[]) =>
    spawnSync("/bin/sh", ["-c", `ulimit -f 0; ${script}`, host.runtime, ...words], {
      encoding: "utf8",
      cwd: host.dir,
      env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
    });
  const root = ["--root", host.stateRoot];
  const large = "EFBIG: file too large\n";
  for (const [script, words, stderr] of [
    ['exec "$0" "$@"', [...root, "spec"], `write ${host.dir}/config.json: ${large}`],
    [`exec "$0" "$@" > ${file}`, ["--version"], `write descriptor 1: ${large}`],
    [
      'exec "$0" "$@"',
      [...root, "--log", file, "state", "nope"],
      `warning: cannot write to the log file ${file}\ncontainer does not exist: nope; hint: tsrun list shows the containers there are\n`,
    ],
  ] as const) {
    const outcome = call(script, ...words);
    t.strictSame([outcome.status, outcome.signal, outcome.stderr], [1, null, stderr], words.join(" "));
  }
  const id = host.id();
  const { status, signal, stderr } = call('exec "$0" "$@"', ...root, "create", "-b", bundle.dir, id);
  t.strictSame([status, signal, stderr.split("\n").length], [1, null, 2], stderr);
  t.equal((await host.call(["state", id])).code, 1, "nothing is left");
});

t.test("without /proc it says so", async (t) => {
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    [
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-c",
      'mount -t tmpfs none /proc && exec "$0" --version',
      EXECUTABLE,
    ],
    { encoding: "utf8" },
  );
  t.strictSame([status, stdout], [1, ""]);
  t.equal(stderr, "tsrun: cannot find its own program by /proc/self/exe: /proc must be mounted\n");
});

t.test("a name by which it is called is no matter, nor is being the first process's child", async (t) => {
  const other = join(host.dir, "runc");
  symlinkSync(EXECUTABLE, other);
  chmodSync(host.dir, 0o755);
  t.match(execFileSync(other, ["--version"], { encoding: "utf8" }), /^tsrun version /);
  t.match(spawnSync(EXECUTABLE, ["--version"], { encoding: "utf8", argv0: "" }).stdout, /^tsrun version /);
  t.match(execFileSync(PROBE, ["launch", "--", EXECUTABLE, "-v"], { encoding: "utf8" }), /^tsrun version /);
});

await alone.end();
await host.end();
