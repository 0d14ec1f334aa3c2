/** Names that become parts of paths: ids, cgroups; and texts so long or odd that reading them must stay cheap. */
import { mkdirSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { folderIn } from "../support/cgroup-files.ts";
import { entered, execProbe } from "../support/exec.ts";
import { messageOf, onlyTsrun, openHost } from "../support/host.ts";
import { cgroupsOfProcess, namesIn, textOf } from "../support/outside.ts";
import { outsideOf } from "../support/outside-bundle.ts";
import { patience } from "../support/slow.ts";

const host = openHost();
const { outside, unharmed } = outsideOf(host);

t.test("an id that is a path, in every command", async (t) => {
  const bundle = host.bundle();
  for (const id of ["../outside", "..", ".", "a/../../outside", `/${outside}`, "a\nb", ""]) {
    for (const args of [
      ["create", "-b", bundle.dir, id],
      ["run", "-b", bundle.dir, id],
      ["start", id],
      ["state", id],
      ["kill", id],
      ["delete", id],
    ]) {
      const outcome = await host.call(args);
      t.not(outcome.code, 0, JSON.stringify(args));
    }
    await host.call(["delete", "--force", id]);
    unharmed(t, JSON.stringify(id));
  }
});

const VERBS: readonly (readonly string[])[] = [
  ["exec", "ID", "true"],
  ["exec", "-t", "ID", "true"],
  ["pause", "ID"],
  ["resume", "ID"],
  ["ps", "ID"],
  ["update", "--pids-limit", "5", "ID"],
  ["events", "--stats", "ID"],
  ["delete", "--force", "ID"],
  ["kill", "ID", "KILL"],
  ["stats", "--once", "ID"],
  ["stop", "ID"],
  ["wait", "ID"],
];

t.test("an id that is a path, in the commands that enter, watch and change", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  mkdirSync(host.stateRoot, { recursive: true });
  const before = namesIn(host.stateRoot);
  for (const id of ["../outside", "..", ".", "", `/${outside}`, "a\nb", "a/b", "x".repeat(1025), "é"]) {
    for (const words of VERBS) {
      const args = words.map((word) => (word === "ID" ? id : word));
      const outcome = await host.call(args, { limit: 5000 });
      // delete --force of what is not there is no error, as in runc; a name that cannot be one is.
      t.not(outcome.code, 0, JSON.stringify(args).slice(0, 80));
      t.match(outcome.stderr, /id|not exist|argument/i, messageOf(outcome).slice(0, 80));
      t.equal(outcome.stderr.trimEnd().split("\n").length <= 2, true, outcome.stderr);
    }
    unharmed(t, JSON.stringify(id).slice(0, 40));
  }
  t.same(namesIn(host.stateRoot), before);
});

t.test("exec --cgroup to a sibling whose name begins like the container's", async (t) => {
  const folder = (pid: number): string => folderIn(cgroupsOfProcess(pid), "pids");
  const id = await entered(host);
  const own = folder((await host.state(id)).pid);
  const sibling = `${own}-x`;
  mkdirSync(sibling);
  try {
    const name = sibling.slice(dirname(sibling).length + 1);
    for (const path of [
      `../${name}`,
      `/../${name}`,
      `pids:../${name}`,
      `x/../../${name}`,
      `//`,
      `${name}\n`,
      "..",
      `.//../${name}`,
    ]) {
      const outcome = await execProbe(host, id, ["--cgroup", path], "echo", "inside");
      if ((await host.kind()) === "tsrun") t.equal(outcome.code, 255, JSON.stringify(path));
      // runc 1.1.5 takes `//` for the container's own, and what names a controller for its whole word.
      if ((await host.kind()) === "tsrun") t.notMatch(outcome.stdout, "inside", JSON.stringify(path));
      t.equal(textOf(join(sibling, "cgroup.procs")), "", "nobody is there");
    }
  } finally {
    rmdirSync(sibling);
    await host.delete(id);
  }
});

/** Texts on which a pattern that goes back takes a time that grows with the square of the length, or faster. */
const LONG = [
  "a".repeat(300_000),
  `${"a/".repeat(100_000)}!`,
  " ".repeat(300_000),
  `${"..".repeat(100_000)}/`,
  `${",=".repeat(100_000)}`,
  `${"0".repeat(300_000)}x`,
  `${"\u001b[".repeat(100_000)}`,
];

t.test(
  "long texts wherever config.json has one are read in a time that grows with their length",
  async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    for (const [index, text] of LONG.entries()) {
      const bundle = host.bundle((config) => {
        config.hostname = text;
        config.process.env.push(text, `A=${text}`);
        config.process.cwd = `/${text}`;
        config.mounts.push({
          destination: `/${text}`,
          type: text,
          source: text,
          options: [text, `size=${text}`],
        });
        config.annotations = { [text]: text };
        config.linux.cgroupsPath = text;
        config.linux.sysctl = { [text]: text, [`net.${text}`]: text };
        config.linux.maskedPaths = [`/${text}`];
        config.linux.rootfsPropagation = text;
        config.linux.resources["unified"] = { [text]: text };
        config.linux.resources["cpu"] = { cpus: text };
        config.linux.namespaces.push({ type: text, path: text });
        config.process.capabilities = { bounding: [text] };
        config.process.rlimits = [{ type: text, soft: 1, hard: 1 }];
      });
      for (const args of [["check"], ["explain"], ["run"]]) {
        const begun = Date.now();
        const outcome = await host.call(
          [...args, "-b", bundle.dir, ...(args[0] === "run" ? [host.id()] : [])],
          { limit: patience(10_000) },
        );
        t.not(outcome.code, 0, `${args[0]} of text ${index}`);
        t.ok(Date.now() - begun < patience(4000), `${args[0]} of text ${index}: ${Date.now() - begun} ms`);
        t.notMatch(outcome.stderr + outcome.stdout, /\n\s+at /, "no trace of calls");
        t.notMatch(outcome.stderr, "\u001b", "no control character");
      }
    }
    for (const text of LONG.map((long) => long.slice(0, 100_000))) {
      const begun = Date.now();
      for (const args of [
        ["kill", "x", text],
        ["state", text],
        ["--root", text, "list"],
        ["update", "--memory", text, "x"],
        ["stop", "--time", text, "x"],
      ]) {
        const outcome = await host.call(args, { limit: patience(10_000) });
        t.notMatch(outcome.stderr, /\n\s+at |\u001b/, args.join(" ").slice(0, 40));
      }
      t.ok(Date.now() - begun < 6000, `${Date.now() - begun} ms`);
    }
  },
);

await host.end();
