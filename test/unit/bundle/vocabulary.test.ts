/** Each vocabulary has a field that takes all its words and refuses others. */
import t from "tap";
import {
  CAPABILITIES,
  HOOK_STAGES,
  IO_PRIORITY_CLASSES,
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  NAMESPACES,
  PERSONALITY_DOMAINS,
  RLIMITS,
  ROOTFS_PROPAGATIONS,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
} from "../../../src/bundle/vocabulary.ts";
import { BundleError } from "../../../src/error.ts";
import { bundleError, type Json, parse, small, withValue } from "./configs.ts";

type Put = (word: string) => Json;

const ROWS: readonly { name: string; words: readonly string[]; put: Put; pointer: string }[] = [
  {
    name: "namespaces",
    words: Object.keys(NAMESPACES),
    put: (type) =>
      withValue(small(), "/linux/namespaces", [{ type: "mount" }, { type, path: "/proc/1/ns/x" }]),
    pointer: "/linux/namespaces/1/type",
  },
  {
    name: "rlimits",
    words: RLIMITS,
    put: (type) => withValue(small(), "/process/rlimits", [{ type, soft: 1, hard: 1 }]),
    pointer: "/process/rlimits/0/type",
  },
  {
    name: "scheduler policies",
    words: SCHEDULER_POLICIES,
    put: (policy) => withValue(small(), "/process/scheduler", { policy }),
    pointer: "/process/scheduler/policy",
  },
  {
    name: "scheduler flags",
    words: SCHEDULER_FLAGS,
    put: (flag) => withValue(small(), "/process/scheduler", { policy: "SCHED_OTHER", flags: [flag] }),
    pointer: "/process/scheduler/flags/0",
  },
  {
    name: "I/O priority classes",
    words: IO_PRIORITY_CLASSES,
    put: (name) => withValue(small(), "/process/ioPriority", { class: name, priority: 1 }),
    pointer: "/process/ioPriority/class",
  },
  {
    name: "personality domains",
    words: PERSONALITY_DOMAINS,
    put: (domain) => withValue(small(), "/linux/personality", { domain }),
    pointer: "/linux/personality/domain",
  },
  {
    name: "memory policy modes",
    words: MEMORY_POLICY_MODES,
    put: (mode) => withValue(small(), "/linux/memoryPolicy", { mode, nodes: "0" }),
    pointer: "/linux/memoryPolicy/mode",
  },
  {
    name: "memory policy flags",
    words: MEMORY_POLICY_FLAGS,
    put: (flag) =>
      withValue(small(), "/linux/memoryPolicy", { mode: "MPOL_BIND", nodes: "0", flags: [flag] }),
    pointer: "/linux/memoryPolicy/flags/0",
  },
  {
    name: "rootfs propagations",
    words: ROOTFS_PROPAGATIONS,
    put: (word) => withValue(small(), "/linux/rootfsPropagation", word),
    pointer: "/linux/rootfsPropagation",
  },
  {
    name: "device types",
    words: ["c", "b", "u", "p"],
    put: (type) => withValue(small(), "/linux/devices", [{ type, path: "/dev/x", major: 1, minor: 1 }]),
    pointer: "/linux/devices/0/type",
  },
  {
    name: "device rule types",
    words: ["a", "b", "c"],
    put: (type) => withValue(small(), "/linux/resources/devices", [{ allow: true, type, access: "r" }]),
    pointer: "/linux/resources/devices/0/type",
  },
];

for (const { name, words, put, pointer } of ROWS) {
  t.test(name, (t) => {
    for (const word of words) {
      // A rule may still refuse the combination; the word itself must be known.
      let said = "";
      try {
        parse(put(word));
      } catch (error) {
        if (!(error instanceof BundleError)) throw error;
        said = error.message;
      }
      t.notMatch(said, /is not known/, word);
    }
    for (const outside of ["bogus", "constructor", "__proto__", "toString"]) {
      const error = bundleError(() => parse(put(outside)), outside);
      t.equal(error.code, "range", outside);
      t.equal(error.pointer, pointer, outside);
      t.match(error.message, `"${outside}" is not known`);
    }
    t.end();
  });
}

t.test("capabilities: known ones stay in order, others go", (t) => {
  const { bundle } = parse(
    withValue(small(), "/process/capabilities", { bounding: [...CAPABILITIES, "CAP_BOGUS"] }),
  );
  t.same(bundle.process?.capabilities.bounding, [...CAPABILITIES]);
  t.end();
});

t.test("hook stages: each is read", (t) => {
  for (const stage of HOOK_STAGES) {
    const { bundle, warnings } = parse(withValue(small(), `/hooks/${stage}`, [{ path: "/bin/x" }]));
    t.equal(bundle.hooks[stage].length, 1, stage);
    t.same(warnings, [], stage);
  }
  t.end();
});

t.test("a word that is nearly right is suggested", (t) => {
  const config = withValue(small(), "/process/rlimits", [{ type: "RLIMIT_NOFLE", soft: 1, hard: 1 }]);
  t.throws(() => parse(config), { code: "range", hint: 'did you mean "RLIMIT_NOFILE"?' });
  t.end();
});
