/** Many execs: no mount operation, nothing left, none lost; killed at any moment; in the way of a deletion. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { folderOf } from "./support/cgroup-files.ts";
import { entered, execProbe, processJson, stillRuns } from "./support/exec.ts";
import { type Host, onlyTsrun, openHost, PROBE } from "./support/host.ts";
import { cgroupsOf, namesIn, processesOf, textOf, until } from "./support/outside.ts";
import { patience, some, times } from "./support/slow.ts";

const host = openHost();
const id = await entered(host);
const first = (await host.state(id)).pid;
const own = await folderOf(host, id, "pids");

/** The container's processes, as the host's kernel counts them. */
function members(): string[] {
  return (textOf(join(own, "cgroup.procs")) ?? "").trim().split("\n");
}

/** Processes of the whole host, dead or alive, that are a runtime's helper by name. */
function helpers(): string[] {
  return namesIn("/proc").flatMap((pid) => {
    const status = /^\d+$/.test(pid) ? textOf(`/proc/${pid}/status`) : undefined;
    const name = status === undefined ? undefined : /^Name:\s*(.*)$/m.exec(status)?.[1];
    const ours =
      textOf(`/proc/${pid}/environ`)?.includes(host.tag) === true || /^State:\s*Z/m.test(status ?? "");
    return ours && /^tsrun|memfd/.test(name ?? "") ? [`${pid} ${name}`] : [];
  });
}

/** Runs a shell loop of execs and answers how many of them failed. */
function loop(
  host: Host,
  container: string,
  count: number,
  inside: readonly string[] = ["/bin/probe", "true"],
): Promise<number> {
  const words = [host.runtime, "--root", host.stateRoot, "exec", container, ...inside];
  const child = spawn(
    "sh",
    [
      "-c",
      'n=$1; shift; bad=0; while [ $n -gt 0 ]; do n=$((n - 1)); "$@" || bad=$((bad + 1)); done; exit $bad',
      "sh",
      String(count),
      ...words,
    ],
    { stdio: "ignore", env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag } },
  );
  return new Promise((settle) => child.on("exit", (code) => settle(code ?? -1)));
}

t.test("200 in a row: no mount of the host's changes, not even for a moment", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  // In a mount namespace of its own nobody else's mounts disturb the count.
  const text = execFileSync(
    "unshare",
    [
      "-m",
      "--propagation",
      "private",
      PROBE,
      "mountwatch",
      "sh",
      "-c",
      'n=$1; shift; while [ $n -gt 0 ]; do n=$((n - 1)); "$@" || exit 9; done',
      "sh",
      String(times(t, 200)),
      host.runtime,
      "--root",
      host.stateRoot,
      "exec",
      id,
      "/bin/probe",
      "true",
    ],
    { encoding: "utf8" },
  );
  t.same(JSON.parse(text.trim().split("\n").at(-1) ?? ""), { events: 0, same: true, status: 0 });
  t.equal(members().length, 2, "no process is left in the container");
  t.same(helpers(), []);
});

t.test("the watch itself: a mount is seen", (t) => {
  const text = execFileSync(
    "unshare",
    [
      "-m",
      "--propagation",
      "private",
      PROBE,
      "mountwatch",
      "sh",
      "-c",
      "mount -t tmpfs none /mnt && umount /mnt",
    ],
    { encoding: "utf8" },
  );
  const { events } = JSON.parse(text) as { events: number };
  t.ok(events > 0);
  t.end();
});

t.test("500 in four loops at a time: none fails", async (t) => {
  const failed = await Promise.all(Array.from({ length: 4 }, () => loop(host, id, times(t, 125))));
  t.same(failed, [0, 0, 0, 0]);
  await until("all have gone", () => members().length === 2, 2000);
  t.same(helpers(), []);
});

