/**
 * Text that others made, names of images, labels, command lines, bundles, is shown with nothing that a terminal would obey or hide;
 * what programs read stays the same value.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openHost } from "../support/host.ts";
import { dockerArchive, tarOf } from "../support/tar.ts";

const host = openHost({ only: "tsrun" });
const path = (...names: readonly string[]): string => join(host.dir, ...names);

/** Colour, a title for the terminal (C1), right-to-left, an isolate, no width, a line break, a tag. */
const ODD = "a\u001b[31m\u009b2J\u202eb\u2066c\u200bd\u2028\u{e0041}\u061ce\ufeff";
const SHOWN = "a\\u001b[31m\\u009b2J\\u202eb\\u2066c\\u200bd\\u2028\\udb40\\udc41\\u061ce\\ufeff";

/** Whether nothing of it is left; line breaks are the commands' own. */
function plain(t: Test, text: string, what: string): void {
  t.notMatch(
    text,
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\udb40/,
    what,
  );
}

/** `docker save`'s archive with an image of this name. */
function image(name: string): string {
  const archive = dockerArchive([tarOf({ name: "f", content: "x" })], {
    config: { Cmd: ["x"], Labels: { [`run.oci.${name}`]: "x" } },
  });
  const from = Buffer.from('"test:1"');
  const at = archive.indexOf(from);
  const manifest = archive.lastIndexOf("manifest.json", at);
  const text = archive
    .subarray(manifest + 512, archive.indexOf(0, manifest + 512))
    .toString()
    .replace('"test:1"', JSON.stringify(`${name}:1`));
  const rest = archive.subarray(0, manifest);
  writeFileSync(path("odd.tar"), Buffer.concat([rest, tarOf({ name: "manifest.json", content: text })]));
  return path("odd.tar");
}

t.test("an image", async (t) => {
  const store = ["--store", path("store")];
  const made = await host.must(["bundle", "--overlay", ...store, image(ODD), path("b")]);
  plain(t, made.stdout + made.stderr, "bundle");
  t.match(made.stdout, `: ${SHOWN}:1, an overlay`);
  t.match(made.stderr, `run.oci.${SHOWN}`);
  const listed = await host.must(["image", "ls", ...store]);
  plain(t, listed.stdout, "image ls");
  t.match(listed.stdout, `${SHOWN}:1`);
  const json = (await host.must(["image", "ls", "--format", "json", ...store])).stdout;
  plain(t, json, "image ls --format json");
  t.equal(JSON.parse(json)[0].name, `${ODD}:1`, "the same value");
  const refused = await host.call(["image", "rm", ...store, `${ODD}:1`]);
  t.equal(refused.code, 1);
  plain(t, refused.stderr, "image rm, refused");
  t.match(refused.stderr, SHOWN);
  rmSync(path("b"), { recursive: true });
  const removed = await host.must(["image", "rm", ...store, `${ODD}:1`]);
  plain(t, removed.stdout, "image rm");
  t.match(removed.stdout, `removed ${SHOWN}:1\n`);
  const chosen = await host.call(["bundle", "--image", "other", image(ODD), path("b")]);
  t.equal(chosen.code, 1);
  plain(t, chosen.stderr, "a hint");
  t.match(chosen.stderr, SHOWN);
});

t.test("a source and a folder", async (t) => {
  mkdirSync(path(ODD));
  renameSync(image("plain"), path(ODD, "x.tar"));
  writeFileSync(path(ODD, "root.tar"), tarOf({ name: `${"n".repeat(5)}${ODD}`, content: "x" }));
  const made = await host.must(["bundle", "--args", "x", path(ODD, "root.tar"), path(ODD, "b")]);
  plain(t, made.stdout + made.stderr, "bundle");
  t.match(
    made.stderr,
    new RegExp(`/${SHOWN.replaceAll(/[\\[]/g, "\\$&")}/root\\.tar: `),
    "the line of progress",
  );
  for (const words of [
    ["check", "--bundle", path(ODD, "b")],
    ["explain", "--bundle", path(ODD, "b")],
    ["explain", "--format", "sh", "--bundle", path(ODD, "b")],
    ["explain", "--format", "json", "--bundle", path(ODD, "b")],
    ["run", "--bundle", path(ODD, "none"), "x"],
    ["--log-format", "json", "run", "--bundle", path(ODD, "none"), "x"],
  ]) {
    const { stdout, stderr } = await host.call(words);
    const what = words.filter((word) => !word.includes(ODD)).join(" ");
    plain(t, stdout + stderr, what);
    t.ok(
      (stdout + stderr).includes("\\u202e") || stdout.includes("\\342\\200\\256") || words[0] === "check",
      what,
    );
  }
});

t.test("a container", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["/bin/probe", "sleep", "1000"];
    config["annotations"] = { [`org.example.${ODD.replaceAll("\u0000", "")}`]: ODD };
    Object.assign(config, { [`odd-${ODD}`]: 1 });
  });
  const dir = path(`c-${ODD}`);
  renameSync(bundle.dir, dir);
  const id = host.id();
  const log = path("log");
  const checked = await host.call(["check", "--bundle", dir]);
  plain(t, checked.stdout, "check");
  t.match(checked.stdout, `odd-${SHOWN}`, "an unknown field");
  const created = await host.must(["--log", log, "--log-format", "json", "create", "--bundle", dir, id]);
  plain(t, created.stderr + readFileSync(log, "utf8"), "create");
  t.match(readFileSync(log, "utf8"), "\\u202e");
  await host.must(["start", id]);
  for (const words of [
    ["state", id],
    ["list"],
    ["list", "--format", "json"],
    ["ps", id],
    ["events", "--stats", id],
    ["stats", "--once", id],
    ["stats", "--once", "--format", "json", id],
  ]) {
    plain(t, (await host.must(words)).stdout, words.join(" "));
  }
  const { stdout } = await host.must(["state", id]);
  t.match(stdout, SHOWN);
  t.match(JSON.parse(stdout), { bundle: dir, annotations: { [`org.example.${ODD}`]: ODD } });
  t.equal(JSON.parse((await host.must(["list", "--format", "json"])).stdout)[0].bundle, dir);
  t.match((await host.must(["list"])).stdout, `c-${SHOWN}`);
  await host.delete(id);
});

t.test("a command line", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["/bin/probe", "sleep", "1000", ODD];
  });
  const id = await host.running(bundle);
  const { stdout } = await host.must(["ps", id]);
  plain(t, stdout, "ps");
  t.match(stdout, SHOWN);
  await host.delete(id);
});

await host.end();
