/** ps: every process of a container, found from the outside. */
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { folderIn } from "./support/cgroup-files.ts";
import { probe, script } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOfProcess, textOf, until } from "./support/outside.ts";

const host = openHost({ busybox: true });
const tree = host.bundle((config) => script(config, "sleep 1000 & exec sleep 2000"));

/** The pids that `ps --format json` prints, ascending. */
async function pidsOf(id: string): Promise<number[]> {
  const { stdout } = await host.must(["ps", "--format", "json", id]);
  return ((JSON.parse(stdout) as number[] | null) ?? []).sort((a, b) => a - b);
}

t.test("a table and the pids, as the host numbers them", async (t) => {
  const id = await host.running(tree);
  const { pid } = await host.state(id);
  const pids = await until("two processes", async () => {
    const found = await pidsOf(id);
    return found.length === 2 && found;
  });
  t.ok(pids.includes(pid));
  const [head = "", ...rows] = (await host.must(["ps", id])).stdout.trimEnd().split("\n");
  t.match(head, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
  const shown = rows.map((row) => row.split(/ +/));
  t.same(
    shown.map(([, each]) => Number(each)).sort((a, b) => a - b),
    pids,
  );
  const first = shown.find(([, each]) => Number(each) === pid) ?? [];
  t.equal(first[0], "root");
  t.match(first[4], /^\d\d:\d\d$/);
  t.same(first.slice(5), ["?", "00:00:00", "sleep", "2000"]);
  t.equal((await host.must(["ps", "-f", "json", id])).stdout.trim().split("\n").length, 1);
  await host.delete(id);
});

t.test("options of ps(1) after the id", async (t) => {
  const id = await host.running(tree);
  const { pid } = await host.state(id);
  t.match((await host.must(["ps", id, "-ef"])).stdout, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD\n/);
  t.match(
    (await host.must(["ps", id, "aux"])).stdout,
    /^USER +PID +%CPU +%MEM +VSZ +RSS +TTY +STAT +START +TIME +COMMAND\n/,
  );
  const own = (await host.must(["ps", id, "-eo", "pid,comm,user,args"])).stdout.split("\n");
  t.match(own[0], /^ *PID +COMMAND +USER +COMMAND$/);
  t.match(
    own.find((row) => row.trim().startsWith(`${pid} `)),
    /\d+ +sleep +root +sleep 2000$/,
  );
  const outcome = await host.call(["ps", id, "-Q"]);
  t.equal(outcome.code, 1, "what is not known is refused");
  t.match(
    messageOf(outcome),
    (await host.kind()) === "tsrun" ? 'ps does not know the option "-Q"' : /option/,
  );
  t.equal((await host.call(["ps", "-f", "foo", id])).code, 1);
  t.match(messageOf(await host.call(["ps", "-f", "foo", id])), "invalid format option");
  await host.delete(id);
});

t.test("processes that were executed into it, and those in a cgroup below", async (t) => {
  const id = await host.running(tree);
  await until("two processes", async () => (await pidsOf(id)).length === 2);
  await host.must(["exec", "--detach", id, "/bin/sleep", "3000"]);
  const pids = await until("three processes", async () => {
    const found = await pidsOf(id);
    return found.length === 3 && found;
  });
  const moved = pids.at(-1) ?? -1;
  const below = join(folderIn(cgroupsOfProcess(moved), "devices"), "below");
  mkdirSync(below);
  writeFileSync(join(below, "cgroup.procs"), String(moved));
  t.same(await pidsOf(id), pids);
  t.match((await host.must(["ps", id])).stdout, "sleep 3000");
  writeFileSync(join(below, "../cgroup.procs"), String(moved));
  await until("the cgroup is empty", () => textOf(join(below, "cgroup.procs")) === "");
  rmdirSync(below);
  await host.delete(id);
});

t.test("a container that was not started, one that has stopped, one that is not there", async (t) => {
  const id = await host.created(host.bundle((config) => probe(config, "sleep", "1000")));
  t.equal((await pidsOf(id)).length, 1, "its first process waits");
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  const table = await host.must(["ps", id]);
  t.match(table.stdout, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD\n$/);
  t.equal((await host.must(["ps", "-f", "json", id])).stdout, "null\n");
  await host.delete(id);
  const outcome = await host.call(["ps", id]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "container does not exist");
});

t.test("names cannot write to the reader's terminal", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => {
    config.process.args = ["/bin/sh", "-c", "sleep 1000 #\u001b[2J\nroot 1 0"];
  });
  const id = await host.running(bundle);
  const { stdout } = await host.must(["ps", id]);
  t.notMatch(stdout, "\u001b");
  t.match(stdout, "#\\u001b[2J\\u000aroot 1 0\n");
  // A column is as wide as what the moment has in it.
  const titles = (table: string): readonly string[] => table.split("\n")[0]?.split(/ +/) ?? [];
  t.strictSame(titles((await host.must(["top", id])).stdout), titles(stdout), "top is the same");
  await host.delete(id);
});

await host.end();
