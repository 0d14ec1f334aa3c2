/** check says beforehand what create will say: the same place, for every mistake that can be known; and nothing else. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { messageOf, type Outcome, openHost } from "./support/host.ts";
import { MISTAKES } from "./support/mistakes.ts";
import { cgroupsOf } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });

const reasons = ({ stdout }: Outcome): string[] =>
  stdout.split("\n").filter((line) => line !== "" && !line.startsWith("warning: "));

for (const { what, make, pointer, unforeseen, needs } of MISTAKES) {
  t.test(what, async (t) => {
    if (needs !== undefined && !needs.have()) {
      t.pass("not a mistake here", { skip: `needs ${needs.what}` });
      return;
    }
    const bundle = host.bundle();
    make(bundle.config, bundle.rootfs);
    bundle.save();
    const outcome = await host.call(["check", "-b", bundle.dir]);
    t.equal(outcome.stderr, "");
    if (unforeseen !== undefined) {
      t.equal(outcome.code, 0, unforeseen);
      return;
    }
    t.equal(outcome.code, 1);
    const found = reasons(outcome);
    t.equal(found.length, 1, outcome.stdout);
    t.match(found[0], `(config.json#${pointer})`);
    const created = messageOf(await host.run(bundle));
    t.equal(found[0]?.split("; hint: ")[1], created.split("; hint: ")[1], "the same cure as create names");
  });
}

t.test("all reasons at once, each with its place", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["/bin/nosuch"];
    config.linux.sysctl = { "net.ipv4.nosuch": "1" };
    config.mounts.push({ destination: "/a", type: "bind", source: "/no/such", options: ["bind"] });
    config.mounts.push({ destination: "/b", type: "bind", source: "/no/such/either", options: ["bind"] });
    config.mounts.push({ destination: "/c", type: "nosuchfs", source: "x" });
    config.linux.resources = { cpu: { cpus: "4096" } };
    config.hooks = { prestart: [{ path: "/no/such/hook" }] };
    config.hostname = "h".repeat(65);
  });
  const outcome = await host.call(["check", "-b", bundle.dir]);
  t.equal(outcome.code, 1);
  const places = reasons(outcome).map((line) => /\(config\.json#([^)]*)\)/.exec(line)?.[1]);
  t.same([...places].sort(), [
    "/hooks/prestart/0/path",
    "/hostname",
    "/linux/resources/cpu/cpus",
    "/linux/sysctl/net.ipv4.nosuch",
    "/mounts/6/source",
    "/mounts/7/source",
    "/mounts/8/type",
    "/process/args/0",
  ]);
});

t.test("what lies in a mount is found there, or not judged", async (t) => {
  const bundle = host.bundle((config, rootfs = "") => {
    config.process.args = ["/opt/tools/probe", "true"];
    config.mounts.push({ destination: "/opt/tools", type: "bind", source: "../tools", options: ["bind"] });
    void rootfs;
  });
  bundle.config.mounts[6] = {
    destination: "/opt/tools",
    type: "bind",
    source: join(bundle.rootfs, "bin"),
    options: ["bind"],
  };
  bundle.save();
  t.equal((await host.call(["check", "-b", bundle.dir])).code, 0);
  t.equal((await host.run(bundle)).code, 0);
  bundle.config.process.args = ["/opt/tools/nosuch"];
  bundle.save();
  t.match(
    reasons(await host.call(["check", "-b", bundle.dir])),
    ["/process/args/0"].map((place) => new RegExp(place)),
  );
  bundle.config.mounts[6] = { destination: "/opt/tools", type: "tmpfs", source: "x" };
  bundle.save();
  t.equal((await host.call(["check", "-b", bundle.dir])).code, 0, "a hook may put the program there");
});

t.test("a file that is no JSON, and a folder without one", async (t) => {
  const bundle = host.bundle();
  writeFileSync(join(bundle.dir, "config.json"), "{");
  const outcome = await host.call(["check", "-b", bundle.dir]);
  t.equal(outcome.code, 1);
  t.equal(reasons(outcome).length, 1, outcome.stdout);
  const nowhere = await host.call(["check", "-b", join(host.dir, "nowhere")]);
  t.equal(nowhere.code, 1);
  t.match(reasons(nowhere), [/config\.json not found/]);
});

t.test("a terminal without a devpts", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.terminal = true;
    config.mounts = config.mounts.filter(({ destination }) => destination !== "/dev/pts");
  });
  const outcome = await host.call(["check", "-b", bundle.dir]);
  t.equal(outcome.code, 1);
  t.match(reasons(outcome), [
    /^make a terminal and mount it at \/dev\/console: openat2 \/dev\/pts\/ptmx: ENOENT: .*#\/process\/terminal\).*"type": "devpts"/,
  ]);
});

t.test("small limits are warned about", async (t) => {
  const bundle = host.bundle((config) => {
    config.linux.resources = { memory: { limit: 400_000 } };
  });
  const outcome = await host.call(["check", "-b", bundle.dir]);
  t.equal(outcome.code, 0);
  t.match(outcome.stdout, /^warning: the memory limit of 400000 bytes is small/m);
});

t.test("nothing is changed or started", async (t) => {
  const before = readFileSync("/proc/self/mountinfo", "utf8");
  await host.call(["check", "-b", host.bundle().dir]);
  t.equal(readFileSync("/proc/self/mountinfo", "utf8"), before);
  t.same(cgroupsOf("tsrun-check"), []);
});

await host.end();
