/** bundle --overlay: layers that bundles share, what uses them, and what is left when their maker is killed. */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeRootfs } from "../../scripts/make-rootfs.ts";
import { openHost } from "./support/host.ts";
import { until } from "./support/outside.ts";
import { dockerArchive, ociLayout, tarOf } from "./support/tar.ts";

const host = openHost({ busybox: true, only: "tsrun" });
const path = (...names: readonly string[]): string => join(host.dir, ...names);
const store = path("store");

makeRootfs(path("root"));
const base = execFileSync("tar", ["-C", path("root"), "-cf", "-", "."], { maxBuffer: 64 << 20 });
const upper = tarOf(
  { name: "etc/.wh.group" },
  { name: "home/", type: "5" },
  { name: "home/.wh..wh..opq" },
  { name: "home/new", content: "new" },
);
ociLayout(path("image"), [base, upper], { config: { Cmd: ["/bin/sh", "/etc/run"] } });

const overlay = (name: string, ...words: readonly string[]) =>
  host.must(["bundle", "--overlay", "--store", store, ...words, path("image"), path(name)]);
const layers = (): readonly string[] =>
  readdirSync(join(store, "layers")).filter((name) => /^[0-9a-f]{32}$/.test(name));
const image = async (...words: readonly string[]) =>
  (await host.must(["image", ...words, "--store", store])).stdout;

t.test("ten bundles of an image share its layers", { timeout: 120_000 }, async (t) => {
  const script = "ls /home /etc; stat -c %i /bin/busybox; cat /mine 2>/dev/null; echo $0 > /mine; cat /mine";
  const made = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      overlay(`o${index}`, "--args", "/bin/sh", "--args", "-c", "--args", script, "--args", `own-${index}`),
    ),
  );
  for (const { stdout } of made) t.match(stdout, /runc cannot run this bundle/);
  t.equal(layers().length, 2, "each layer once");
  const busybox = layers()
    .map((name) => join(store, "layers", name, "bin/busybox"))
    .find((file) => existsSync(file));
  for (let index = 0; index < 10; index++) {
    const { stdout } = await host.must(["run", "--bundle", path(`o${index}`), host.id()]);
    const inode = statSync(busybox ?? "").ino;
    t.same(
      stdout.split("\n").filter((line) => line !== ""),
      ["/etc:", "passwd", "/home:", "new", String(inode), `own-${index}`],
    );
    t.equal(
      readFileSync(path(`o${index}`, "upper/mine"), "utf8"),
      `own-${index}\n`,
      "what it writes is its own",
    );
  }
  t.equal(existsSync(join(store, "layers", layers()[0] ?? "", "mine")), false);
  t.notMatch(readFileSync("/proc/self/mountinfo", "utf8"), host.dir, "the host sees no mount");
});

t.test("what is used stays, by the bundles' own word", async (t) => {
  t.match(await image("ls"), /^IMAGE +ID +LAYERS +SIZE +BUNDLES\n\S+image +[0-9a-f]{12} +2 +\S+ MiB +10\n$/);
  const name = path("image");
  const refused = await host.call(["image", "rm", "--store", store, name]);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /is used by 10 bundles, such as/);
  for (let index = 1; index < 10; index++) rmSync(path(`o${index}`), { recursive: true });
  t.equal(await image("prune"), "0 layers, 0 B freed\n", "one is left");
  t.equal(readdirSync(join(store, "refs")).length, 1, "notes of bundles that are gone are gone");
  // A folder of that name that is another bundle is no user of the layers.
  renameSync(path("o0/overlay.json"), path("kept.json"));
  t.match(await image("prune"), /^removed .*\n2 layers, .* freed\n$/);
  t.same(layers(), []);
  t.same(await image("ls"), "IMAGE   ID   LAYERS   SIZE   BUNDLES\n");
  rmSync(path("o0"), { recursive: true });
});

t.test("killed at any moment, nothing half done has its name", { timeout: 240_000 }, async (t) => {
  const files = Array.from({ length: 3000 }, (_, index) => ({
    name: `d${index % 50}/f${index}`,
    content: "x".repeat(3000),
  }));
  writeFileSync(path("big.tar"), dockerArchive([tarOf(...files), tarOf({ name: "d1/.wh..wh..opq" })]));
  for (const [index, after] of [5, 40, 80, 120, 160, 200, 260, 320].entries()) {
    const kind = index % 2 === 0 ? ["--overlay", "--store", store] : [];
    const call = host.start(["bundle", "-q", ...kind, path("big.tar"), path("killed")]);
    await new Promise((settle) => setTimeout(settle, after));
    call.kill("SIGKILL");
    const { code } = await call.ended;
    if (existsSync(path("killed"))) {
      t.ok(existsSync(path("killed/config.json")), "whole");
      rmSync(path("killed"), { recursive: true });
    } else t.equal(code, null);
    for (const name of layers()) {
      const facts = JSON.parse(readFileSync(join(store, "layers", `${name}.json`), "utf8"));
      t.ok(facts.entries === 3000 || facts.entries === 1, "a layer with its name is whole");
    }
  }
  await host.must(["bundle", "-q", "--overlay", "--store", store, path("big.tar"), path("killed")]);
  t.equal(
    readdirSync(host.dir).filter((name) => name.includes("partial")).length,
    0,
    "the next one tidies up",
  );
  rmSync(path("killed"), { recursive: true });
  await image("prune");
  for (const folder of ["layers", "images", "refs"]) t.same(readdirSync(join(store, folder)), [], folder);
});

t.test("a signal ends it with its number, and nothing is left", async (t) => {
  const call = host.start(["bundle", "-q", path("big.tar"), path("stopped")]);
  const begun = (): boolean => readdirSync(host.dir).some((name) => name.startsWith(".stopped.partial-"));
  await until("its beginning", begun);
  call.kill("SIGTERM");
  const { code } = await call.ended;
  t.ok(code === 143 || existsSync(path("stopped")), `code ${code}`);
  t.same(
    readdirSync(host.dir).filter((name) => name.includes("partial")),
    [],
  );
});

t.test("check and explain know of the layers", async (t) => {
  await overlay("checked", "--args", "/bin/sh");
  await host.must(["check", "--bundle", path("checked")]);
  t.match(
    (await host.must(["explain", "--bundle", path("checked")])).stdout,
    /mount an overlay of the layers in .*\n/,
  );
  rmSync(path("checked/work"), { recursive: true });
  const missing = await host.call(["check", "--bundle", path("checked")]);
  t.match(missing.stdout + missing.stderr, /the overlay's folder .*\/work is missing/);
  rmSync(path("checked"), { recursive: true });
});

t.test("what does not go together", async (t) => {
  const refused = await host.call([
    "bundle",
    "--overlay",
    "--store",
    store,
    "--userns",
    "1000:10",
    path("image"),
    path("u"),
  ]);
  t.match(refused.stderr, /--overlay and --userns exclude each other/);
});

await host.end();
