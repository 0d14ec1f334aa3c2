/** `--systemd-cgroup` of an ordinary user: his own manager makes the unit, and its limits bite. */
import { existsSync } from "node:fs";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf } from "./support/host.ts";
import { RUNTIME_DIR, startManager, stopManager } from "./support/login.ts";
import { textOf } from "./support/outside.ts";
import { openUser, USER } from "./support/user.ts";

const user = openUser({ systemd: true, cgroupV2: true, only: "tsrun" });
t.setTimeout(300_000);

const options = { env: { ...user.env(), XDG_RUNTIME_DIR: RUNTIME_DIR } };
const name = `t-${user.host.tag}`;

await t.test("no manager: the error says what is missing", async (t) => {
  const outcome = await user.call(
    ["--systemd-cgroup", "run", "--bundle", user.bundle().dir, user.host.id()],
    {
      env: { ...user.env(), XDG_RUNTIME_DIR: user.runtimeDir },
    },
  );
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    `cannot reach the systemd manager of user ${USER.uid} (tried ${user.runtimeDir}/systemd/private, `,
  );
  t.match(
    messageOf(outcome),
    `hint: it runs while the user is logged in, or always after: loginctl enable-linger ${USER.uid}`,
  );
});

const missing = startManager();

await t.test("a user's scope", { skip: missing ?? false }, async (t) => {
  const bundle = user.bundle((config) => {
    probe(config, "sleep", "1000");
    config.linux.cgroupsPath = `:t:${user.host.tag}`;
    config.linux.resources = { memory: { limit: 64 << 20 }, pids: { limit: 9 } };
  });
  const id = user.host.id();
  await user.must(["--systemd-cgroup", "create", "--bundle", bundle.dir, id], options);
  await user.must(["start", id], options);
  const { pid } = JSON.parse((await user.must(["state", id], options)).stdout) as { pid: number };
  const path = /^0::(.*)$/m.exec(textOf(`/proc/${pid}/cgroup`) ?? "")?.[1] ?? "";
  t.equal(path, `/user.slice/user-${USER.uid}.slice/user@${USER.uid}.service/user.slice/${name}.scope`);
  t.equal(textOf(`/sys/fs/cgroup${path}/memory.max`)?.trim(), String(64 << 20));
  t.equal(textOf(`/sys/fs/cgroup${path}/pids.max`)?.trim(), "9");
  const eats = await user.call(["exec", id, "/bin/probe", "eat", String(128 << 20)], options);
  t.not(eats.code, 0, "the limit of memory bites, also in exec");
  await user.must(["update", "--pids-limit", "12", id], options);
  t.equal(textOf(`/sys/fs/cgroup${path}/pids.max`)?.trim(), "12");
  await user.must(["delete", "--force", id], options);
  t.notOk(existsSync(`/sys/fs/cgroup${path}`), "no cgroup is left");
});

await t.test("a controller that is not delegated", { skip: missing ?? false }, async (t) => {
  const bundle = user.bundle((config) => {
    config.linux.cgroupsPath = `:t:${user.host.tag}`;
    config.linux.resources = { blockIO: { weight: 200 } };
  });
  const call = ["--systemd-cgroup", "run", "--bundle", bundle.dir, user.host.id()];
  const outcome = await user.call(call, options);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "cannot set io limit");
  t.match(messageOf(outcome), "config.json#/linux/resources/blockIO/weight");
});

if (missing === undefined) stopManager();
await user.end();
