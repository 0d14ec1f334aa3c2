/** Whose processes are, and what they may: ids, groups, capabilities, as asked for and no more. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "../support/answers.ts";
import { askIn, entered, execProbe, processJson, staying } from "../support/exec.ts";
import { answersOf, intended, messageOf, openHost } from "../support/host.ts";

const host = openHost();
const kind = await host.kind();
const NONE = "0000000000000000";

t.test("CVE-2016-3697: digits are an id, whatever the image's passwd calls by that name", async (t) => {
  const bundle = host.bundle(staying());
  writeFileSync(join(bundle.rootfs, "etc/passwd"), "1000:x:0:0::/root:/bin/sh\nroot:x:0:0::/root:/bin/sh\n");
  writeFileSync(join(bundle.rootfs, "etc/group"), "1000:x:0:\n");
  const id = await host.running(bundle);
  for (const user of ["1000", "1000:1000"]) {
    const [ids] = await askIn(host, id, ["ids"], ["--user", user]);
    t.same(ids.uid, [1000, 1000, 1000, 1000], user);
    if (user.includes(":")) t.same(ids.gid, [1000, 1000, 1000, 1000], user);
  }
  await host.delete(id);
  bundle.config.process.user = { uid: 1000, gid: 1000 };
  bundle.config.process.args = askingArgs(["ids"]);
  bundle.save();
  const [ids] = answersOf(["ids"], await host.run(bundle));
  t.same([ids.uid[0], ids.gid[0]], [1000, 1000], "of config.json");
});

t.test("CVE-2026-30892: exec --user 1 is the user 1", async (t) => {
  const id = await entered(host);
  for (const number of [1, 2, 65_534]) {
    const [ids] = await askIn(host, id, ["ids"], ["--user", String(number)]);
    t.same(ids.uid, [number, number, number, number]);
  }
  await host.delete(id);
});

t.test("CVE-2024-40635, CVE-2026-46680: ids beyond their range are refused, not cut", async (t) => {
  const id = await entered(host);
  for (const number of [
    "4294967296",
    "4294967295",
    "-1",
    "18446744073709551616",
    "1e3",
    "0x10",
    "1 ",
    "+1",
    "1:4294967296",
  ]) {
    const outcome = await execProbe(host, id, ["--user", number], "ids");
    if (kind === "tsrun") t.equal(outcome.code, 255, number);
    // runc 1.1.5 takes 4294967296 for 0.
    if (kind === "tsrun") t.notMatch(outcome.stdout, '"uid":[0,', `${number} is not root`);
  }
  for (const uid of [4294967296, 4294967295, -1, 1.5, 2 ** 53]) {
    const outcome = await host.call(["exec", "--process", "/dev/stdin", id], {
      input: processJson({ user: { uid, gid: 0 }, args: askingArgs(["ids"]) }),
    });
    t.notMatch(outcome.stdout, '"uid":[0,', `${uid} of a process`);
    const run = await host.run(
      host.bundle((config) => {
        config.process.user = { uid, gid: 0 };
        config.process.args = askingArgs(["ids"]);
      }),
    );
    t.equal(run.code, 1, `${uid} of config.json`);
    t.notMatch(run.stdout, '"uid":[0,');
  }
  if (kind === "tsrun") {
    const [top] = await host.ask(["ids"], (config) => {
      config.process.user = { uid: 4294967294, gid: 2147483648 };
    });
    t.same([top.uid[0], top.gid[0]], [4294967294, 2147483648], "the largest that there are");
  }
  await host.delete(id);
});

t.test("CVE-2022-29162: the inheritable set is what config.json says, and nothing without it", async (t) => {
  const [none] = await host.ask(["caps"]);
  t.equal(none.inheritable, "0000000000000000");
  t.equal(none.ambient, "0000000000000000");
  const [one] = await host.ask(["caps"], (config) => {
    config.process.capabilities = { ...config.process.capabilities, inheritable: ["CAP_KILL"] };
  });
  t.equal(one.inheritable, "0000000000000020");
});

t.test(
  "CVE-2022-29162, CVE-2022-27650, CVE-2025-27612: exec --cap fills neither the inheritable nor the ambient set",
  async (t) => {
    const id = await entered(host);
    for (const extra of [[], ["--cap", "CAP_SYS_TIME"], ["--cap", "CAP_KILL", "--user", "1000"]]) {
      const [caps] = await askIn(host, id, ["caps"], extra);
      // runc 1.1.5 leaves both sets alone as well.
      t.equal(caps.inheritable, NONE, extra.join(" "));
      t.equal(caps.ambient, NONE, extra.join(" "));
    }
    await host.delete(id);
  },
);

t.test(
  "CVE-2016-8867, CVE-2018-10856: a user that is not root keeps no capability that was not given to it",
  async (t) => {
    const bounding = ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"];
    const patch = (config: {
      process: { capabilities?: object; user: { uid: number; gid: number } };
    }): void => {
      config.process.capabilities = { bounding };
      config.process.user = { uid: 1000, gid: 1000 };
    };
    const [caps] = await host.ask(["caps"], patch);
    t.same([caps.effective, caps.permitted, caps.inheritable, caps.ambient], [NONE, NONE, NONE, NONE]);
    const id = await entered(host, patch);
    const [inside] = await askIn(host, id, ["caps"], ["--user", "1001:1001"]);
    t.same([inside.effective, inside.permitted, inside.ambient], [NONE, NONE, NONE]);
    await host.delete(id);
  },
);

t.test(
  "CVE-2022-36109, CVE-2023-25173, CVE-2022-2989, -2990, -2995: the groups that were asked for, and no others",
  async (t) => {
    const caller = ["setpriv", "--groups", "7,8,4242", "--"];
    const bundle = host.bundle((config) => {
      config.process.args = askingArgs(["ids"]);
    });
    for (const [groups, expected] of [
      [undefined, []],
      [[], []],
      [
        [5, 6],
        [5, 6],
      ],
    ] as const) {
      bundle.config.process.user = { uid: 1000, gid: 1000, ...(groups && { additionalGids: [...groups] }) };
      bundle.save();
      const outcome = await host.run(bundle, [], { through: caller });
      t.same(answersOf(["ids"], outcome)[0].groups, expected, JSON.stringify(groups));
    }
    const id = await entered(host, (config) => {
      config.process.user = { uid: 0, gid: 0, additionalGids: [9] };
    });
    const [plain] = await askIn(host, id, ["ids"], [], { through: caller });
    const whose = intended<number[]>(kind, { runc: [9], tsrun: [9], why: "the container's own" });
    t.same(plain.groups, whose, "exec");
    const [given] = await askIn(host, id, ["ids"], ["--additional-gids", "11"], { through: caller });
    t.ok(
      given.groups.includes(11) && !given.groups.includes(7) && !given.groups.includes(4242),
      "exec --additional-gids",
    );
    await host.delete(id);
  },
);

t.test("a process of exec that asks for what config.json could not", async (t) => {
  const id = await entered(host);
  for (const change of [
    { user: { uid: "1000", gid: 0 } },
    { capabilities: { bounding: "CAP_KILL" } },
    { cwd: "relative" },
    { args: [] },
    { args: ["/bin/probe\u0000x"] },
    { env: ["A\u0000B=1"] },
    { rlimits: [{ type: "RLIMIT_X", soft: 1, hard: 1 }] },
  ]) {
    const outcome = await host.call(["exec", "--process", "/dev/stdin", id], { input: processJson(change) });
    t.not(outcome.code, 0, JSON.stringify(change));
    t.equal(outcome.stdout, "");
    if (kind === "tsrun") t.match(messageOf(outcome), /process\.json|standard input|#\//, messageOf(outcome));
  }
  await host.delete(id);
});

await host.end();
