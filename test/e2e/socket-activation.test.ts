/** Socket activation (sd_listen_fds(3)): a listening socket that the caller passed is the program's descriptor 3. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import t from "tap";
import { type Answers, askingArgs } from "./support/answers.ts";
import { probe } from "./support/config.ts";
import { onlyTsrun, openHost, type Running, type TestBundle } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost();
let sockets = 0;

/** What the program writes to one who connects. */
function said(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const connection = connect(path, () => undefined);
    connection.on("data", (bytes) => {
      text += bytes.toString();
    });
    connection.on("end", () => resolve(text));
    connection.on("error", reject);
  });
}

/** A program that says where it is, which descriptors and environment it has, and then answers at its socket. */
function answering(): TestBundle {
  return host.bundle((config) => {
    config.process.args = [...askingArgs(["proc", "fds", "env"]), ",", "answer-one", "hello"];
  });
}

/** Starts the runtime as systemd would start it for a socket. */
function activated(args: readonly string[], names?: string): { call: Running; path: string } {
  sockets += 1;
  const path = join(host.dir, `socket-${sockets}`);
  const env = { PATH: process.env["PATH"] ?? "", TSRUN_TEST: host.tag };
  const call = host.start(args, {
    launch: [`socket=3:${path}`, "listen=1"],
    env: names === undefined ? env : { ...env, LISTEN_FDNAMES: names },
  });
  return { call, path };
}

async function facts(call: Running) {
  const lines = await until("three answers", () => {
    const found = call.stdout().split("\n");
    return found.length > 3 && found;
  });
  const [proc, fds, env] = lines.slice(0, 3).map((line): unknown => JSON.parse(line)) as [
    Answers["proc"],
    Answers["fds"],
    Answers["env"],
  ];
  return { pid: proc.pid, fds, listen: env.filter((entry) => entry.startsWith("LISTEN_")).sort() };
}

t.test("run: the program answers at the socket", async (t) => {
  const { call, path } = activated(["run", "-b", answering().dir, host.id()]);
  const { pid, fds, listen } = await facts(call);
  t.match(fds["3"], /^socket:/);
  t.same(Object.keys(fds), ["0", "1", "2", "3"]);
  t.same(listen, ["LISTEN_FDS=1", "LISTEN_PID=1"]);
  t.equal(pid, 1, "LISTEN_PID is the program itself");
  t.equal(await said(path), "hello");
  t.equal((await call.ended).code, 0);
});

t.test("create and start: the socket waits with the container", async (t) => {
  const id = host.id();
  const { call, path } = activated(["create", "-b", answering().dir, id]);
  t.equal((await call.ended).code, 0);
  const answer = said(path); // who connects before the start is kept waiting
  await host.must(["start", id]);
  t.equal(await answer, "hello");
  await host.reaches(id, "stopped");
  await host.delete(id);
});

t.test("the sockets' names are passed on", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 drops them
  const { call, path } = activated(["run", "-b", answering().dir, host.id()], "web");
  t.same((await facts(call)).listen, ["LISTEN_FDNAMES=web", "LISTEN_FDS=1", "LISTEN_PID=1"]);
  t.equal(await said(path), "hello");
  await call.ended;
});

t.test("what was meant for another process stays out", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = askingArgs(["fds", "env"]);
  });
  const outcome = await host.run(bundle, [], {
    launch: ["open=3:/dev/zero"],
    env: { PATH: "/bin", TSRUN_TEST: host.tag, LISTEN_FDS: "1", LISTEN_PID: "1", LISTEN_FDNAMES: "web" },
  });
  const [fds, env] = outcome.stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line)) as [Answers["fds"], Answers["env"]];
  t.same(Object.keys(fds), ["0", "1", "2"]);
  t.same(
    env.filter((entry) => entry.startsWith("LISTEN_")),
    [],
  );
});

t.test("systemd's own tool", async (t) => {
  const tool = "/usr/bin/systemd-socket-activate";
  const missing = !existsSync(tool) && `needs ${tool}`;
  await t.test("starts a container at the first connection", { skip: missing }, async (t) => {
    const path = join(host.dir, "activate");
    const bundle = host.bundle((config) => {
      probe(config, "answer-one", "hello");
    });
    const words = ["--root", host.stateRoot, "run", "-b", bundle.dir, host.id()];
    const child = spawn(tool, ["-l", path, host.runtime, ...words], {
      stdio: "ignore",
      env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
    });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    const answer = await until("it listens", () => said(path).catch(() => undefined));
    t.equal(answer, "hello");
    t.equal(await ended, 0);
  });
});

await host.end();
