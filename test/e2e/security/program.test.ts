/** Programs: what the container could write to, look into or have run by the host. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type Config, probe, share } from "../support/config.ts";
import { entered, execProbe } from "../support/exec.ts";
import { answersOf, onlyTsrun, openHost, PROJECT } from "../support/host.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { canary, unharmed } = outsideOf(host);

function sum(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** tsrun's own programs and library. */
const OWN = ["tsrun", "tsrun-init", "tsrun-supervise", "libtsrun.so"].map((name) =>
  join(PROJECT, "dist", name),
);

t.test("CVE-2019-5736: the runtime's program cannot be written from inside", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const files = ["tsrun", "tsrun-init"].map((name) => join(PROJECT, "dist", name));
  const before = files.map(sum);
  const waiting = await host.created(host.bundle());
  const { pid } = await host.state(waiting);
  t.match(readlinkSync(`/proc/${pid}/exe`), /^\/memfd:/, "it is a copy in memory");
  t.throws(
    () => openSync(`/proc/${pid}/exe`, "r+"),
    { code: "ETXTBSY" },
    "not even the host's root writes to it",
  );
  const capabilities = ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"];
  // A neighbour in the same pid namespace sees it as process 1.
  const [open] = await host.ask([["open", "/proc/1/exe", "rw"]], (config) => {
    share(config, "pid");
    config.linux.namespaces.push({ type: "pid", path: `/proc/${pid}/ns/pid` });
    config.process.capabilities = {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
    };
  });
  t.match(open.w, /^(EACCES|EPERM|ETXTBSY)$/);
  await host.delete(waiting);
  const bundle = host.bundle((config) => {
    config.process.args = ["/evil"];
  });
  writeFileSync(join(bundle.rootfs, "evil"), "#!/proc/self/exe\n", { mode: 0o755 });
  const outcome = await host.run(bundle);
  t.not(outcome.code, 0, "the runtime as its own interpreter does nothing");
  t.equal(outcome.stdout, "");
  t.same(files.map(sum), before);
});

t.test("CVE-2019-5736: a program that is whoever executes it, by exec", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const before = OWN.map(sum);
  const bundle = host.bundle((config) => probe(config, "pid1", "sleep", "600"));
  writeFileSync(join(bundle.rootfs, "evil"), "#!/proc/self/exe\n", { mode: 0o755 });
  const id = await host.running(bundle);
  for (const program of ["/evil", "/proc/self/exe", "/proc/self/fd/3", "/proc/thread-self/exe"]) {
    const outcome = await host.call(["exec", id, program, "--version"]);
    t.not(outcome.code, 0, program);
    t.equal(outcome.stdout, "", program);
    t.equal(outcome.stderr.trim().split("\n").length, 1, outcome.stderr);
  }
  await host.delete(id);
  t.same(OWN.map(sum), before);
});

t.test("CVE-2022-0847: no page of a file of the host's is executed inside", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const id = await host.created(host.bundle());
  const { pid } = await host.state(id);
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
  t.match(maps, /\/memfd:tsrun-init/, "a copy");
  t.notMatch(maps, /\/dist\/|\.so/, "and nothing else");
  await host.delete(id);
});

t.test("CVE-2016-9962: a process of the container sees nothing of one that comes in", async (t) => {
  // Against CAP_SYS_PTRACE in the host's own user namespace no process can close itself.
  const capabilities = ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SETUID"];
  const id = await entered(host, (config) => {
    config.process.capabilities = {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
    };
  });
  const spy = host.start(["exec", id, "/bin/probe", "spy", "2000"]);
  let ended = false;
  void spy.ended.then(() => {
    ended = true;
  });
  let came = 0;
  for (; !ended && came < 300; came++) await execProbe(host, id, [], "exit", "4");
  const [seen] = answersOf(["spy"], await spy.ended);
  t.comment(`${came} execs, ${seen.looks} looks, ${seen.shut} of them at a closed door`);
  t.ok(seen.shut > 0, "it has come upon helpers");
  t.same([seen.exe, seen.fds, seen.attached], [0, 0, 0]);
  await host.delete(id);
});

/** The type of a program's header that names an interpreter (elf.h). */
const PT_INTERP = 3;

function interpreted(file: string): boolean {
  const bytes = readFileSync(file);
  const [at, size, count] = [
    Number(bytes.readBigUInt64LE(32)),
    bytes.readUInt16LE(54),
    bytes.readUInt16LE(56),
  ];
  return Array.from({ length: count }, (_, index) => bytes.readUInt32LE(at + index * size)).includes(
    PT_INTERP,
  );
}

t.test(
  "CVE-2019-14271, CVE-2019-5021's like: no library of the image is loaded by the runtime's part in it",
  async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    for (const file of ["tsrun", "tsrun-init", "tsrun-supervise"].map((name) => join(PROJECT, "dist", name)))
      t.notOk(interpreted(file), `${file} is static`);
    t.ok(interpreted(process.execPath), "as this test's own program is not");
    const bundle = host.bundle();
    // A loader or a resolver that read these would say so on standard error.
    writeFileSync(join(bundle.rootfs, "etc/ld.so.preload"), "/evil.so\n");
    writeFileSync(join(bundle.rootfs, "etc/nsswitch.conf"), "passwd: evil\ngroup: evil\n");
    mkdirSync(join(bundle.rootfs, "lib/x86_64-linux-gnu"), { recursive: true });
    for (const name of ["evil.so", "lib/x86_64-linux-gnu/libnss_evil.so.2", "lib/x86_64-linux-gnu/libc.so.6"])
      writeFileSync(join(bundle.rootfs, name), "not a library");
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 0);
    t.equal(outcome.stderr, "");
  },
);

t.test("LXC's CVE-2017-5985, CVE-2022-47952: nothing of the runtime is setuid", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const dist = join(PROJECT, "dist");
  for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" }))
    t.equal(statSync(join(dist, name)).mode & 0o6000, 0, name);
});

/** Names that a runtime might look up in PATH. */
const HELPERS = [
  "newuidmap",
  "newgidmap",
  "ps",
  "runc",
  "tsrun-init",
  "tsrun-supervise",
  "criu",
  "passt",
  "sh",
  "iptables",
  "mount",
];

function plant(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of HELPERS) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho run >> '${canary}'\n`);
    chmodSync(join(folder, name), 0o755);
  }
}

t.test(
  "CVE-2026-84042, CVE-2022-1227: no program of the image or the bundle is run on the host",
  async (t) => {
    const helpers = join(host.dir, "helpers");
    plant(helpers);
    const mapped = (config: Config): void => {
      probe(config, "pid1", "sleep", "600");
      config.process.env = [`PATH=${helpers}:/bin`, `LD_PRELOAD=${helpers}/sh`];
      config.linux.namespaces.push({ type: "user" });
      config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    };
    const bundle = host.bundle(mapped);
    for (const folder of [bundle.dir, join(bundle.rootfs, "usr/bin"), join(bundle.rootfs, "sbin")])
      plant(folder);
    const env = { PATH: process.env["PATH"] ?? "" };
    const id = host.id();
    await host.must(["create", "-b", bundle.dir, id], { cwd: bundle.dir, env });
    await host.must(["start", id], { cwd: bundle.rootfs, env });
    t.match((await host.must(["ps", id], { cwd: bundle.dir, env })).stdout, "probe");
    await host.must(["exec", id, "/bin/probe", "true"], { cwd: bundle.dir, env });
    await host.must(["delete", "--force", id], { cwd: bundle.dir, env });
    unharmed(t, "helpers");
  },
);

await host.end();