t.test("200 detached ones", async (t) => {
  for (let at = times(t, 50); at > 0; at--) {
    const codes = await Promise.all(
      [0, 1, 2, 3].map(async () => (await host.call(["exec", "-d", id, "/bin/probe", "true"])).code),
    );
    if (codes.some((code) => code !== 0)) t.same(codes, [0, 0, 0, 0]);
  }
  await until("all have gone", () => members().length === 2, 4000);
  t.same(helpers(), []);
});

t.test("refused ones leave nothing either", async (t) => {
  for (let at = times(t, 20); at > 0; at--) t.equal((await host.call(["exec", id, "/no/such"])).code, 255);
  for (let at = times(t, 20); at > 0; at--)
    t.equal((await host.call(["exec", "-d", "--cwd", "/no/such", id, "/bin/true"])).code, 255);
  t.equal(members().length, 2);
  t.same(helpers(), []);
});

t.test("kill -9 of the runtime at any moment", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const file = join(host.dir, "sleep.json");
  writeFileSync(file, processJson({ args: ["/bin/probe", "sleep", "0.02"] }));
  for (const delay of some(t, [...Array(60).keys()], 7)) {
    const running = host.start(["exec", "-p", file, id]);
    await new Promise((resolve) => setTimeout(resolve, patience(delay / 5)));
    running.kill("SIGKILL");
    await running.ended;
  }
  // What has begun its program is the container's own by now, and ends by itself.
  await until("no helper is left", () => members().length === 2 && helpers().length === 0, 3000);
  await stillRuns(host, t, id);
});

t.test("delete --force in the midst of execs", async (t) => {
  for (let round = times(t, 4); round > 0; round--) {
    const doomed = await entered(host);
    const loops = [0, 1, 2].map(() => loop(host, doomed, 40, ["/bin/probe", "sleep", "0.005"]));
    const long = host.start(["exec", doomed, "/bin/probe", "sleep", "600"]);
    await until("who is inside", () =>
      processesOf(doomed).some((line) => / sleep 600/.test(line) && !line.includes("exec")),
    );
    await new Promise((resolve) => setTimeout(resolve, patience(60 + 40 * round)));
    const outcome = await host.call(["delete", "--force", doomed], { limit: 15_000 });
    t.equal(outcome.code, 0, outcome.stderr);
    t.equal((await long.ended).code, 137, "who was inside has been killed");
    t.ok(
      (await Promise.all(loops)).some((failed) => failed > 0),
      "who comes after is refused",
    );
    await until(
      "nothing is left",
      () => processesOf(doomed).length === 0 && cgroupsOf(doomed).length === 0,
      3000,
    );
    t.equal((await execProbe(host, doomed, [], "true")).code, 255);
  }
});

t.test("kill --all reaches what exec brought", async (t) => {
  const held = await entered(host);
  const inside = host.start(["exec", held, "/bin/probe", "sleep", "600"]);
  await until("it runs", () =>
    processesOf(`${held}`).some((line) => / sleep 600/.test(line) && !line.includes("exec")),
  );
  const folder = await folderOf(host, held, "pids");
  await until(
    "both are in",
    () => (textOf(join(folder, "cgroup.procs")) ?? "").trim().split("\n").length === 3,
  );
  await host.must(["kill", "--all", held, "KILL"]);
  t.equal((await inside.ended).code, 137);
  await host.delete(held);
});

t.test("the end of the container ends what exec brought", async (t) => {
  const held = await entered(host);
  const inside = host.start(["exec", held, "/bin/probe", "trap"]);
  await until("it runs", () => inside.stdout().includes("ready"));
  process.kill((await host.state(held)).pid, "SIGKILL");
  t.equal((await inside.ended).code, 137, "the kernel kills who is in the pid namespace");
  await host.delete(held);
});

t.test("the container is unharmed", async (t) => {
  t.ok(readFileSync(`/proc/${first}/status`, "utf8").includes("probe"));
  await stillRuns(host, t, id);
});

await host.end();
