/** Who may write what root runs: tsrun's own files, and their folder, must be root's alone. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, rmSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { Host, messageOf, openHost } from "./support/host.ts";
import { install, installKoffi } from "./support/install.ts";
import { cgroupsOf } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });

const NOBODY = 65_534;
const dist = install(join(host.dir, "dist"), "tsrun", "tsrun.js", "libtsrun.so");
installKoffi(dist);

interface Said {
  readonly code: number;
  readonly stderr: string;
}

function said(...words: readonly string[]): Said {
  try {
    execFileSync(join(dist, "tsrun"), words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return { code: 0, stderr: "" };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    return { code: status, stderr };
  }
}

/** Lets others change the file in each way, and takes it back. */
function eachWay(path: string, look: (owner: number, mode: string, cure: string) => void): void {
  for (const mode of [0o757, 0o775, 0o1777]) {
    chmodSync(path, mode);
    look(0, mode.toString(8).padStart(4, "0"), `chmod go-w ${path}`);
  }
  chmodSync(path, 0o755);
  chownSync(path, NOBODY, 0);
  look(NOBODY, "0755", `chown root ${path}`);
  chownSync(path, 0, 0);
}

const CHANGED = "can be changed by others than root, though root runs what is in it";

t.test("as installed it runs", async (t) => {
  t.same(said("--version"), { code: 0, stderr: "" });
  t.same(said("image", "ls", "--store", join(host.dir, "store")), { code: 0, stderr: "" });
});

for (const name of ["", "tsrun"]) {
  const path = `${dist}/${name}`;
  t.test(`${name === "" ? "the folder" : name} that others can change is refused`, async (t) => {
    eachWay(path, (owner, mode, cure) => {
      const stderr = `tsrun: ${path} ${CHANGED}: its owner is ${owner}, its mode ${mode}; hint: ${cure}\n`;
      t.same(said("--version"), { code: 1, stderr });
    });
    t.same(said("--version"), { code: 0, stderr: "" });
  });
}

/** A file or folder that only `bundle` and `image` run. */
function refusedByNode(t: Test, path: string): void {
  eachWay(path, (_owner, _mode, cure) => {
    for (const words of [
      ["image", "ls"],
      ["bundle", "no-image", join(host.dir, "nothing")],
    ]) {
      const { code, stderr } = said(...words);
      t.equal(code, 1);
      t.match(stderr, `${path} ${CHANGED}: `);
      t.match(stderr, `hint: ${cure}\n`);
      t.equal(stderr.split("\n").length, 2, "one line");
    }
    t.same(said("--version"), { code: 0, stderr: "" }, "the others need it not");
  });
}

for (const name of ["tsrun.js", "libtsrun.so"]) {
  t.test(`${name} that others can change is refused by what runs in Node`, async (t) => {
    refusedByNode(t, `${dist}/${name}`);
  });
}

t.test("so is it in ../lib/tsrun, and that folder", async (t) => {
  const lib = install(join(host.dir, "lib/tsrun"), "tsrun.js", "libtsrun.so");
  installKoffi(lib);
  for (const name of ["tsrun.js", "libtsrun.so"]) rmSync(join(dist, name));
  t.same(said("image", "ls", "--store", join(host.dir, "store")), { code: 0, stderr: "" });
  for (const path of [lib, `${lib}/tsrun.js`, `${lib}/libtsrun.so`]) refusedByNode(t, path);
  install(dist, "tsrun.js", "libtsrun.so");
});

t.test(
  "the command for Node, which looks at no file of its own, refuses such programs as well",
  async (t) => {
    const own = new Host(join(dist, "tsrun.js"));
    install(dist, "tsrun-init", "tsrun-supervise");
    for (const name of ["tsrun-init", "tsrun-supervise"]) {
      const path = join(dist, name);
      chmodSync(path, 0o777);
      const outcome = await own.run(own.bundle());
      t.equal(outcome.code, 1);
      t.match(messageOf(outcome), `${path} can be changed by others than root, though root runs it: `);
      t.match(messageOf(outcome), `: EKEYREJECTED`);
      t.match(messageOf(outcome), `hint: chown root ${path} and chmod go-w ${path}`);
      t.same(cgroupsOf(own.tag), [], "nothing of the container is left");
      chmodSync(path, 0o755);
    }
    t.equal((await own.run(own.bundle())).code, 0, "with all in order it runs");
    rmSync(own.dir, { recursive: true });
  },
);

await host.end();
