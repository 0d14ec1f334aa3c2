/** Standard streams in a user namespace: the program can open them anew, and nothing of anybody else's changes. */
import { execFileSync } from "node:child_process";
import { chownSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Config } from "./support/config.ts";
import { openHost, type TestBundle } from "./support/host.ts";
import { patience } from "./support/slow.ts";
import { USER } from "./support/user.ts";

const host = openHost({ busybox: true, only: "tsrun" });
const FIRST = 700_000;
const OTHER = 61_236;
const WRITES = ["/bin/sh", "-c", "echo anew >/dev/stdout"];

function mapped(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
}

/** A bundle in a user namespace whose root file system is that of the mapped root. */
function bundleOf(
  uid: number,
  args: readonly string[] = WRITES,
  change?: (config: Config) => void,
): TestBundle {
  const bundle = host.bundle((config) => {
    mapped(config);
    config.process.user = { uid, gid: uid };
    config.process.args = [...args];
    change?.(config);
  });
  execFileSync("chown", ["-hR", `${FIRST}:${FIRST}`, bundle.rootfs]);
  return bundle;
}

/**
 * Runs the calls, which are separated by commas, with a new pipe, socket or terminal as standard output, and with the other end of a
 * pipe with a line in it as input; tells what came out, whose both are then, and what was said.
 */
const DRIVER = `
import json, os, pty, socket, subprocess, sys, tempfile
kind, owner = sys.argv[1], int(sys.argv[2])
if kind == "pipe": read, write = os.pipe()
elif kind == "tty": read, write = pty.openpty()
else: read, write = (each.detach() for each in socket.socketpair())
if owner >= 0: os.fchown(write, owner, -1)
entrance, line = os.pipe()
os.write(line, b"a line\\n")
os.close(line)
said, calls = tempfile.TemporaryFile(), [[]]
for word in sys.argv[3:]:
    if word == ",": calls.append([])
    else: calls[-1].append(word)
for call in calls:
    subprocess.run(call, stdin=entrance, stdout=write, stderr=said)
owners = [os.fstat(entrance).st_uid, os.fstat(write).st_uid]
os.close(write)
out = b""
try:
    while True:
        got = os.read(read, 4096)
        if not got: break
        out += got
except OSError: pass
said.seek(0)
print(json.dumps({"out": out.decode(), "owners": owners, "said": said.read().decode()}))
`;

interface Told {
  readonly out: string;
  readonly owners: readonly number[];
  readonly said: string;
}

function drive(kind: string, owner: number, ...calls: readonly (readonly string[])[]): Told {
  const words = calls.flatMap((call, at) => [
    ...(at > 0 ? [","] : []),
    host.runtime,
    "--root",
    host.stateRoot,
    ...call,
  ]);
  const text = execFileSync("python3", ["-c", DRIVER, kind, String(owner), ...words], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
    timeout: patience(30_000),
  });
  return JSON.parse(text) as Told;
}

const told = (uid: number): Told => ({ out: "anew\n", owners: [FIRST + uid, FIRST + uid], said: "" });

for (const uid of [0, 1000]) {
  t.test(`user ${uid}: a pipe can be opened anew, by run, create, exec and exec --detach`, async (t) => {
    const run = ["run", "-b", bundleOf(uid).dir, host.id()];
    t.same(drive("pipe", -1, run), told(uid), "run");
    t.same(
      drive("pipe", OTHER, run),
      told(uid),
      "a pipe that another has made has no name, and is the caller's to give",
    );
    const input = ["/bin/sh", "-c", "cat </dev/stdin >/dev/stdout"];
    const read = drive("pipe", -1, ["run", "-b", bundleOf(uid, input).dir, host.id()]);
    t.same(read, { ...told(uid), out: "a line\n" }, "the input too");

    const id = host.id();
    const created = drive("pipe", -1, ["create", "-b", bundleOf(uid).dir, id], ["start", id]);
    t.same(created, told(uid), "create and start");
    await host.reaches(id, "stopped");
    await host.delete(id);

    const running = await host.running(bundleOf(0, ["/bin/probe", "pid1", "sleep", "600"]));
    const words = ["--user", `${uid}:${uid}`, running, ...WRITES];
    t.same(drive("pipe", -1, ["exec", ...words]), told(uid), "exec");
    t.same(drive("pipe", -1, ["exec", "--detach", ...words]), told(uid), "exec --detach");
    await host.delete(running);
  });

  t.test(`user ${uid}: sockets are given, terminals are not`, async (t) => {
    const run = ["run", "-b", bundleOf(uid, ["/bin/sh", "-c", "echo out"]).dir, host.id()];
    t.same(drive("socket", -1, run), { ...told(uid), out: "out\n" });
    const { out, owners } = drive("tty", -1, run);
    t.same([out, owners[1]], ["out\r\n", 0], "the caller's terminal stays his");
    const running = await host.running(bundleOf(0, ["/bin/probe", "pid1", "sleep", "600"]));
    const entered = drive("tty", -1, ["exec", "--user", `${uid}`, running, "/bin/sh", "-c", "echo out"]);
    t.same([entered.out, entered.owners[1]], ["out\r\n", 0]);
    await host.delete(running);
  });
}

