/** What confines a container after its restore: user namespaces, AppArmor profiles, no_new_privs. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { type Counter, checkpointed, counter, counting, restored, SLOW } from "./support/checkpoint.ts";
import { intended, messageOf, type Outcome, onlyTsrun, openHost } from "./support/host.ts";
import { namesIn, textOf } from "./support/outside.ts";

const host = openHost({ criu: true });
const kind = await host.kind();
t.setTimeout(900_000);

/** A restore of its own bundle that may fail. */
function restore(program: Counter, image: string, id: string, ...extra: readonly string[]): Promise<Outcome> {
  return host.call(["restore", "-d", "-b", program.bundle.dir, "--image-path", image, ...extra, id], SLOW);
}

const FIRST = 700_000;

t.test("a user namespace of the container's own", async (t) => {
  const program = counter(host, "userns", ({ linux }) => {
    linux.maskedPaths = ["/proc/kcore", "/sys/firmware"];
    linux.readonlyPaths = ["/proc/sys"];
    linux.namespaces.push({ type: "user" });
    linux.uidMappings = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
    linux.gidMappings = [{ containerID: 0, hostID: FIRST + 1, size: 65_536 }];
  });
  chownSync(program.data, FIRST, FIRST + 1);
  execFileSync("chown", ["-hR", `${FIRST}:${FIRST + 1}`, program.bundle.rootfs]);
  const id = await counting(host, program);
  const image = join(host.dir, "cp-userns");
  // criu opens the image as the container's root. runc makes its folder so that nobody but the host's can.
  if (kind === "runc") mkdirSync(image, { mode: 0o755 });
  await checkpointed(host, id, "cp-userns");
  const before = program.count();
  if (kind === "tsrun") t.same([statSync(image).mode & 0o777, statSync(image).gid], [0o700, 0]);
  await restored(host, program, image, [], id);
  const after = await program.counts();
  t.ok(after > before && after < before + 100, `it counted on from ${before}: ${after}`);
  const { pid } = await host.state(id);
  const map = (file: string): string => (textOf(`/proc/${pid}/${file}`) ?? "").trim().replace(/\s+/g, " ");
  t.same([map("uid_map"), map("gid_map")], [`0 ${FIRST} 65536`, `0 ${FIRST + 1} 65536`]);
  const mounts = textOf(`/proc/${pid}/mountinfo`);
  const place = kind === "tsrun" ? / \/null \/proc\/kcore ro,/ : / \/null \/proc\/kcore /;
  t.match(mounts, place, "what is masked stays so");
  t.match(mounts, / \/sys \/proc\/sys ro,/, "what is read-only stays so");
  await host.delete(id);
  if (kind !== "tsrun") return;
  const { mode, gid } = statSync(image);
  t.same(
    [mode & 0o777, gid],
    [0o710, FIRST + 1],
    "its root, and nobody else, was let into the image's folder",
  );
  chownSync(image, 0, 50);
  chmodSync(image, 0o750);
  const refused = await restore(program, image, id);
  t.match(messageOf(refused), /search the folder of the image.*EACCES.*hint: .*chmod a\+x/);
  t.same(
    [statSync(image).mode & 0o777, statSync(image).gid],
    [0o750, 50],
    "a group that has permissions keeps them",
  );
  chmodSync(image, 0o751);
  await restored(host, program, image, [], id);
  await program.counts();
  await host.delete(id);
});

