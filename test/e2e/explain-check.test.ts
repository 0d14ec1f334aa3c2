/** explain and check: what a bundle would do, and why it cannot, without doing it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openHost, PROJECT } from "./support/host.ts";
import { cgroupsOf } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });

t.test("explain --format text tells each step, in order", async (t) => {
  const bundle = host.bundle();
  const { stdout, stderr } = await host.must(["explain", "-b", bundle.dir]);
  t.equal(stderr, "");
  const places = ["/proc", "/dev/pts", "/sys", "/bin/probe"].map((word) => stdout.indexOf(word));
  t.notOk(places.includes(-1), "the mounts and the program are named");
  t.equal(
    (await host.must(["explain", "-b", bundle.dir, "--format", "text"])).stdout,
    stdout,
    "text is the default",
  );
});

t.test("explain --format json is a list of operations with their place in config.json", async (t) => {
  const bundle = host.bundle();
  const { stdout } = await host.must(["explain", "-b", bundle.dir, "--format", "json"]);
  t.match(stdout, '"/mounts/0');
  t.doesNotThrow(() => JSON.parse(stdout) as unknown);
});

t.test("explain --format sh is a script that a shell accepts", async (t) => {
  const bundle = host.bundle();
  const { stdout } = await host.must(["explain", "-b", bundle.dir, "--format", "sh"]);
  const check = spawnSync("/bin/sh", ["-n"], { input: stdout });
  t.equal(check.status, 0, check.stderr.toString());
  t.match(stdout, "unshare");
});

t.test("explain of a format that is not known", async (t) => {
  const outcome = await host.call(["explain", "-b", host.bundle().dir, "--format", "xml"]);
  t.equal(outcome.code, 1);
  t.match(`${outcome.stderr}${outcome.stdout}`, /xml|format/);
});

t.test("explain and check do nothing to the host", async (t) => {
  const bundle = host.bundle((config) => {
    config.mounts.push({ destination: "/made/by/create", type: "tmpfs", source: "x" });
  });
  const before = readFileSync("/proc/self/mountinfo", "utf8");
  await host.must(["explain", "-b", bundle.dir]);
  await host.must(["check", "-b", bundle.dir]);
  t.equal(readFileSync("/proc/self/mountinfo", "utf8"), before);
  t.same(cgroupsOf(host.tag), []);
  t.notOk(existsSync(join(bundle.rootfs, "made")));
});

t.test("check of a good bundle says so and exits 0", async (t) => {
  for (const name of ["hello", "limits", "mounts", "readonly", "hooks", "userns"]) {
    const outcome = await host.call(["check", "-b", join(PROJECT, "bundles", name)]);
    t.equal(outcome.code, 0, `${name}: ${outcome.stderr}`);
  }
});

t.test("check of a broken bundle names the place, one line a reason, and exits 1", async (t) => {
  for (const name of [
    "unknown-namespace",
    "uid-out-of-range",
    "relative-cwd",
    "root-is-missing",
    "mappings-without-user-namespace",
  ]) {
    const folder = join(PROJECT, "bundles/broken", name);
    const [, pointer = ""] = readFileSync(join(folder, "expected.txt"), "utf8").split("\n");
    const outcome = await host.call(["check", "-b", folder]);
    t.equal(outcome.code, 1, name);
    t.match(`${outcome.stdout}${outcome.stderr}`, `config.json#${pointer}`);
  }
});

t.test("check warns of unknown fields, with a guess", async (t) => {
  const bundle = host.bundle((config) => {
    Object.assign(config.process, { capabilites: {} });
  });
  const outcome = await host.call(["check", "-b", bundle.dir]);
  t.match(`${outcome.stdout}${outcome.stderr}`, /capabilites.*capabilities/);
});

await host.end();