/** Runs a bundle with files as standard input and output. */
async function withFiles(bundle: TestBundle, input: string, output: string): Promise<string> {
  const { stderr } = await host.run(bundle, [], {
    launch: [`open=1:${output}`],
    input: openSync(input, "r"),
  });
  return stderr;
}

t.test("files: the caller's own that are given to be written, and no other", async (t) => {
  const [own, theirs, read] = ["own", "theirs", "read"].map((name) => join(host.dir, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [own, theirs, read]) writeFileSync(path, "", { mode: 0o600 });
  chownSync(theirs, OTHER, OTHER);
  for (const uid of [0, 1000]) {
    t.equal(await withFiles(bundleOf(uid), read, own), "");
    t.same([statSync(own).uid, statSync(own).gid], [FIRST + uid, 0], "its group stays");
    t.equal(statSync(read).uid, 0, "whoever gets a file to read does not get to write it");
    t.match(await withFiles(bundleOf(uid), read, theirs), /Permission denied/);
    t.equal(statSync(theirs).uid, OTHER, "another's");
    chownSync(own, 0, 0);
    execFileSync("mkfifo", ["-m", "600", join(host.dir, "fifo")]);
    chownSync(join(host.dir, "fifo"), OTHER, OTHER);
    // Opened for both, a named pipe waits for nobody.
    const outcome = await host.run(bundleOf(uid), [], {
      launch: [`open=1:${join(host.dir, "fifo")}`],
    });
    t.match(outcome.stderr, /Permission denied/);
    t.equal(statSync(join(host.dir, "fifo")).uid, OTHER, "another's named pipe");
    rmSync(join(host.dir, "fifo"));
  }
});

t.test("the host's null device stays as it is", async (t) => {
  const before = statSync("/dev/null");
  for (const uid of [0, 1000]) {
    const outcome = await host.run(bundleOf(uid), [], { launch: ["open=1:/dev/null"] });
    t.equal(outcome.stderr, "");
    const { uid: owner, gid, mode } = statSync("/dev/null");
    t.same([owner, gid, mode], [before.uid, before.gid, before.mode]);
  }
});

t.test("a user namespace that is joined", async (t) => {
  const first = await host.running(bundleOf(0, ["/bin/probe", "pid1", "sleep", "600"]));
  const { pid } = await host.state(first);
  const joining = bundleOf(1000, WRITES, (config) => {
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "user");
    config.linux.namespaces.push({ type: "user", path: `/proc/${pid}/ns/user` });
    config.linux.uidMappings = [];
    config.linux.gidMappings = [];
  });
  t.same(drive("pipe", -1, ["run", "-b", joining.dir, host.id()]), told(1000));
  await host.delete(first);
});

t.test("without a user namespace all is as it was", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = [...WRITES];
    config.process.user = { uid: USER.uid, gid: USER.gid };
  });
  const { out, owners } = drive("pipe", -1, ["run", "-b", bundle.dir, host.id()]);
  t.same([out, owners], ["anew\n", [USER.uid, USER.uid]]);
});

await host.end();