const apparmor = textOf("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true;
const parser = existsSync("/sbin/apparmor_parser") || existsSync("/usr/sbin/apparmor_parser");
const skip = !apparmor ? "needs AppArmor" : !parser && "needs apparmor_parser (package apparmor)";
const PROFILES = [`${host.tag}-a`, `${host.tag}-b`] as const;
const [A, B] = PROFILES;

function load(t: Test): void {
  for (const name of PROFILES) {
    const input = `profile ${name} flags=(attach_disconnected) { file, capability, network, mount, signal, ptrace, unix, }`;
    const parse = (option: string) => spawnSync("apparmor_parser", [option], { input });
    t.equal(parse("-r").status, 0);
    t.teardown(() => void parse("-R"));
  }
}

async function profileOf(id: string): Promise<string> {
  return readFileSync(`/proc/${(await host.state(id)).pid}/attr/current`, "utf8").trim();
}

t.test("an AppArmor profile is kept, or replaced with --lsm-profile", { skip }, async (t) => {
  load(t);
  const program = counter(host, "profile", ({ process }) => {
    process.apparmorProfile = A;
  });
  const id = await counting(host, program);
  t.equal(await profileOf(id), `${A} (enforce)`);
  const image = await checkpointed(host, id, "cp-profile");
  await restored(host, program, image, [], id);
  t.equal(await profileOf(id), `${A} (enforce)`);
  await host.delete(id);
  await restored(host, program, image, ["--lsm-profile", `apparmor:${B}`], id);
  t.equal(await profileOf(id), `${B} (enforce)`);
  await program.counts();
  await host.delete(id);
  const wrong = await restore(program, image, id, "--lsm-profile", B);
  t.equal(wrong.code, 1);
  t.match(
    messageOf(wrong),
    intended(kind, {
      runc: /criu failed: type RESTORE/,
      tsrun: /invalid argument ".*-b" for --lsm-profile; hint: write apparmor:PROFILE/,
      why: "runc gives no line of criu's log",
    }),
  );
  // runc, and criu, wait for ever.
  if (kind === "tsrun") {
    const missing = await restore(program, image, id, "--lsm-profile", `apparmor:${host.tag}-none`);
    t.match(
      messageOf(missing),
      /the apparmor profile ".*-none" is not loaded; hint: apparmor_parser -r FILE/,
    );
    spawnSync("apparmor_parser", ["-R"], { input: `profile ${A} {}` });
    t.match(
      messageOf(await restore(program, image, id)),
      /the apparmor profile ".*-a" is not loaded \(config\.json#\/process\/apparmorProfile\)/,
    );
  }
  t.notOk(namesIn(host.stateRoot).includes(id), "nothing is left");
});

t.test("what was checkpointed without a profile does not get one, and does not run", { skip }, async (t) => {
  if (!(await onlyTsrun(host, t))) return; // with runc it runs unconfined
  load(t);
  const program = counter(host, "bare");
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-bare");
  const before = program.count();
  const asked = await restore(program, image, id, "--lsm-profile", `apparmor:${A}`);
  t.match(messageOf(asked), /one had no apparmor profile, for which --lsm-profile could give it another/);
  program.bundle.config.process.apparmorProfile = A;
  program.bundle.save();
  t.match(
    messageOf(await restore(program, image, id)),
    /one has no apparmor profile \(config\.json#\/process\/apparmorProfile\)/,
  );
  t.equal(program.count(), before, "it has not run");
  await restored(host, program, image, ["--lsm-profile", "apparmor:unconfined"], id);
  t.equal(await profileOf(id), "unconfined", "where the caller says so");
  await program.counts();
  await host.delete(id);
});

t.test("no_new_privs and a label for mounts", async (t) => {
  const program = counter(host, "privileges", ({ process }) => {
    process.noNewPrivileges = true;
  });
  const id = await counting(host, program);
  const bit = async (): Promise<string | undefined> =>
    /^NoNewPrivs:\s*(\d)$/m.exec(textOf(`/proc/${(await host.state(id)).pid}/status`) ?? "")?.[1];
  t.equal(await bit(), "1");
  const image = await checkpointed(host, id, "cp-privileges");
  // Without SELinux no mount of the image has a label, so that none is replaced.
  const label = "system_u:object_r:container_file_t:s0";
  const { code, stderr } = await restore(program, image, id, "--lsm-mount-context", label);
  t.equal(code, 0, stderr);
  await program.counts();
  const lost = (await bit()) === "0";
  const words = /this criu has not restored no_new_privs.*#\/process\/noNewPrivileges/;
  if (kind === "tsrun" && lost) t.match(stderr, words, "criu 3.17 loses it, which tsrun tells");
  else if (kind === "tsrun") t.notMatch(stderr, words);
  else t.equal(stderr, "", `${lost ? "lost without a word" : "kept"}`);
  await host.delete(id);
});

await host.end();
