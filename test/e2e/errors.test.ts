/** What goes wrong, in the words and with the codes that engines look for; on standard error or in the log. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { intended, messageOf, type Outcome, openHost } from "./support/host.ts";

const host = openHost();
const bundle = host.bundle((config) => probe(config, "sleep", "1000"));

function refused(
  t: { equal: typeof import("tap").t.equal; match: typeof import("tap").t.match },
  outcome: Outcome,
  words: string | RegExp,
): void {
  t.equal(outcome.code, 1, outcome.args.join(" "));
  t.match(messageOf(outcome), words);
  t.equal(outcome.stderr.trimEnd().split("\n").length, 1, "one line");
}

t.test("a container that does not exist", async (t) => {
  for (const verb of ["state", "start", "kill", "delete"]) {
    refused(t, await host.call([verb, "nope"]), "container does not exist");
  }
});

t.test("a container that exists already", async (t) => {
  const id = await host.created(bundle);
  refused(t, await host.call(["create", "-b", bundle.dir, id]), "container with given ID already exists");
  refused(t, await host.call(["run", "-b", bundle.dir, id]), "container with given ID already exists");
  t.equal((await host.state(id)).status, "created", "and it is left alone");
  await host.delete(id);
});

t.test("starting twice, starting what has stopped", async (t) => {
  const id = await host.running(bundle);
  refused(t, await host.call(["start", id]), "cannot start an already running container");
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  refused(t, await host.call(["start", id]), "cannot start a container that has stopped");
  await host.delete(id);
});

t.test("a bundle without config.json", async (t) => {
  const empty = host.bundle();
  rmSync(join(empty.dir, "config.json"));
  for (const verb of ["create", "run"]) {
    refused(
      t,
      await host.call([verb, "-b", empty.dir, host.id()]),
      "JSON specification file config.json not found",
    );
  }
});

t.test("a bundle that is not there", async (t) => {
  const outcome = await host.call(["create", "-b", join(host.dir, "nowhere"), host.id()]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /no such file or directory|config.json not found/);
});

t.test("a truncated config.json", async (t) => {
  const broken = host.bundle();
  writeFileSync(join(broken.dir, "config.json"), '{"ociVersion": "1.0.2"');
  refused(t, await host.call(["create", "-b", broken.dir, host.id()]), /unexpected E(OF|nd)|unexpected end/i);
});

t.test("the wrong number of arguments", async (t) => {
  for (const args of [
    ["create"],
    ["create", "a", "b"],
    ["start"],
    ["state"],
    ["state", "a", "b"],
    ["delete"],
    ["kill"],
  ]) {
    const outcome = await host.call(args);
    t.equal(outcome.code, 1, args.join(" "));
    t.match(`${outcome.stderr}${outcome.stdout}`, /argument/);
  }
});

t.test("options and commands that do not exist", async (t) => {
  const option = await host.call(["run", "--nosuch", "x"]);
  t.equal(option.code, 1);
  t.match(`${option.stderr}${option.stdout}`, /nosuch/);
  const command = await host.call(["nosuchcommand"]);
  t.equal(
    command.code,
    intended(await host.kind(), { runc: 3, tsrun: 3, why: "engines do not look; the number is the field's" }),
  );
  t.match(`${command.stderr}${command.stdout}`, /nosuchcommand/);
});

t.test("--log takes the record, standard error the bare message", async (t) => {
  for (const [format, line] of [
    ["json", undefined],
    ["text", /^time="\d{4}-\d\d-\d\dT[^"]+" level=error msg="?container does not exist.*\n$/],
  ] as const) {
    const log = join(host.dir, `log.${format}`);
    const outcome = await host.call(["--log", log, "--log-format", format, "state", "nope"]);
    t.equal(outcome.code, 1);
    t.match(outcome.stderr, /^container does not exist.*\n$/);
    const text = readFileSync(log, "utf8");
    if (line !== undefined) t.match(text, line);
    else {
      const record = JSON.parse(text) as { level: string; msg: string; time: string };
      t.equal(record.level, "error");
      t.match(record.msg, /^container does not exist/);
      t.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
    }
  }
});

t.test("--log appends", async (t) => {
  const log = join(host.dir, "log.twice");
  for (const _ of [1, 2]) await host.call(["--log", log, "--log-format=json", "state", "nope"]);
  t.equal(readFileSync(log, "utf8").trimEnd().split("\n").length, 2);
});

t.test("without --log, standard error takes the record: JSON where that is the format", async (t) => {
  const text = await host.call(["state", "nope"]);
  const pattern = intended(await host.kind(), {
    runc: /^time="[^"]+" level=error msg="container does not exist"\n$/,
    tsrun: /^container does not exist.*\n$/,
    why: "a person reads it: the time and the level say nothing there",
  });
  t.match(text.stderr, pattern);
  const json = await host.call(["--log-format", "json", "state", "nope"]);
  t.match((JSON.parse(json.stderr.trim()) as { msg: string }).msg, /^container does not exist/);
});

t.test("a log format that does not exist", async (t) => {
  const outcome = await host.call(["--log-format", "xml", "state", "nope"]);
  t.equal(outcome.code, 1);
  t.match(`${outcome.stderr}${outcome.stdout}`, /xml|log-format/);
});

t.test("a log file that cannot be opened", async (t) => {
  const outcome = await host.call(["--log", join(host.dir, "no/such/log"), "state", "nope"]);
  t.equal(outcome.code, 1);
  const words = intended(await host.kind(), {
    runc: /no such file or directory/,
    tsrun: /cannot write to the log file .*no\/such\/log/,
    why: "a log that cannot be written is no reason to refuse a container's end, so it is a warning",
  });
  t.match(`${outcome.stderr}${outcome.stdout}`, words);
});

t.test("options are taken with one dash, with =, in any order before the command", async (t) => {
  const log = join(host.dir, "log.dash");
  const outcome = await host.call(
    ["-log", log, "-log-format=json", `--root=${host.stateRoot}`, "state", "nope"],
    { bare: true },
  );
  t.equal(outcome.code, 1);
  t.ok(existsSync(log));
});

t.test("--help of each command, and of none, exits 0", async (t) => {
  for (const verb of ["create", "start", "state", "run", "kill", "delete", "list", "spec", "features"]) {
    for (const word of ["-h", "--help"]) {
      const outcome = await host.call([verb, word]);
      t.equal(outcome.code, 0, `${verb} ${word}`);
      t.match(outcome.stdout, verb);
    }
  }
  t.match((await host.must(["--help"])).stdout, "create");
});

t.test("--version", async (t) => {
  for (const word of ["--version", "-v"]) {
    const { stdout } = await host.must([word], { bare: true });
    const lines = stdout.trimEnd().split("\n");
    t.match(lines[0], /^(runc|tsrun) version \d+\.\d+\.\d+/);
    t.match(lines[1], /^commit: \S+/);
    t.match(lines[2], /^spec: 1\.\d+\.\d+/);
  }
});

await host.end();
