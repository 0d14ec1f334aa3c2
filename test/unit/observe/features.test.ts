import t from "tap";
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
