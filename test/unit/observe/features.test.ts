/** What `features` says, and that it says all. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { PROJECT } from "../../../scripts/make-rootfs.ts";
import { filesBelow } from "../../../scripts/rules/tree.ts";
import { SECCOMP_ACTIONS } from "../../../src/bundle/vocabulary-seccomp.ts";
import { features } from "../../../src/observe/features.ts";
import { SPEC_VERSION, VERSION } from "../../../src/version.ts";

t.test("the document says what this build does", async (t) => {
  const said = JSON.parse(JSON.stringify(features())) as Record<string, unknown>;
  t.match(said, {
    ociVersionMin: "1.0.0",
    ociVersionMax: SPEC_VERSION,
    hooks: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
    linux: {
      namespaces: ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
      cgroup: { v1: true, v2: true },
      seccomp: { enabled: true, actions: SECCOMP_ACTIONS, supportedFlags: Array },
    },
    annotations: { "dev.tsrun.version": VERSION },
  });
  const options = said["mountOptions"] as readonly string[];
  t.strictSame(options, [...options].sort());
  for (const option of ["bind", "rbind", "ro", "rro", "idmap", "tmpcopyup"])
    t.ok(options.includes(option), option);
});

/** Names in the source that look like annotations and are none that tsrun acts on, with what they are for. */
const NOT_OBEYED: readonly (readonly [file: string, name: string])[] = [
  // Written into annotations by `bundle`, but for the stop signal, which is in the list.
  ["src/image/config.ts", "org.opencontainers.image."],
  // Read from an index, to find an image by its name.
  ["src/image/indexes.ts", "io.containerd.image.name"],
  ["src/image/indexes.ts", "org.opencontainers.image.ref.name"],
  // What this build says of itself.
  ["src/observe/features.ts", "dev.tsrun.commit"],
  ["src/observe/features.ts", "dev.tsrun.version"],
  ["src/observe/features.ts", "io.github.seccomp.libseccomp.version"],
  ["src/observe/features.ts", "org.opencontainers.runc.checkpoint.enabled"],
];

t.test("every annotation that tsrun acts on is listed", async (t) => {
  const listed = (features() as { potentiallyUnsafeConfigAnnotations: readonly string[] })
    .potentiallyUnsafeConfigAnnotations;
  t.strictSame(listed, [...new Set(listed)].sort(), "sorted, each once");
  const spare = new Set(NOT_OBEYED.map(([file, name]) => `${file} ${name}`));
  const acted = new Set<string>();
  const odd: string[] = [];
  // Names on the bus and of cgroup files are left out by the pattern; labels of images that become no annotations here.
  const skipped = ["src/image/labels.ts"];
  for (const file of filesBelow(PROJECT, ["src"]).filter((name) => !skipped.includes(name))) {
    const lines = readFileSync(join(PROJECT, file), "utf8").split("\n");
    const code = lines.filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line)).join("\n");
    for (const [, name = ""] of code.matchAll(
      /["'`]((?!org\.freedesktop\.|io\.bfq\.)(?:org|com|io|run|dev|net)\.[a-z0-9-]+\.[A-Za-z0-9_.-]*|run\.oci\.[a-z_.-]*)["'`$]/g,
    )) {
      if (spare.has(`${file} ${name}`)) continue;
      if (file === "src/observe/features.ts") continue;
      acted.add(name);
    }
    // Whoever looks an annotation up does so by a constant that the pattern above finds.
    for (const [, key = ""] of code.matchAll(
      /\bannotat(?:ions|ed)\s*(?:\?\.|\.)?\s*(?:get\(|has\(|\[)\s*([^)\]]*)/g,
    )) {
      const known = new RegExp(`\\bconst ${key}\\b[^=\\n]*= "`).test(code) || key === '""';
      if (!known) odd.push(`${file}: annotations looked up by ${key}`);
    }
  }
  t.strictSame([...acted].sort(), listed, "what the source names is what features says");
  t.strictSame(odd, [], "and nothing is looked up by a name that is made up");
});
