/** Two thousand config.json, each a random change of a good one: it runs, or one line says why not; nothing is left. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { type Outcome, openHost } from "./support/host.ts";
import { mutations } from "./support/mutations.ts";
import { cgroupsOf, processesOf } from "./support/outside.ts";
import { patience } from "./support/slow.ts";

const host = openHost();
const COUNT = Number(process.env["TSRUN_TEST_MUTATIONS"] ?? 2000);
const SEED = Number(process.env["TSRUN_TEST_SEED"] ?? 20_251_121);
const WORKERS = 3;

const bundles = Array.from({ length: WORKERS }, () =>
  host.bundle((config) => {
    probe(config, "true");
    config.root.readonly = true;
    config.annotations = { one: "1" };
    config.process.rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }];
    config.process.user = { uid: 0, gid: 0, additionalGids: [5], umask: 0o22 };
    config.process.oomScoreAdj = 100;
    config.mounts.push({ destination: "/data", type: "tmpfs", source: "data", options: ["ro", "size=1m"] });
    config.linux.resources = {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 1, minor: 11, access: "r" },
      ],
      memory: { limit: 1 << 28 },
      cpu: { shares: 512 },
      pids: { limit: 100 },
    };
    config.linux.devices = [
      { path: "/dev/node", type: "c", major: 1, minor: 3, fileMode: 0o600, uid: 0, gid: 0 },
    ];
    config.linux.sysctl = { "net.ipv4.ip_forward": "1" };
    config.linux.maskedPaths = ["/proc/keys"];
    config.linux.readonlyPaths = ["/proc/sys"];
    config.linux.rootfsPropagation = "private";
    config.hooks = { prestart: [{ path: "/bin/true", args: ["true"], timeout: 5 }] };
  }),
);

const runc = (await host.kind()) === "runc";

/** What is wrong with how a mutated bundle ended, or nothing. */
function complaint({ code, signal, stdout, stderr }: Outcome, id: string): string | undefined {
  if (code === null) return `ended by ${signal}`;
  if (/^\s+at .*[:(]|TypeError|RangeError|SyntaxError|internal error|panic|Bun v\d|goroutine/m.test(stderr))
    return "an internal failure is shown";
  const errors = stderr
    .split("\n")
    .filter((line) =>
      runc ? /level=(error|fatal)/.test(line) : line !== "" && !line.startsWith("warning: "),
    );
  const program = /^(probe VERB|probe: )/m.test(stdout + stderr);
  const enough = runc ? errors.length > 0 : errors.length === 1;
  if (code !== 0 && !enough && !program) return `${errors.length} error lines for exit code ${code}`;
  if (errors.some((line) => line.length > 16_000)) return "an endless line";
  if (existsSync(join(host.stateRoot, id))) return "its state folder is left";
  return undefined;
}

t.test(`${COUNT} mutations (seed ${SEED})`, { timeout: patience(300_000) }, async (t) => {
  const wrong: string[] = [];
  const next = mutations(SEED);
  let ran = 0;
  let refused = 0;
  let made = 0;
  await Promise.all(
    bundles.map(async (bundle) => {
      while (made < COUNT) {
        made += 1;
        const { text, what } = next(bundle.config);
        writeFileSync(join(bundle.dir, "config.json"), text);
        const id = host.id();
        const outcome = await host.call(["run", "--bundle", bundle.dir, id], { limit: 15_000 });
        if (outcome.code === 0) ran += 1;
        else refused += 1;
        const reason = complaint(outcome, id);
        if (reason !== undefined) wrong.push(`${what}: ${reason}\n${outcome.stderr.slice(0, 400)}`);
      }
    }),
  );
  t.comment(`${ran} ran, ${refused} did not`);
  t.same(wrong, []);
  t.ok(ran > COUNT / 20, "some still run");
  t.ok(refused > COUNT / 5, "many are refused");
  t.same(readdirSync(host.dir).includes("state") ? readdirSync(host.stateRoot) : [], [], "no state");
  t.same(cgroupsOf(host.tag), [], "no cgroup");
  t.same(processesOf(host.tag), [], "no process");
});

await host.end();
