/** explain --format sh: the script does by hand what run does, as far as the tools of a Debian go. */
import { spawnSync } from "node:child_process";
import { rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Patch } from "./support/config.ts";
import { openHost } from "./support/host.ts";
import { cgroupsOf } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });

const TOOLS = ["capsh", "setpriv", "unshare", "prlimit", "ip", "hostname"];
const missing = TOOLS.find((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);

const user: Patch = (config) => {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
};

const CASES: [string, Patch][] = [
  ["an ordinary container", () => {}],
  [
    "another user, groups, umask, limits",
    (config) => {
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [5, 6], umask: 0o77 };
      config.process.rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }];
    },
  ],
  ["a user namespace", user],
  [
    "a working folder",
    (config) => {
      config.process.cwd = "/home/user";
    },
  ],
];

for (const [what, patch] of CASES) {
  t.test(what, { skip: missing === undefined ? false : `needs ${missing}` }, async (t) => {
    const bundle = host.bundle((config) => {
      patch(config);
      config.process.args = [
        "/bin/probe",
        "do",
        "ids",
        ",",
        "caps",
        ",",
        "hostname",
        ",",
        "cwd",
        ",",
        "maps",
        ",",
        "nnp",
      ];
    });
    const id = host.id();
    const { stdout } = await host.must(["explain", "-b", bundle.dir, "--format", "sh", "--id", id]);
    const script = join(bundle.dir, "script.sh");
    writeFileSync(script, stdout);
    const byHand = spawnSync("sh", [script], { encoding: "utf8", timeout: 20_000 });
    for (const dir of cgroupsOf(id).reverse()) rmdirSync(dir);
    const run = await host.run(bundle);
    t.equal(byHand.stderr, "");
    t.equal(byHand.stdout, run.stdout);
    t.equal(byHand.status, run.code);
  });
}

await host.end();
