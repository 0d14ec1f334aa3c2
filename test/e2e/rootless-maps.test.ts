/**
 * Maps of more than the user's own id, by newuidmap and newgidmap. They look into /etc/passwd, /etc/subuid and /etc/subgid:
 * each call here has files of its own in their places, in a mount namespace of its own.
 */
import { spawnSync } from "node:child_process";
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import type { Patch } from "./support/config.ts";
import { answersOf, type CallOptions, messageOf, onlyTsrun } from "./support/host.ts";
import { NAME, openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true });
const { host } = user;

if (
  spawnSync("sh", ["-c", "command -v newuidmap && command -v newgidmap && command -v setpriv"]).status !== 0
) {
  await t.test(
    "newuidmap",
    { skip: "needs newuidmap and newgidmap (package uidmap)" },
    async () => undefined,
  );
  await user.end();
  process.exit(0);
}

const FIRST = 700_000;

/** A call for which these are /etc/subuid and /etc/subgid. */
const allowed = (subuid: string, subgid?: string): CallOptions => user.allowed(subuid, subgid);

const mapped: Patch = (config) => {
  config.linux.uidMappings = [
    { containerID: 0, hostID: USER.uid, size: 1 },
    { containerID: 1, hostID: FIRST, size: 999 },
  ];
  config.linux.gidMappings = [
    { containerID: 0, hostID: USER.gid, size: 1 },
    { containerID: 1, hostID: FIRST + 50, size: 999 },
  ];
};

const tidy = (lines: readonly string[]): string[] => lines.map((line) => line.trim().replace(/\s+/g, " "));

t.test("several ranges, from the name's line and the number's", async (t) => {
  const questions = ["maps", "ids"] as const;
  const bundle = user.bundle((config) => {
    mapped(config);
    config.process.user = { uid: 7, gid: 8 };
    config.process.args = askingArgs(questions);
  });
  for (const who of [NAME, String(USER.uid)]) {
    const outcome = await host.call(
      ["run", "--bundle", bundle.dir, host.id()],
      allowed(`${who}:${FIRST}:65536\n`),
    );
    const [maps, ids] = answersOf(questions, outcome);
    t.same(tidy(maps.uid), [`0 ${USER.uid} 1`, `1 ${FIRST} 999`], who);
    t.same(tidy(maps.gid), [`0 ${USER.gid} 1`, `1 ${FIRST + 50} 999`]);
    t.same(maps.setgroups, ["allow"]);
    t.same([ids.uid[0], ids.gid[0]], [7, 8]);
  }
});

t.test("with more groups mapped, additional groups are set", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = user.bundle((config) => {
    mapped(config);
    config.process.user = { uid: 0, gid: 0, additionalGids: [5, 6] };
    config.process.args = ["/bin/probe", "ids"];
  });
  const outcome = await host.call(
    ["run", "--bundle", bundle.dir, host.id()],
    allowed(`${NAME}:${FIRST}:65536\n`),
  );
  t.match(outcome.stdout, '"groups":[5,6]', outcome.stderr);
});

t.test("exec and kill reach processes of other ids", async (t) => {
  const options = allowed(`${NAME}:${FIRST}:65536\n`);
  const bundle = user.bundle((config) => {
    mapped(config);
    config.process.user = { uid: 7, gid: 8 };
    config.process.args = ["/bin/probe", "sleep", "1000"];
  });
  const id = host.id();
  await host.must(["create", "--bundle", bundle.dir, id], options);
  const exec = async () => (await host.must(["exec", id, "/bin/probe", "ids"], options)).stdout;
  // runc's own process is closed to its owner once it has taken another id.
  if ((await host.kind()) === "tsrun") t.match(await exec(), '"uid":[7,', "while it waits");
  await host.must(["start", id], options);
  t.match(await exec(), '"uid":[7,', "while it runs");
  t.match((await host.must(["exec", "--user", "9:9", id, "/bin/probe", "ids"], options)).stdout, '"uid":[9,');
  await host.must(["kill", id, "KILL"], options);
  await host.must(["delete", "--force", id], options);
});

t.test("what newuidmap refuses is told with the line that is missing or too short", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = user.bundle(mapped);
  const wide = `${NAME}:${FIRST}:65536\n`;
  for (const [subuid, subgid, cure] of [
    ["", wide, /uidMappings\/1\); hint: \/etc\/subuid has no line for tsrun-test.*usermod --add-subuids/],
    [wide, "", /gidMappings\/1\); hint: \/etc\/subgid has no line for tsrun-test.*usermod --add-subgids/],
    [
      `${NAME}:${FIRST}:99\n`,
      wide,
      /uidMappings\/1\); hint: the mapping takes ids 700000 to 700998 .*gives tsrun-test only 700000 to 700098/,
    ],
  ] as const) {
    const outcome = await host.call(["run", "--bundle", bundle.dir, host.id()], allowed(subuid, subgid));
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), cure);
  }
});

t.test(
  "a pipe can be opened anew by another user of the container: root of the namespace gives it",
  async (t) => {
    for (const uid of [0, 7]) {
      const bundle = user.bundle((config) => {
        mapped(config);
        config.process.user = { uid, gid: 0 };
        config.process.args = ["/bin/sh", "-c", "echo anew >/dev/stdout"];
      });
      const call = allowed(`${USER.uid}:${FIRST}:65536\n`);
      // The user's own pipe: made by a shell that is his already.
      const through = [...(call.through ?? []), "sh", "-c", '"$@" | cat', "sh"];
      const outcome = await host.call(["run", "--bundle", bundle.dir, host.id()], { ...call, through });
      t.same([outcome.stdout, outcome.stderr], ["anew\n", ""], `user ${uid}`);
    }
  },
);

await user.end();
