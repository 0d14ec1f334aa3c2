import t from "tap";
import { parseBundle } from "../../../src/bundle/parse.ts";
import { checkJoinedSysctls } from "../../../src/lifecycle/joined-sysctls.ts";
import { noLibrary } from "../native.ts";

function check(name: string, type: string, path?: string): () => void {
  const namespaces = [{ type: "mount" }, { type, ...(path === undefined ? {} : { path }) }];
  const linux = { namespaces, sysctl: { [name]: "1" } };
  const { bundle } = parseBundle(JSON.stringify({ ociVersion: "1.0.2", root: { path: "r" }, linux }), "/b");
  return () => checkJoinedSysctls(bundle);
}

t.test("a joined namespace that is the host's own", { skip: noLibrary }, async (t) => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ["net.core.somaxconn", "network", "net", "not allowed in host network namespace"],
    ["kernel.shmmax", "ipc", "ipc", "is not allowed in the hosts ipc namespace"],
    ["fs.mqueue.msg_max", "ipc", "ipc", "is not allowed in the hosts ipc namespace"],
    ["kernel.domainname", "uts", "uts", "is not in a separate kernel namespace"],
  ];
  for (const [name, type, file, words] of cases) {
    const path = `/proc/self/ns/${file}`;
    t.throws(
      check(name, type, path),
      {
        name: "BundleError",
        code: "conflict",
        pointer: `/linux/sysctl/${name}`,
        message: `sysctl "${name}" ${words}: ${path} is the host's own`,
        hint: `set it on the host, or take the path of the ${type} namespace away for a new one`,
      },
      name,
    );
    t.doesNotThrow(check(name, type), `${name} in a new namespace`);
    t.doesNotThrow(check(name, type, "/proc/self/ns/mnt"), "another one, whatever it is");
    t.doesNotThrow(check(name, type, "/no/such"), "one that is not there is refused where it is joined");
  }
});
