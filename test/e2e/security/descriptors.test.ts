/** Descriptors that would lead out of the container, and what of the caller's comes in. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "../support/answers.ts";
import { askIn, entered, processJson } from "../support/exec.ts";
import { onlyTsrun, openHost, PROBE } from "../support/host.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { unharmed } = outsideOf(host);

t.test("CVE-2024-21626: no descriptor leads out of the container", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 has the hole
  copyFileSync(PROBE, join(host.dir, "tool"));
  for (let fd = 3; fd < 14; fd++) {
    for (const cwd of [`/proc/self/fd/${fd}`, `/proc/self/fd/${fd}/../../..`]) {
      const outcome = await host.run(
        host.bundle((config) => {
          config.process.cwd = cwd;
        }),
      );
      t.equal(outcome.code, 1, `cwd ${cwd}`);
    }
    const program = `/proc/self/fd/${fd}/../../../../../../../../../..${host.dir}/tool`;
    const bundle = host.bundle((config) => {
      config.process.args = [program, "echo", "escaped"];
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1, program);
    t.notMatch(outcome.stdout, "escaped");
  }
  unharmed(t, "descriptors");
});

t.test("CVE-2024-21626: the same by exec, with --cwd, in args[0] and in a process of its own", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  copyFileSync(PROBE, join(host.dir, "tool"));
  const id = await entered(host);
  const fd = (number: number): string => `/proc/self/fd/${number}`;
  for (let number = 3; number < 14; number++) {
    for (const cwd of [fd(number), `${fd(number)}/../../..`]) {
      const outcome = await host.call(["exec", "--cwd", cwd, id, "/bin/probe", "echo", "escaped"]);
      t.equal(outcome.code, 255, `--cwd ${cwd}`);
      const described = await host.call(["exec", "--process", "/dev/stdin", id], {
        input: processJson({ cwd, args: ["/bin/probe", "echo", "escaped"] }),
      });
      t.not(described.code, 0, `cwd of the process: ${cwd}`);
      t.notMatch(`${outcome.stdout}${described.stdout}`, "escaped");
    }
    const program = `${fd(number)}/../../../../../../../../../..${host.dir}/tool`;
    const outcome = await host.call(["exec", id, program, "echo", "escaped"]);
    t.equal(outcome.code, 255, program);
    t.notMatch(outcome.stdout, "escaped");
  }
  await host.delete(id);
  unharmed(t, "descriptors");
});

/** Descriptors that an engine might have open without close-on-exec. */
const OPEN = ["open=3:/", "open=4:/etc/passwd", "open=9:/proc", "open=16:/sys", "open=200:/etc"];

t.test(
  "CVE-2015-3627, CVE-2024-21626: nothing but the streams reaches the program, by create, run or exec",
  async (t) => {
    const asked = askingArgs(["fds", "cwd"]);
    const bundle = host.bundle((config) => {
      config.process.args = asked;
    });
    const id = host.id();
    const create = host.start(["create", "-b", bundle.dir, id], { launch: OPEN });
    await create.ended;
    await host.must(["start", id], { launch: OPEN });
    await host.reaches(id, "stopped");
    const lines = create.stdout().split("\n");
    t.same(Object.keys(JSON.parse(lines[0] ?? "") as object), ["0", "1", "2"], "create");
    t.same(JSON.parse(lines[1] ?? ""), { cwd: "/" });
    await host.delete(id);
    const [fds] = await host.ask(["fds"], undefined, [], { launch: OPEN });
    t.same(Object.keys(fds), ["0", "1", "2"], "run");
    const runs = await entered(host);
    const [inside] = await askIn(host, runs, ["fds"], [], { launch: OPEN });
    t.same(Object.keys(inside), ["0", "1", "2"], "exec");
    const [kept] = await askIn(host, runs, ["fds"], ["--preserve-fds", "2"], { launch: OPEN });
    t.same(Object.keys(kept), ["0", "1", "2", "3", "4"], "exec with two that were asked for");
    await host.delete(runs);
  },
);

await host.end();
