/** doctor on this host: as root and as an ordinary user, agreeing with what runs, and leaving nothing. */
import { readdirSync, readFileSync } from "node:fs";
import t from "tap";
import { openUser } from "./support/user.ts";

const user = openUser({ only: "tsrun" });
const { host } = user;

interface Report {
  readonly canRun: boolean;
  readonly findings: readonly {
    readonly area: string;
    readonly name: string;
    readonly state: string;
    readonly found: string;
    readonly lost?: string;
  }[];
}

/** The mounts, and the cgroups at the top, of this host. */
function outside(): unknown {
  return [readFileSync("/proc/self/mountinfo", "utf8"), readdirSync("/sys/fs/cgroup").sort()];
}

t.test("as root", async (t) => {
  const before = outside();
  const { stdout } = await host.must(["doctor", "--format", "json"]);
  const { canRun, findings } = JSON.parse(stdout) as Report;
  t.equal(canRun, true);
  const state = (name: string): string | undefined => findings.find((each) => each.name === name)?.state;
  for (const name of ["mount calls", "mount", "pid", "network", "ipc", "uts", "cgroup"])
    t.equal(state(name), "ok", name);
  for (const { name, state, found, lost } of findings) {
    t.match(state, /^(ok|partial|missing)$/);
    t.not(found, "", name);
    if (state !== "ok") t.type(lost, "string", `${name}: what is lost`);
  }
  t.strictSame(outside(), before, "nothing is left");
  const text = await host.must(["doctor"]);
  for (const { name } of findings) t.ok(text.stdout.includes(name), name);
  t.ok(text.stdout.endsWith("\ncontainers can run here\n"));
});

t.test("as an ordinary user", async (t) => {
  const before = outside();
  const { code, stdout } = await user.call(["doctor", "-f", "json"]);
  const { canRun, findings } = JSON.parse(stdout) as Report;
  const ran = await user.run(user.bundle());
  t.equal(canRun, ran.code === 0, "as a container says");
  t.equal(code, canRun ? 0 : 1);
  t.equal(findings.find(({ name }) => name === "id-mapped mounts")?.found, "root only");
  t.strictSame(outside(), before, "nothing is left");
});

t.test("where no container can run", async (t) => {
  // A state root below a file.
  const { code, stdout } = await host.call(["--root", "/proc/version/state", "doctor"], { bare: true });
  t.equal(code, 1);
  t.match(stdout, /\nno container can run here: state root\n$/);
});

await user.end();
