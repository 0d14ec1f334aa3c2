/** Who may write what root runs: tsrun's own files, and their folder, must be root's alone. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { Host, messageOf, openHost, PROJECT } from "./support/host.ts";
import { cgroupsOf } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });

const NOBODY = 65_534;
const dist = join(host.dir, "dist");
mkdirSync(dist);
for (const name of ["tsrun", "tsrun-host", "tsrun-init", "tsrun-supervise", "libtsrun.so"]) {
  cpSync(join(PROJECT, "dist", name), join(dist, name));
}

interface Said {
  readonly code: number;
  readonly stderr: string;
}

function version(): Said {
  try {
    execFileSync(join(dist, "tsrun"), ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return { code: 0, stderr: "" };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    return { code: status, stderr };
  }
}

t.test("as installed it runs", async (t) => {
  t.same(version(), { code: 0, stderr: "" });
});

for (const name of ["", "tsrun-host", "libtsrun.so", "tsrun-init", "tsrun-supervise"]) {
  const path = `${dist}/${name}`;
  t.test(`${name === "" ? "the folder" : name} that others can change is refused`, async (t) => {
    const refusal = (owner: number, mode: string, cure: string): Said => ({
      code: 1,
      stderr: `tsrun: ${path} can be changed by others than root, though root runs what is in it: its owner is ${owner}, its mode ${mode}; hint: ${cure} ${path}\n`,
    });
    for (const mode of [0o757, 0o775, 0o1777]) {
      chmodSync(path, mode);
      t.same(version(), refusal(0, mode.toString(8).padStart(4, "0"), "chmod go-w"));
    }
    chmodSync(path, 0o755);
    chownSync(path, NOBODY, 0);
    t.same(version(), refusal(NOBODY, "0755", "chown root"));
    chownSync(path, 0, 0);
    t.same(version(), { code: 0, stderr: "" });
  });
}

t.test("the command for Node, which has no launcher, refuses such programs as well", async (t) => {
  const own = new Host(join(dist, "tsrun.js"));
  cpSync(join(PROJECT, "dist/tsrun.js"), join(dist, "tsrun.js"));
  cpSync(join(PROJECT, "node_modules/koffi"), join(dist, "node_modules/koffi"), { recursive: true });
  if (readdirSync(join(PROJECT, "node_modules")).includes("@koromix")) {
    cpSync(join(PROJECT, "node_modules/@koromix"), join(dist, "node_modules/@koromix"), { recursive: true });
  }
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
});

await host.end();
