/** Two thousand config.json, each a random change of a good one: it runs, or one line says why not; nothing is left. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type Config, type Json, probe } from "./support/config.ts";
import { type Outcome, openHost } from "./support/host.ts";
import { cgroupsOf, processesOf } from "./support/outside.ts";

const host = openHost();
const COUNT = Number(process.env["TSRUN_TEST_MUTATIONS"] ?? 2000);
const SEED = Number(process.env["TSRUN_TEST_SEED"] ?? 20_251_121);
const WORKERS = 3;

/** mulberry32: small, seeded, the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = generator(SEED);
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(list: readonly T[], otherwise: T): T => list[below(list.length)] ?? otherwise;

/** None of these means anything to the host: no path among them holds something that a mistake could harm. */
const STRINGS = [
  "",
  "x",
  "/no/such/place",
  "..",
  "../..",
  "/proc/self",
  "a\u0000b",
  "\ud800",
  "ü",
  "x".repeat(5000),
  "-1",
  "%s%n",
  "__proto__",
  "a=b",
  "\n",
  "/tmp/../../..",
  "null",
];
const NUMBERS = [
  0,
  -1,
  1,
  3.5,
  255,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  1e300,
  -(2 ** 63),
  4_294_967_295,
];
const VALUES: readonly Json[] = [null, true, false, [], {}, [[]], [{}], "text", 7, { a: { b: [1] } }];

/**
 * Without its own mount namespace, or in a cgroup that others are in, a container is asked to act on the host itself, and
 * a runtime that obeys is not at fault: those changes are left out here, other tests look at them.
 */
function isSafe(config: unknown): boolean {
  const { linux } = config as { linux?: { namespaces?: unknown; cgroupsPath?: unknown } | null };
  if (linux?.cgroupsPath !== undefined) return false;
  const namespaces: unknown = linux?.namespaces;
  return (
    Array.isArray(namespaces) && namespaces.some((one: unknown) => JSON.stringify(one) === '{"type":"mount"}')
  );
}

type Container = Record<string, unknown> | unknown[];

interface Place {
  readonly parent: Container;
  readonly key: string;
  readonly pointer: string;
}

function placesIn(value: unknown, pointer = "", found: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null) return found;
  for (const key of Object.keys(value)) {
    const below = `${pointer}/${key}`;
    found.push({ parent: value as Container, key, pointer: below });
    placesIn((value as Record<string, unknown>)[key], below, found);
  }
  return found;
}

function set({ parent, key }: Place, value: unknown): void {
  if (Array.isArray(parent)) parent[Number(key)] = value;
  else parent[key] = value;
}

function get({ parent, key }: Place): unknown {
  return Array.isArray(parent) ? parent[Number(key)] : parent[key];
}

/** One change; answers what it was, for the failure's message. */
function change(config: unknown): string {
  const places = placesIn(config);
  const place = places[below(places.length)];
  if (place === undefined) return "nothing";
  const kind = below(8);
  switch (kind) {
    case 0:
      if (Array.isArray(place.parent)) place.parent.splice(Number(place.key), 1);
      else delete place.parent[place.key];
      return `without ${place.pointer}`;
    case 1:
      set(place, pick(STRINGS, ""));
      return `a string at ${place.pointer}`;
    case 2:
      set(place, pick(NUMBERS, 0));
      return `a number at ${place.pointer}`;
    case 3:
      set(place, pick(VALUES, null));
      return `another type at ${place.pointer}`;
    case 4:
      if (Array.isArray(place.parent)) place.parent.push(structuredClone(get(place)));
      else place.parent[`${place.key}x`] = structuredClone(get(place));
      return `twice ${place.pointer}`;
    case 5: {
      const other = places[below(places.length)] ?? place;
      set(place, structuredClone(get(other)));
      return `${other.pointer} copied to ${place.pointer}`;
    }
    case 6: {
      const text = get(place);
      set(
        place,
        typeof text === "string"
          ? text.slice(0, below(text.length))
          : typeof text === "number"
            ? -text
            : [text],
      );
      return `altered ${place.pointer}`;
    }
    default: {
      const text = get(place);
      set(
        place,
        typeof text === "string"
          ? `${text}${pick(STRINGS, "")}`
          : typeof text === "number"
            ? text * 1000 + 1
            : { a: text },
      );
      return `extended ${place.pointer}`;
    }
  }
}

/** One to three changes of a good config, and what they were. */
function mutated(good: Config): [unknown, string[]] {
  for (;;) {
    const config: unknown = structuredClone(good);
    const what = Array.from({ length: 1 + below(3) }, () => change(config));
    if (isSafe(config)) return [config, what];
  }
}

/** Damage to the text itself. */
function damage(text: string): [string, string] {
  const at = below(text.length);
  switch (below(4)) {
    case 0:
      return [text.slice(0, at), `cut at ${at}`];
    case 1:
      return [
        `${text.slice(0, at)}${pick(["{", "}", "[", "]", ",", '"', "\\", "\u0000", "9"], ",")}${text.slice(at)}`,
        `a character put in at ${at}`,
      ];
    case 2:
      return [text.slice(0, at) + text.slice(at + 1 + below(10)), `characters left out at ${at}`];
    default:
      return ["[".repeat(10_000) + text, "ten thousand brackets in front"];
  }
}

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

t.test(`${COUNT} mutations (seed ${SEED})`, { timeout: 300_000 }, async (t) => {
  const wrong: string[] = [];
  let ran = 0;
  let refused = 0;
  let made = 0;
  await Promise.all(
    bundles.map(async (bundle) => {
      while (made < COUNT) {
        made += 1;
        const [config, what] = mutated(bundle.config);
        let text = JSON.stringify(config);
        if (below(10) === 0) {
          const [damaged, how] = damage(text);
          text = damaged;
          what.push(how);
        }
        writeFileSync(join(bundle.dir, "config.json"), text);
        const id = host.id();
        const outcome = await host.call(["run", "--bundle", bundle.dir, id], { limit: 15_000 });
        if (outcome.code === 0) ran += 1;
        else refused += 1;
        const reason = complaint(outcome, id);
        if (reason !== undefined)
          wrong.push(`${what.join(", ")}: ${reason}\n${outcome.stderr.slice(0, 400)}`);
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
