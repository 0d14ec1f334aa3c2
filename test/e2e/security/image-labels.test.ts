/**
 * What an image says of itself is nothing that tsrun obeys, and a root is an overlay only by the caller's own word: a record beside
 * config.json and a note in a store, each about the other.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeRootfs } from "../../../scripts/make-rootfs.ts";
import { openHost } from "../support/host.ts";
import { dockerArchive } from "../support/tar.ts";

const host = openHost({ busybox: true, only: "tsrun" });
const path = (...names: readonly string[]): string => join(host.dir, ...names);
const SHOW = ["/bin/sh", "-c", "ls /"];
const LAYER = "a".repeat(32);
const DIFF_ID = `sha256:${"a".repeat(64)}`;

/** A folder of the host that no container may see. */
makeRootfs(path("secret"));
writeFileSync(path("secret/of-the-host"), "");

/** What looks like a store whose only layer is that folder. */
function fakeStore(name: string): string {
  mkdirSync(path(name, "layers"), { recursive: true, mode: 0o700 });
  mkdirSync(path(name, "refs"), { mode: 0o700 });
  symlinkSync(path("secret"), path(name, "layers", LAYER));
  return path(name);
}

t.test("annotations name no layers", async (t) => {
  const store = fakeStore("evil");
  const bundle = host.bundle((config) => {
    config.process.args = SHOW;
    config["annotations"] = { "org.tsrun.overlay.store": store, "org.tsrun.overlay.lower": LAYER };
  });
  for (const name of ["upper", "work"]) mkdirSync(join(bundle.dir, name));
  const ran = await host.run(bundle);
  t.equal(ran.code, 0, ran.stderr);
  t.notMatch(ran.stdout, "of-the-host");
  t.match(ran.stdout, "bin");
  t.notMatch((await host.must(["explain", "--bundle", bundle.dir])).stdout, "overlay");
  t.same(readdirSync(join(bundle.dir, "upper")), [], "nothing is written there");
});

const base = execFileSync("tar", ["-C", path("secret"), "--exclude=of-the-host", "-cf", "-", "."], {
  maxBuffer: 64 << 20,
});

t.test("labels that somebody obeys become no annotations", async (t) => {
  const labels = {
    "org.tsrun.overlay.store": path("evil"),
    "org.tsrun.overlay.lower": LAYER,
    "org.systemd.property.ExecStartPre": "'/bin/sh'",
    "ORG.SYSTEMD.property.KillSignal": "9",
    "org.criu.config": "/etc/criu/x",
    "run.oci.handler": "krun",
    "io.kubernetes.cri.container-type": "sandbox",
    "run.oci.\u202ered\u001b[31m": "x",
    maintainer: "me",
  };
  writeFileSync(path("labels.tar"), dockerArchive([base], { config: { Cmd: SHOW, Labels: labels } }));
  for (const kind of [[], ["--overlay", "--store", path("label-store")]]) {
    const dir = path("labelled");
    const made = await host.must(["bundle", "--quiet", ...kind, path("labels.tar"), dir]);
    t.equal(made.stderr.split("\n").length, 2, "one line");
    t.match(made.stderr, /^warning: 8 labels of the image were left out/);
    for (const name of ["org.tsrun.overlay.store", "org.criu.config", "ORG.SYSTEMD.property.KillSignal"])
      t.match(made.stderr, name);
    t.match(made.stderr, "run.oci.\\u202ered\\u001b[31m", "and shows what they hide");
    const { annotations } = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
    t.same(
      Object.keys(annotations).filter((name) => !name.startsWith("org.opencontainers.image.")),
      ["maintainer"],
    );
    const ran = await host.must(["run", "--bundle", dir, host.id()]);
    t.notMatch(ran.stdout, "of-the-host");
    rmSync(dir, { recursive: true });
  }
});

