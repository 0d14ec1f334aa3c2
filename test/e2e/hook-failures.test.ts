/** Hooks that fail, hang, or are not there: what each stage's failure does to the container. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { hooksLog, STAGES, sh } from "./support/hooks.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOf } from "./support/outside.ts";

const host = openHost({ busybox: true });

t.test("a hook that does not read its input is no failure", async (t) => {
  const { bundle } = hooksLog(host, "epipe");
  bundle.config.annotations = { large: "x".repeat(200_000) };
  bundle.config.hooks = Object.fromEntries(STAGES.map((stage) => [stage, [sh("exec <&-; exit 0")]]));
  bundle.save();
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 0, outcome.stderr);
});

t.test("a failing hook before the start fails create, and poststop hooks run", async (t) => {
  for (const stage of ["prestart", "createRuntime", "createContainer"] as const) {
    const { bundle, log, write } = hooksLog(host, `fail-${stage}`);
    bundle.config.hooks = {
      [stage]: [
        write(stage, "true"),
        write(stage, "echo complaint >&2; exit 7"),
        write(stage, "touch LOG/third"),
      ],
      poststop: [write("poststop", "echo ran > LOG/poststop")],
    };
    bundle.save();
    const id = host.id();
    const outcome = await host.call(["create", "-b", bundle.dir, id]);
    t.equal(outcome.code, 1, stage);
    t.match(messageOf(outcome), /error running (\w+ )?hook/);
    t.match(messageOf(outcome), "complaint", "what the hook wrote is shown");
    t.match(messageOf(outcome), "7");
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), `config.json#/hooks/${stage}/1`);
    t.equal(log("third"), "", "the hooks after it do not run");
    t.equal((await host.call(["state", id])).code, 1, "nothing is left");
    t.same(cgroupsOf(id), []);
    if ((await host.kind()) === "tsrun") t.equal(log("poststop"), "ran\n");
  }
});

t.test("a failing startContainer hook fails start: the program does not run", async (t) => {
  const { bundle, log, write } = hooksLog(host, "fail-start");
  bundle.config.hooks = { startContainer: [write("startContainer", "exit 5")] };
  bundle.save();
  const id = await host.created(bundle);
  const outcome = await host.call(["start", id]);
  if ((await host.kind()) === "tsrun") {
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), "error running");
  } else t.comment("runc's start returns 0: an exec fifo cannot say that the rest failed");
  await host.reaches(id, "stopped");
  t.equal(log("program"), "");
  await host.delete(id);
});

t.test("a failing poststart hook stops the container and fails start", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const { bundle, write } = hooksLog(host, "fail-poststart");
  bundle.config.hooks = { poststart: [write("poststart", "exit 5")] };
  probe(bundle.config, "sleep", "1000");
  bundle.save();
  const id = await host.created(bundle);
  const outcome = await host.call(["start", id]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "error running");
  const after = await host.call(["state", id]);
  if (after.code === 0) t.match(after.stdout, /"status": "stopped"/);
  await host.delete(id);
});

t.test("a failing poststop hook is reported, and the container is gone all the same", async (t) => {
  const { bundle, log, write } = hooksLog(host, "fail-poststop");
  bundle.config.hooks = {
    poststop: [write("poststop", "exit 5"), write("poststop", "echo ran > LOG/second")],
  };
  bundle.save();
  const id = await host.running(bundle);
  await host.reaches(id, "stopped");
  const outcome = await host.call(["delete", id]);
  t.equal((await host.call(["state", id])).code, 1);
  t.same(cgroupsOf(id), []);
  if ((await host.kind()) === "tsrun") {
    t.match(outcome.stderr, /poststop/);
    t.equal(log("second"), "ran\n", "the spec: the remaining hooks run");
  }
});

t.test("a hook that takes too long is ended", async (t) => {
  for (const stage of ["prestart", "createContainer"] as const) {
    const { bundle } = hooksLog(host, `timeout-${stage}`);
    bundle.config.hooks = { [stage]: [sh("exec sleep 1000", { timeout: 1 })] };
    bundle.save();
    const id = host.id();
    const before = Date.now();
    const outcome = await host.call(["create", "-b", bundle.dir, id]);
    t.equal(outcome.code, 1, stage);
    t.match(messageOf(outcome), /hook/);
    t.match(messageOf(outcome), /timed out|too long|timeout/);
    t.ok(Date.now() - before < 8000, "soon after its second");
    t.equal((await host.call(["state", id])).code, 1);
  }
});

t.test("a hook that is not there, or cannot be executed", async (t) => {
  const plain = join(host.dir, "plain");
  writeFileSync(plain, "#!/bin/sh\n", { mode: 0o644 });
  for (const [path, words] of [
    ["/no/such/hook", /no such file or directory/],
    [plain, /permission denied/],
  ] as const) {
    const bundle = host.bundle((config) => {
      config.hooks = { prestart: [{ path }] };
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), words);
  }
});

await host.end();
