/**
 * The same bundle under runc and under the runtime under test: what the probe sees inside is compared, all of it. What
 * may differ is in a table, with the reason. (Under runc itself this shows that the comparison is stable.)
 */
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import t from "tap";
import type { Answers, MountLine } from "./support/answers.ts";
import type { Patch } from "./support/config.ts";
import { Host, openHost } from "./support/host.ts";
import { CGROUP_V2, namespaceOf } from "./support/outside.ts";

if (spawnSync("runc", ["--version"]).status !== 0) {
  t.plan(0, "needs runc to compare with");
  process.exit(0);
}

const { CASES } = await import("./support/cases.ts");
const host = openHost();
const reference = new Host("runc");

/** Where the two are meant to differ: the place, and why. */
const INTENDED: readonly { readonly place: RegExp; readonly why: string }[] = [
  {
    place:
      /^\/mounts\/\/sys\/fs\/cgroup 1\/options: "rw,nosuid,nodev,noexec,relatime" \/ "ro,nosuid,nodev,noexec,relatime"$/,
    why: "the folder above the hierarchies is read-only too where config.json says ro, so that nothing can be put there",
  },
  {
    place:
      /^\/mounts\/\/(proc\/\w+|sys\/\w+|etc\/passwd|home) \d\/(source|options|super): .* \/ "(none|ro,nosuid,nodev,noexec,relatime|ro,size=4k,nr_inodes=2,mode=755(,inode64)?)"$/,
    why: "a masked folder is covered by one small empty tmpfs that can do nothing, shared by all of them",
  },
  {
    place:
      /^\/mounts\/\/(proc\/\w+|etc\/passwd) \d\/(type|source|options|super): .*(tmpfs|size=|nosuid).* \/ .*/,
    why: "a masked file is covered by the host's null device: the image's own could be something else (CVE-2025-31133)",
  },
  {
    place: CGROUP_V2
      ? /^\/(cgroup\/files\/[\w.]+: \{"error":"ENOENT"\}|mounts\/\/sys\/fs\/cgroup 1\/(root: "\/"|source: "cgroup")) \/ /
      : /^(?!)/,
    why: "without a cgroup namespace it shows the container's own cgroup, as on v1; runc 1.1 shows the host's whole hierarchy",
  },
  {
    place: /^\/devices\/mqueue\/gid: 65534 \/ 0$/,
    why: "mounted as the user namespace's own root, not as a group that it does not know",
  },
  {
    place: /^\/env\/[12]: "[AB]=[23]" \/ "[AB]=[23]"$/,
    why: "of a name given twice the last entry stays, at its place, as runc does since 1.3; 1.1.5 moves it to the first's",
  },
];

const NAMES = [
  "cgroup",
  "ipc",
  "mnt",
  "net",
  "pid",
  "pid_for_children",
  "time",
  "time_for_children",
  "user",
  "uts",
];

/** What differs between two runs of the same runtime, replaced by what it means. */
function normal(all: Answers, from: Host): unknown {
  const text = JSON.stringify({
    ...all,
    ns: Object.fromEntries(
      NAMES.map((name) => [name, all.ns[name] === namespaceOf("self", name) ? "the host's" : "its own"]),
    ),
    mounts: byMountpoint(all.mounts),
    // A foreground container's streams may be pipes of the runtime's or the caller's own files.
    fds: Object.keys(all.fds),
    // In the host's pid namespace every run has other numbers.
    proc:
      all.proc.pid === 1
        ? all.proc
        : { ...all.proc, pid: "", ppid: "", pgid: "", sid: all.proc.sid === all.proc.pid, visible: "" },
  });
  // A mount's root is told from the top of its filesystem.
  const tidy = text.replaceAll(from.dir, "DIR").replaceAll(basename(from.dir), "DIR");
  return JSON.parse(tidy.replaceAll(from.tag, "TAG"));
}

/** mountinfo's order is that of the mounts' making, which nobody inside can tell; what lies on what is kept. */
function byMountpoint(lines: readonly MountLine[]): Record<string, MountLine> {
  const counts = new Map<string, number>();
  return Object.fromEntries(
    lines.map((line) => {
      const count = (counts.get(line.mountpoint) ?? 0) + 1;
      counts.set(line.mountpoint, count);
      return [`${line.mountpoint} ${count}`, line];
    }),
  );
}

/** The places at which two values differ, as `place: one / other`. */
function differences(place: string, one: unknown, other: unknown): string[] {
  if (isObject(one) && isObject(other)) {
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
      differences(`${place}/${key}`, one[key], other[key]),
    );
  }
  return JSON.stringify(one) === JSON.stringify(other)
    ? []
    : [`${place}: ${JSON.stringify(one)} / ${JSON.stringify(other)}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The bundle's folder has the same name under both, so that the paths in mountinfo are the same but for the parent. */
async function seenBy(from: Host, patch: Patch, extra: readonly string[]): Promise<unknown> {
  const bundle = from.bundle((config) => {
    patch(config);
    config.process.args = ["/bin/probe", "all"];
    config.process.env = config.process.env.filter((entry) => !entry.startsWith("TSRUN_TEST="));
  });
  const outcome = await from.must(["run", "--bundle", bundle.dir, ...extra, from.id()]);
  return normal(JSON.parse(outcome.stdout) as Answers, from);
}

for (const [name, patch, extra] of CASES) {
  t.test(name, async (t) => {
    const wanted = await seenBy(reference, patch, extra ?? []);
    const seen = await seenBy(host, patch, extra ?? []);
    const unexpected = differences("", wanted, seen).filter(
      (difference) => !INTENDED.some(({ place }) => place.test(difference)),
    );
    t.same(unexpected, [], "the same as under runc");
  });
}

await reference.end();
await host.end();
