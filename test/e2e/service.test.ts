/** The units of bundles/service: systemd finds nothing to complain about, and their commands do what the README.md says. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeRootfs } from "../../scripts/make-rootfs.ts";
import { openHost, PROJECT } from "./support/host.ts";
import { cgroupsOf, hasEnded, textOf, until } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });
const BUNDLE = join(PROJECT, "bundles/service");
const UNITS = ["tsrun-example.service", "tsrun-example-notify.service"] as const;
const ANALYZE = "/usr/bin/systemd-analyze";

t.test("systemd-analyze verify", { skip: !existsSync(ANALYZE) && `needs ${ANALYZE}` }, async (t) => {
  const folder = join(host.dir, "units");
  mkdirSync(folder);
  for (const unit of UNITS) {
    // It also looks for the programs, and tsrun need not be installed here.
    const text = readFileSync(join(BUNDLE, unit), "utf8").replaceAll("/usr/local/bin/tsrun", host.runtime);
    writeFileSync(join(folder, unit), text);
    const { stdout, stderr, status } = spawnSync(ANALYZE, ["verify", join(folder, unit)], {
      encoding: "utf8",
    });
    t.same({ said: `${stdout}${stderr}`, status }, { said: "", status: 0 }, unit);
  }
});

/** The unit's commands of one kind, for this test's own folder and id. */
function commands(unit: string, kind: string, id: string): string[][] {
  const lines = readFileSync(join(BUNDLE, unit), "utf8").split("\n");
  return lines
    .filter((line) => line.startsWith(`${kind}=/usr/local/bin/tsrun `))
    .map((line) =>
      line
        .split(" ")
        .slice(1)
        .map((word) => (word === "example" || word === "example-notify" ? id : word))
        .map((word) => word.replace("/var/lib/tsrun-example", join(host.dir, "bundle")))
        .map((word) => word.replace("/run/tsrun-example.pid", join(host.dir, "pid"))),
    );
}

t.test("start, stop, and what follows", async (t) => {
  const dir = join(host.dir, "bundle");
  cpSync(join(BUNDLE, "config.json"), join(dir, "config.json"));
  makeRootfs(join(dir, "rootfs"));
  const [unit] = UNITS;
  const id = host.id();
  const [start = []] = commands(unit, "ExecStart", id);
  const call = host.start(start);
  t.equal((await call.ended).code, 0);
  const pid = Number(textOf(join(host.dir, "pid")));
  t.equal((await host.state(id)).pid, pid, "systemd would watch the container's first process");
  await until("it serves", () => call.stdout().includes("ready"));
  t.equal(call.stdout(), '{"result":"nobody asked"}\n{"ready":1}\n');
  const [stop = []] = commands(unit, "ExecStop", id);
  t.equal((await host.call(stop)).code, 0);
  t.ok(hasEnded(pid));
  t.match(call.stdout(), '{"signal":15}');
  const [after = []] = commands(unit, "ExecStopPost", id);
  for (const time of ["once", "and where there is nothing"]) t.equal((await host.call(after)).code, 0, time);
  t.notOk(existsSync(join(host.stateRoot, id)));
  t.same(cgroupsOf(id), []);
});

await host.end();
