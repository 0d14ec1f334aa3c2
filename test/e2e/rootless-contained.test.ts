/** Root of a user namespace that an ordinary user made, as his engine calls runtimes: without a user namespace in config.json. */
import { chmodSync, chownSync, cpSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import type { Config } from "./support/config.ts";
import { type CallOptions, messageOf, onlyTsrun } from "./support/host.ts";
import { openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true });
const { host } = user;

const contained: CallOptions = {
  user: USER,
  through: ["unshare", "--user", "--map-root-user", "--mount"],
  env: user.env(),
  bare: true,
};
const call = (...args: string[]) => host.call(args, contained);
const must = (...args: string[]) => host.must(args, contained);

function plain(config: Config): void {
  config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "user");
  delete config.linux.uidMappings;
  delete config.linux.gidMappings;
  config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
}

t.test("a container in his user namespace", async (t) => {
  const bundle = user.bundle((config) => {
    plain(config);
    config.process.args = ["/bin/sh", "-c", "id -u; cat /proc/self/uid_map; ls -l /dev/null"];
  });
  const outcome = await call("run", "--bundle", bundle.dir, host.id());
  t.equal(outcome.code, 0, outcome.stderr);
  t.match(outcome.stdout, /^0\n\s+0\s+61234\s+1\ncrw-rw-rw-/);
});

t.test("state lies in XDG_RUNTIME_DIR, and exec enters it from another such namespace's call", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = user.bundle((config) => {
    plain(config);
    config.process.args = ["/bin/probe", "sleep", "1000"];
  });
  const id = host.id();
  const script = `set -e
    ${host.runtime} create --bundle ${bundle.dir} ${id}
    ${host.runtime} exec ${id} /bin/sh -c 'exit 5' || echo created $?
    ${host.runtime} start ${id}
    ${host.runtime} exec ${id} /bin/sh -c 'exit 6' || echo running $?
    ${host.runtime} ps ${id} | wc -l
    ${host.runtime} delete --force ${id}`;
  const outcome = await host.call([], {
    ...contained,
    through: ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
  });
  t.equal(outcome.code, 0, outcome.stderr);
  t.match(outcome.stdout, "created 5\nrunning 6\n2\n");
  t.same(
    readdirSync(join(user.runtimeDir, "tsrun")).filter((name) => name !== "~seccomp"),
    [],
  );
});

t.test("a user namespace in config.json, below his", async (t) => {
  const bundle = user.bundle((config) => {
    config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    config.process.args = ["/bin/probe", "true"];
  });
  const outcome = await call("run", "--bundle", bundle.dir, host.id());
  if ((await host.kind()) === "tsrun") t.equal(outcome.code, 0, outcome.stderr);
  else t.comment(`runc: ${outcome.code} ${messageOf(outcome)}`);
});

t.test("files of tsrun that are the host root's, or anybody's, are no danger to him", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = user.bundle((config) => {
    plain(config);
    config.process.args = ["/bin/probe", "true"];
  });
  const dist = join(host.dir, "loose");
  cpSync(dirname(host.runtime), dist, { recursive: true });
  for (const name of readdirSync(dist)) {
    chownSync(join(dist, name), USER.uid + 1, USER.gid);
    chmodSync(join(dist, name), 0o777);
  }
  const own = `exec ${join(dist, "tsrun")} "$@"`;
  const outcome = await host.call(["run", "--bundle", bundle.dir, host.id()], {
    ...contained,
    through: [...(contained.through ?? []), "sh", "-c", own],
  });
  t.equal(outcome.code, 0, outcome.stderr);
  // The same files are refused by the host's root: see trusted-files.test.ts.
  const asRoot = await host.call(["run", "--bundle", bundle.dir, host.id()], { through: ["sh", "-c", own] });
  t.equal(asRoot.code, 1);
  t.match(asRoot.stderr, "can be changed by others than root");
});

t.test("a limit needs a cgroup; device rules are left out", async (t) => {
  const bundle = user.bundle((config) => {
    plain(config);
    config.linux.resources["memory"] = { limit: 1 << 26 };
  });
  const outcome = await call("run", "--bundle", bundle.dir, host.id());
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "cannot set memory limit: container could not join or create cgroup");
});

t.test("a host that gives no user namespaces is named with its setting and the cure", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = user.bundle((config) => {
    config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
  });
  // The setting is one of each user namespace, and goes with it.
  const forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"';
  const outcome = await host.call(["run", "--bundle", bundle.dir, host.id()], {
    ...contained,
    through: [...(contained.through ?? []), "sh", "-c", forbid, "sh"],
  });
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /make a user namespace: unshare CLONE_NEWUSER: ENOSPC.*hint: user.max_user_namespaces is 0: .*sysctl user.max_user_namespaces=15000/,
  );
});

t.test("--version needs nothing", async (t) => {
  t.match((await must("--version")).stdout, "version");
});

await user.end();
