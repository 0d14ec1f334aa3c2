/** Links in the folders of a checkpoint: what criu and tsrun write and read there is in them, and nowhere else. */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { probe } from "../support/config.ts";
import { fakeCriu, IMAGES } from "../support/fake-criu.ts";
import { messageOf, type Outcome, openHost } from "../support/host.ts";
import { give, USER } from "../support/user.ts";

const host = openHost({ only: "tsrun" });
const bundle = host.bundle((config) => probe(config, "pid1", "sleep", "600"));
const secret = join(host.dir, "secret");
let folders = 0;

/** A folder with links to a file that nothing may change, under these names. */
function linked(names: readonly string[]): string {
  folders += 1;
  const dir = join(host.dir, `image-${folders}`);
  mkdirSync(dir);
  for (const name of names) symlinkSync(secret, join(dir, name));
  writeFileSync(secret, "secret", { mode: 0o600 });
  return dir;
}

function unharmed(t: Test, dir: string): void {
  t.equal(readFileSync(secret, "utf8"), "secret");
  t.equal(statSync(secret).mode & 0o7777, 0o600);
  t.same(
    readdirSync(dir).filter((name) => name.includes("partial")),
    [],
    "nothing of tsrun's own is left",
  );
}

const kinds = (dir: string): string[] =>
  readdirSync(dir)
    .sort()
    .map((name) => `${name}${lstatSync(join(dir, name)).isSymbolicLink() ? " -> link" : ""}`);

const LOGS = ["dump.log", "stats-dump", "restore.log", "stats-restore"] as const;
const OWN = ["descriptors.json", "descriptors.json~"] as const;

t.test("checkpoint: links under the names of everything that is written", async (t) => {
  for (const owner of [0, USER.uid]) {
    const image = linked([...LOGS, ...OWN, ...IMAGES]);
    give(image, owner, owner);
    const id = await host.running(bundle);
    const outcome = await host.call(["checkpoint", "--image-path", image, id], fakeCriu(host));
    t.same([outcome.code, outcome.stderr], [0, ""]);
    unharmed(t, image);
    t.same(kinds(image), [
      "core-1.img",
      "descriptors.json",
      "descriptors.json~ -> link",
      "dump.log",
      "inventory.img",
      "pagemap-1.img",
      "pages-1.img",
      "restore.log -> link",
      "stats-dump",
      "stats-restore -> link",
    ]);
    t.equal(readFileSync(join(image, "pages-1.img"), "utf8"), "image");
    t.match(readFileSync(join(image, "dump.log"), "utf8"), /dumped/);
  }
});

t.test("checkpoint: a folder of its own for criu's work", async (t) => {
  const image = linked(IMAGES);
  const work = linked(LOGS);
  const id = await host.running(bundle);
  const args = ["checkpoint", "--image-path", image, "--work-path", work, id];
  t.equal((await host.call(args, fakeCriu(host))).code, 0);
  unharmed(t, image);
  unharmed(t, work);
  t.same(kinds(image), ["core-1.img", "descriptors.json", "inventory.img", "pagemap-1.img", "pages-1.img"]);
  t.same(kinds(work), ["dump.log", "restore.log -> link", "stats-dump", "stats-restore -> link"]);
});

t.test("checkpoint: an image upon another", async (t) => {
  const id = await host.running(bundle);
  const [first, second] = [linked([]), linked(["parent"])];
  const pre = ["checkpoint", "--pre-dump", "--image-path", first, id];
  t.equal((await host.call(pre, fakeCriu(host))).code, 0);
  const parent = `../${first.slice(first.lastIndexOf("/") + 1)}`;
  const args = ["checkpoint", "--leave-running", "--image-path", second, "--parent-path", parent, id];
  const outcome = await host.call(args, fakeCriu(host));
  t.same([outcome.code, outcome.stderr], [0, ""]);
  t.equal(readlinkSync(join(second, "parent")), parent, "the link says what runc's would");
  unharmed(t, second);
  rmSync(join(first, "pages-1.img"));
  symlinkSync(secret, join(first, "pages-1.img"));
  const refused = await host.call(args, fakeCriu(host));
  t.match(messageOf(refused), /pages-1\.img is a link, which criu would follow; hint: /);
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
});

const restore = (image: string, extra: readonly string[] = [], env = {}): Promise<Outcome> =>
  host.call(
    ["restore", "--detach", "-b", bundle.dir, "--image-path", image, ...extra, host.id()],
    fakeCriu(host, env),
  );

/** An image as a checkpoint writes it. */
function whole(...links: readonly string[]): string {
  const image = linked(links);
  for (const name of IMAGES) if (!links.includes(name)) writeFileSync(join(image, name), "image");
  if (!links.includes("descriptors.json"))
    writeFileSync(join(image, "descriptors.json"), '["/dev/null","/dev/null","/dev/null"]');
  return image;
}

t.test("restore: links under the names of what is written", async (t) => {
  const image = whole(...LOGS);
  t.match(
    messageOf(await restore(image)),
    new RegExp(`criu failed: type RESTORE.*log file: ${image}/restore.log`),
  );
  unharmed(t, image);
  t.match(readFileSync(join(image, "restore.log"), "utf8"), /^Error: core-1.img: image$/m);
  t.equal(lstatSync(join(image, "stats-restore")).isFile(), true);
  const work = linked(LOGS);
  t.equal((await restore(image, ["--work-path", work])).code, 1);
  unharmed(t, work);
  t.equal(lstatSync(join(work, "restore.log")).isFile(), true);
});

t.test("restore: an image's file that is a link is not read", async (t) => {
  for (const name of [...IMAGES, "descriptors.json"]) {
    const image = whole(name);
    const outcome = await restore(image);
    t.equal(outcome.code, 1);
    t.match(
      messageOf(outcome),
      new RegExp(`${image}/${name} (is a link, which criu would follow|is no regular file); hint: `),
    );
    unharmed(t, image);
  }
});

t.test("restore: nor one that becomes a link meanwhile", async (t) => {
  const image = whole();
  await restore(image, [], { FAKE_CRIU_LINK: image, FAKE_CRIU_SECRET: secret });
  const log = readFileSync(join(image, "restore.log"), "utf8");
  t.equal(lstatSync(join(image, "pages-1.img")).isSymbolicLink(), true);
  t.notMatch(log, /secret/);
  t.match(log, /^Error: pages-1.img: Too many levels of symbolic links$/m);
});

t.test("restore: a link to a parent leads to an image, and changes no other folder", async (t) => {
  const image = whole();
  const other = join(host.dir, "other");
  mkdirSync(other, { mode: 0o700 });
  const mapped = host.bundle((config) => {
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
  });
  symlinkSync(other, join(image, "parent"));
  const args = ["restore", "--detach", "-b", mapped.dir, "--image-path", image, host.id()];
  const outcome = await host.call(args, fakeCriu(host));
  t.match(messageOf(outcome), `${image}/parent leads to a folder that is no image`);
  t.same([statSync(other).gid, statSync(other).mode & 0o777], [0, 0o700]);
});

await host.end();
