/** Who the program is: ids, groups, umask, capabilities, noNewPrivileges, keyring. */
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import { answersOf, openHost } from "./support/host.ts";

const host = openHost();

/** Capability numbers (linux/capability.h) as the mask that the probe prints. */
function mask(...numbers: number[]): string {
  return numbers
    .reduce((bits, number) => bits | (1n << BigInt(number)), 0n)
    .toString(16)
    .padStart(16, "0");
}

t.test("user, group, additional groups, umask", async (t) => {
  const [ids] = await host.ask(["ids"], (config) => {
    config.process.user = { uid: 1000, gid: 1001, additionalGids: [29, 5, 2_147_483_647], umask: 0o027 };
  });
  t.same(ids.uid, [1000, 1000, 1000, 1000]);
  t.same(ids.gid, [1001, 1001, 1001, 1001]);
  t.same(ids.groups, [5, 29, 2_147_483_647]);
  t.equal(ids.umask, "0027");
});

t.test("no additional groups means none, and the umask is 022", async (t) => {
  const [ids] = await host.ask(["ids"], undefined, [], { launch: ["umask=077"] });
  t.same(ids.groups, []);
  t.equal(ids.umask, "0022");
});

t.test("the largest ids", async (t) => {
  const [ids] = await host.ask(["ids"], (config) => {
    config.process.user = { uid: 2_147_483_647, gid: 2_147_483_647 };
    config.process.cwd = "/";
    config.process.capabilities = {};
  });
  t.same(ids.uid, [2_147_483_647, 2_147_483_647, 2_147_483_647, 2_147_483_647]);
});

t.test("the five capability sets, each on its own", async (t) => {
  const sets = {
    bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_AUDIT_READ"],
    permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
    effective: ["CAP_CHOWN", "CAP_KILL"],
    inheritable: ["CAP_KILL", "CAP_NET_RAW"],
    ambient: ["CAP_KILL"],
  };
  const [asUser] = await host.ask(["caps"], (config) => {
    config.process.user = { uid: 1000, gid: 1000 };
    config.process.capabilities = sets;
  });
  t.equal(asUser.bounding, mask(0, 5, 13, 18, 37));
  t.equal(asUser.inheritable, mask(5, 13));
  t.equal(asUser.ambient, mask(5));
  t.equal(asUser.permitted, mask(5), "an execve by a user keeps the ambient ones");
  t.equal(asUser.effective, mask(5));
  t.equal(asUser.securebits, 0);

  const [asRoot] = await host.ask(["caps"], (config) => {
    config.process.capabilities = sets;
  });
  t.equal(asRoot.bounding, mask(0, 5, 13, 18, 37));
  t.equal(asRoot.permitted, mask(0, 5, 13), "with noNewPrivileges root's execve adds nothing");
  t.equal(asRoot.inheritable, mask(5, 13));
});

t.test("no capabilities at all", async (t) => {
  for (const uid of [0, 1000]) {
    const [caps] = await host.ask(["caps"], (config) => {
      config.process.user = { uid, gid: uid };
      config.process.capabilities = {
        bounding: [],
        effective: [],
        permitted: [],
        inheritable: [],
        ambient: [],
      };
    });
    t.equal(caps.bounding, mask());
    t.equal(caps.permitted, mask());
    t.equal(caps.effective, mask());
  }
});

t.test("an unknown capability is warned about, not refused", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.capabilities = {
      bounding: ["CAP_KILL", "CAP_NOSUCH"],
      effective: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
    };
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 0);
  t.match(outcome.stderr, "CAP_NOSUCH");
});

t.test("noNewPrivileges", async (t) => {
  for (const value of [true, false]) {
    const [nnp] = await host.ask(["nnp"], (config) => {
      config.process.noNewPrivileges = value;
    });
    t.equal(nnp.noNewPrivileges, value ? 1 : 0);
    t.equal(nnp.seccomp, 0);
    t.equal(nnp.childSubreaper, 0);
    t.equal(nnp.parentDeathSignal, 0);
  }
});

t.test("a session keyring of its own, named for the container, unless --no-new-keyring", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = askingArgs(["keyring"]);
  });
  const id = host.id();
  const [own] = answersOf(["keyring"] as const, await host.must(["run", "-b", bundle.dir, id]));
  t.match(own.session, new RegExp(`;_ses\\.${id}$`));
  const [shared] = answersOf(["keyring"] as const, await host.run(bundle, ["--no-new-keyring"]));
  t.notMatch(shared.session ?? "", host.tag);
});

await host.end();
