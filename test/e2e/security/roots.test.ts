/** A state root and a store that another user could have filled: what lies there would decide what runs as root. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { messageOf, type Outcome, openHost } from "../support/host.ts";
import { until } from "../support/outside.ts";
import { give, USER } from "../support/user.ts";

const host = openHost({ only: "tsrun" });
const OTHER = 61_236;
const proof = join(host.dir, "proof");
const bundle = host.bundle();
let folders = 0;

/** A folder of root's, for a case of its own. */
function corner(): string {
  folders += 1;
  const dir = join(host.dir, `corner-${folders}`);
  mkdirSync(dir, { mode: 0o755 });
  return dir;
}

/** A stopped container's folder, as tsrun itself has written it, with a hook of the attacker's. */
const planted = await (async () => {
  const id = await host.created(bundle);
  const from = join(host.stateRoot, id);
  const dir = join(host.dir, "planted");
  mkdirSync(dir);
  for (const name of ["state.json", "config.json", "process.json"]) cpSync(join(from, name), join(dir, name));
  await host.delete(id);
  const record = JSON.parse(readFileSync(join(dir, "state.json"), "utf8")) as { [key: string]: unknown };
  Object.assign(record, {
    cgroups: {},
    newCgroups: [],
    poststop: [{ path: "/bin/sh", args: ["sh", "-c", `id -u > ${proof}`], env: [] }],
  });
  writeFileSync(join(dir, "state.json"), JSON.stringify(record));
  return { id, dir };
})();

function plant(root: string, uid: number): void {
  mkdirSync(root, { recursive: true });
  cpSync(planted.dir, join(root, planted.id), { recursive: true });
  give(root, uid, uid);
}

const call = (root: string, ...args: string[]): Promise<Outcome> =>
  host.call(["--root", root, ...args], { bare: true });

/** The whole message but for its hint. */
function refusal(root: string, reason: string, runs = "root"): string {
  return `the folder of the containers' state, ${root}, cannot be trusted: ${reason}, and what is in it decides what runs as ${runs}; hint: `;
}

function isRefused(t: Test, outcome: Outcome, begin: string): void {
  // exec has codes of its own for what is not its program's.
  t.equal(outcome.code, outcome.args.includes("exec") ? 255 : 1, outcome.args.join(" "));
  t.equal(messageOf(outcome).slice(0, begin.length), begin);
  t.equal(outcome.stdout, "");
  t.equal(outcome.stderr.trimEnd().split("\n").length, 1, outcome.stderr);
}

t.test("the planted record is a whole one: where the folder is root's, its hook runs", async (t) => {
  const root = join(corner(), "root");
  plant(root, 0);
  t.equal((await call(root, "delete", planted.id)).code, 0);
  t.equal(readFileSync(proof, "utf8"), "0\n");
  rmSync(proof);
});

t.test("no command acts on a state root of another user's", async (t) => {
  const root = join(corner(), "root");
  plant(root, USER.uid);
  const begin = refusal(root, `${root} belongs to user ${USER.uid} (mode 0755)`);
  for (const args of [
    ["delete", planted.id],
    ["delete", "--force", planted.id],
    ["gc", "--stopped"],
    ["create", "-b", bundle.dir, host.id()],
    ["run", "-b", bundle.dir, planted.id],
    ["start", planted.id],
    ["exec", planted.id, "true"],
    ["state", planted.id],
    ["list"],
    ["kill", planted.id, "KILL"],
    ["kill", "--all", planted.id, "KILL"],
    ["pause", planted.id],
    ["resume", planted.id],
    ["ps", planted.id],
    ["update", "--pids-limit", "5", planted.id],
    ["events", "--stats", planted.id],
    ["stats", "--once"],
    ["stop", planted.id],
    ["wait", planted.id],
    ["checkpoint", planted.id],
    ["restore", "-b", bundle.dir, host.id()],
  ]) {
    isRefused(t, await call(root, ...args), begin);
    t.notOk(existsSync(proof), "no hook has run");
  }
  t.same(readdirSync(root), [planted.id], "and nothing was made there");
  const doctor = await call(root, "doctor", "--format", "json");
  t.match(doctor.stdout, begin.slice(0, begin.indexOf(";")), "doctor says the same");
});

t.test("each folder above, and each link, must be the caller's or root's", async (t) => {
  const dir = corner();
  const theirs = join(dir, "theirs");
  for (const path of [theirs, join(theirs, "mine")]) mkdirSync(path, { mode: 0o700 });
  chownSync(theirs, USER.uid, 0);
  const reason = `${theirs} belongs to user ${USER.uid} (mode 0700)`;
  isRefused(t, await call(join(theirs, "mine"), "list"), refusal(join(theirs, "mine"), reason));
  const missing = join(theirs, "none/none");
  isRefused(t, await call(missing, "list"), refusal(missing, reason));
  isRefused(t, await call(missing, "create", "-b", bundle.dir, planted.id), refusal(missing, reason));
  t.notOk(existsSync(join(theirs, "none")));

  mkdirSync(join(dir, "good"), { mode: 0o700 });
  symlinkSync("good", join(dir, "link"));
  t.equal((await call(join(dir, "link"), "list")).code, 0, "a link of root's");
  symlinkSync("theirs/mine", join(dir, "out"));
  isRefused(t, await call(join(dir, "out"), "list"), refusal(join(dir, "out"), reason));
  lchownSync(join(dir, "link"), USER.uid, 0);
  const link = refusal(join(dir, "link"), `${join(dir, "link")} is a link of user ${USER.uid}`);
  isRefused(t, await call(join(dir, "link"), "list"), link);
  symlinkSync(join(dir, "link/below"), join(dir, "deep"));
  isRefused(t, await call(join(dir, "deep"), "list"), link.replace(`${dir}/link,`, `${dir}/deep,`));
  symlinkSync("round", join(dir, "round"));
  t.match(messageOf(await call(join(dir, "round"), "list")), /^look into .*: open: ELOOP: /);
});