t.test("a record that somebody else made up mounts nothing", async (t) => {
  const store = fakeStore("forged");
  const ref = "b".repeat(32);
  const bundle = host.bundle((config) => {
    config.process.args = SHOW;
  });
  chmodSync(bundle.dir, 0o700);
  for (const name of ["upper", "work"]) mkdirSync(join(bundle.dir, name));
  const record = join(bundle.dir, "overlay.json");
  const note = join(store, "refs", `${ref}.json`);
  const right = { bundle: bundle.dir, image: "x", layers: [DIFF_ID] };
  const reset = (): void => {
    rmSync(record, { force: true });
    writeFileSync(record, JSON.stringify({ store, ref }), { mode: 0o600 });
    writeFileSync(note, JSON.stringify(right), { mode: 0o600 });
  };
  const elsewhere = join(host.dir, "elsewhere.json");
  const cases: readonly [string, () => void, RegExp, (() => void)?][] = [
    ["a layer that is a link", () => undefined, /the overlay's layer .* is missing/],
    [
      "a record that is a link",
      () => {
        renameSync(record, elsewhere);
        symlinkSync(elsewhere, record);
      },
      /overlay\.json is no file but a symbolic link/,
    ],
    [
      "a record that is a fifo",
      () => {
        rmSync(record);
        execFileSync("mkfifo", [record]);
      },
      /overlay\.json is no file but a fifo/,
    ],
    ["a record of another user", () => chownSync(record, 1234, 0), /belongs to the user 1234/],
    ["a record that others may change", () => chmodSync(record, 0o620), /can be changed by others/],
    ["no JSON", () => writeFileSync(record, "{"), /overlay\.json#/],
    ["no object", () => writeFileSync(record, "null"), /this is no object \(overlay\.json#\)/],
    [
      "a store that is relative",
      () => writeFileSync(record, JSON.stringify({ store: "forged", ref })),
      /no absolute path of a store \(overlay\.json#\/store\)/,
    ],
    [
      "a store with a slash at its end, which would follow a link",
      () => writeFileSync(record, JSON.stringify({ store: `${store}/`, ref })),
      /no absolute path of a store/,
    ],
    [
      "a store with ..",
      () => writeFileSync(record, JSON.stringify({ store: `${store}/../forged`, ref })),
      /no absolute path of a store/,
    ],
    [
      "a note with a path",
      () => writeFileSync(record, JSON.stringify({ store, ref: `../refs/${ref}` })),
      /no note of a store/,
    ],
    [
      "a store that is a link",
      () => {
        symlinkSync(store, path("linked"));
        writeFileSync(record, JSON.stringify({ store: path("linked"), ref }));
      },
      /linked is no folder but a symbolic link/,
      () => rmSync(path("linked")),
    ],
    [
      "a store of another user",
      () => chownSync(store, 1234, 0),
      /forged belongs to the user 1234/,
      () => chownSync(store, 0, 0),
    ],
    [
      "a store that others may change",
      () => chmodSync(store, 0o777),
      /forged can be changed by others/,
      () => chmodSync(store, 0o700),
    ],
    [
      "layers that others may change",
      () => chmodSync(join(store, "layers"), 0o770),
      /forged\/layers can be changed by others/,
      () => chmodSync(join(store, "layers"), 0o700),
    ],
    [
      "notes of another user",
      () => chownSync(join(store, "refs"), 1234, 0),
      /forged\/refs belongs to the user 1234/,
      () => chownSync(join(store, "refs"), 0, 0),
    ],
    ["a note of another user", () => chownSync(note, 1234, 0), /belongs to the user 1234/],
    ["no note", () => rmSync(note), /root is an overlay, and .* is missing/],
    [
      "a note about another bundle",
      () => writeFileSync(note, JSON.stringify({ ...right, bundle: path("other") })),
      /note is about the bundle .*other", and this one is .*; hint: a bundle with an overlay can be neither/,
    ],
    [
      "layers that are no digests",
      () => writeFileSync(note, JSON.stringify({ ...right, layers: ["sha256:../../etc"] })),
      /these are no layers of a store/,
    ],
    [
      "no layers",
      () => writeFileSync(note, JSON.stringify({ ...right, layers: [] })),
      /these are no layers of a store/,
    ],
    [
      "an upper that is a link",
      () => {
        renameSync(join(bundle.dir, "upper"), join(bundle.dir, "kept"));
        symlinkSync(path("secret"), join(bundle.dir, "upper"));
      },
      /upper is no folder but a symbolic link/,
      () => {
        rmSync(join(bundle.dir, "upper"));
        renameSync(join(bundle.dir, "kept"), join(bundle.dir, "upper"));
      },
    ],
    [
      "a work of another user",
      () => chownSync(join(bundle.dir, "work"), 1234, 0),
      /work belongs to the user 1234/,
      () => chownSync(join(bundle.dir, "work"), 0, 0),
    ],
    [
      "a bundle that others may change",
      () => chmodSync(bundle.dir, 0o777),
      /can be changed by others/,
      () => chmodSync(bundle.dir, 0o700),
    ],
    [
      "another root",
      () => {
        rmSync(join(store, "layers", LAYER));
        mkdirSync(join(store, "layers", LAYER));
        bundle.config.root = { path: path("secret") };
        bundle.save();
      },
      /this is not the folder rootfs.*config\.json#\/root\/path/,
    ],
  ];
  for (const [name, change, message, back] of cases) {
    reset();
    change();
    for (const words of [
      ["run", "--bundle", bundle.dir, host.id()],
      ["explain", "--bundle", bundle.dir],
      ["check", "--bundle", bundle.dir],
    ]) {
      const { code, stdout, stderr } = await host.call(words);
      t.equal(code, 1, `${name}: ${words[0]}`);
      t.match(stdout + stderr, message, name);
      t.notMatch(stdout + stderr, "of-the-host", name);
      t.equal((stdout + stderr).trimEnd().split("\n").length, 1, `${name}: one line of ${words[0]}`);
    }
    back?.();
  }
  t.same(readdirSync(join(bundle.dir, "upper")), []);
});

t.test("a bundle that was moved or copied says so, and works again where it was", async (t) => {
  writeFileSync(path("image.tar"), dockerArchive([base], { config: { Cmd: SHOW } }));
  const store = path("store");
  await host.must(["bundle", "-q", "--overlay", "--store", store, path("image.tar"), path("o")]);
  t.notMatch(readFileSync(path("o/config.json"), "utf8"), "org.tsrun");
  cpSync(path("o"), path("copied"), { recursive: true });
  chmodSync(path("copied"), 0o700);
  chmodSync(path("copied/overlay.json"), 0o600);
  const copied = await host.call(["run", "--bundle", path("copied"), host.id()]);
  t.match(copied, { code: 1, stderr: /is about the bundle .*\/o", and this one is .*\/copied/ });
  renameSync(path("o"), path("moved"));
  const moved = await host.call(["run", "--bundle", path("moved"), host.id()]);
  t.match(moved, { code: 1, stderr: /is about the bundle .*move it back/ });
  renameSync(path("moved"), path("o"));
  t.match(await host.must(["run", "--bundle", path("o"), host.id()]), { stdout: /bin/ });
  // By another name of the same place it is the same bundle.
  symlinkSync(host.dir, path("here"));
  t.match(await host.must(["run", "--bundle", path("here/o"), host.id()]), { stdout: /bin/ });
  await host.must([
    "bundle",
    "-q",
    "--overlay",
    "--store",
    path("here/store"),
    path("image.tar"),
    path("here/p"),
  ]);
  t.match(await host.must(["run", "--bundle", path("p"), host.id()]), { stdout: /bin/ });
  t.equal(
    (await host.must(["image", "prune", "--store", path("here/store")])).stdout,
    "0 layers, 0 B freed\n",
  );
  rmSync(path("here"));
  for (const name of ["o", "p", "copied"]) rmSync(path(name), { recursive: true });
  await host.must(["image", "prune", "--store", store]);
});

t.test("a store that is not the caller's takes no layers", async (t) => {
  mkdirSync(path("theirs"), { mode: 0o700 });
  lchownSync(path("theirs"), 1234, 0);
  const theirs = ["bundle", "-q", "--overlay", "--store", path("theirs"), path("image.tar"), path("q")];
  t.match(await host.call(theirs), { code: 1, stderr: /theirs belongs to user 1234/ });
  mkdirSync(path("open"));
  chmodSync(path("open"), 0o777);
  const open = ["bundle", "-q", "--overlay", "--store", path("open"), path("image.tar"), path("q")];
  t.match(await host.call(open), { code: 1, stderr: /open can be written by everybody.*chmod go-w/ });
  t.notOk(existsSync(path("q")));
});

await host.end();