/** A mode and a group of the folder itself or of one above it, and what is said against it. */
const MODES: readonly (readonly [mode: number, gid: number, itself: string, above: string])[] = [
  [0o700, 0, "", ""],
  [0o1700, 0, "", ""],
  [0o755, OTHER, "", ""],
  [0o775, 0, "", ""],
  [0o775, OTHER, `group ${OTHER}`, `group ${OTHER}`],
  [0o1775, OTHER, `group ${OTHER}`, ""],
  [0o777, 0, "everybody", "everybody"],
  [0o1777, 0, "everybody", ""],
  [0o702, 0, "everybody", "everybody"],
];

t.test("others must not be able to write there, sticky folders above apart", async (t) => {
  for (const [mode, gid, itself, above] of MODES) {
    const dir = join(corner(), "dir");
    mkdirSync(dir);
    chownSync(dir, 0, gid);
    chmodSync(dir, mode);
    const said = (who: string): string =>
      `${dir} can be written by ${who} (mode ${mode.toString(8).padStart(4, "0")})`;
    for (const [root, who] of [
      [dir, itself],
      [join(dir, "below"), above],
    ] as const) {
      const outcome = await call(root, "list");
      if (who === "") t.same([outcome.code, outcome.stderr], [0, ""], `${mode.toString(8)} ${gid}`);
      else isRefused(t, outcome, refusal(root, said(who)));
    }
  }
});

t.test("in a sticky folder the root is made, unless another has made it before", async (t) => {
  const dir = corner();
  chmodSync(dir, 0o1777);
  const root = join(dir, "new/root");
  const made = await call(root, "create", "-b", bundle.dir, host.id());
  t.same([made.code, made.stderr], [0, ""]);
  t.equal((await call(root, "delete", "--force", readdirSync(root)[0] ?? "")).code, 0);
  plant(join(dir, "theirs"), USER.uid);
  const theirs = join(dir, "theirs/root");
  isRefused(
    t,
    await call(theirs, "create", "-b", bundle.dir, host.id()),
    refusal(theirs, `${dir}/theirs belongs to user ${USER.uid} (mode 0755)`),
  );
});

/** Makes the folder that root's calls name, again and again, and takes it away: never there when it is looked at, but when it is read. */
const RACER = `
import os, sys
os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
while True:
    os.rename(sys.argv[1], sys.argv[2])
    os.rename(sys.argv[2], sys.argv[1])
`;

t.test("a root that another makes between the look and the reading", async (t) => {
  const dir = corner();
  chmodSync(dir, 0o1777);
  const [hidden, root] = [join(dir, "hidden"), join(dir, "root")];
  plant(hidden, USER.uid);
  const racer = spawn("python3", ["-c", RACER, hidden, root, String(USER.uid)], { stdio: "ignore" });
  const seen = { refused: 0, missing: 0 };
  let attempts = 0;
  try {
    for (const end = Date.now() + 4000; Date.now() < end && !existsSync(proof); attempts++) {
      const { code, stderr } = await call(root, "delete", planted.id);
      if (code === 0) break;
      if (stderr.includes("cannot be trusted")) seen.refused++;
      if (stderr.includes("container does not exist")) seen.missing++;
    }
  } finally {
    racer.kill("SIGKILL");
    await until("the racer to end", () => racer.signalCode !== null || racer.exitCode !== null);
  }
  t.comment(`${attempts} attempts: ${seen.refused} refused, ${seen.missing} missing`);
  t.notOk(existsSync(proof), "no hook of the other's has run");
  t.equal(seen.refused + seen.missing, attempts, "each was refused, or found nothing");
  t.ok(seen.refused > 0 && seen.missing > 0, "the race was one");
});

t.test("an ordinary user's root: his own, or root's, and no third one's", async (t) => {
  const asUser = (root: string): Promise<Outcome> =>
    host.call(["--root", root, "list"], { bare: true, user: USER });
  const dir = corner();
  for (const [name, uid, gid, mode] of [
    ["own", USER.uid, USER.gid, 0o700],
    ["group", USER.uid, USER.gid, 0o775],
    ["roots", 0, 0, 0o755],
  ] as const) {
    mkdirSync(join(dir, name));
    chownSync(join(dir, name), uid, gid);
    chmodSync(join(dir, name), mode);
    const outcome = await asUser(join(dir, name));
    t.same([outcome.code, outcome.stderr], [0, ""], name);
  }
  const root = join(dir, "third");
  plant(root, OTHER);
  isRefused(
    t,
    await asUser(root),
    refusal(root, `${root} belongs to user ${OTHER} (mode 0755)`, `user ${USER.uid}`),
  );
});

t.test("a store of images", async (t) => {
  const dir = corner();
  const theirs = join(dir, "theirs");
  mkdirSync(theirs);
  chownSync(theirs, USER.uid, USER.gid);
  for (const store of [theirs, join(theirs, "store")]) {
    for (const words of [["ls"], ["prune"], ["rm", "x"]]) {
      const begin = `the store of images, ${store}, cannot be trusted: ${theirs} belongs to user ${USER.uid} (mode 0755), and `;
      isRefused(t, await host.call(["image", ...words, "--store", store], { bare: true }), begin);
    }
  }
  t.same(readdirSync(theirs), [], "nothing was made there");
  const good = await host.call(["image", "ls", "--store", join(dir, "new/store")], { bare: true });
  t.same([good.code, good.stderr], [0, ""]);
});

await host.end();
