/** bundle as an ordinary user: what he may do, and what he is told of the rest. */

import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeRootfs } from "../../scripts/make-rootfs.ts";
import { dockerArchive, tarOf } from "./support/tar.ts";
import { openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true, only: "tsrun" });
const { host } = user;
const path = (...names: readonly string[]): string => join(user.runtimeDir, ...names);

makeRootfs(join(host.dir, "root"));
const base = execFileSync("tar", ["-C", join(host.dir, "root"), "-cf", "-", "."], { maxBuffer: 64 << 20 });
const upper = tarOf(
  { name: "theirs", content: "x", uid: 5, gid: 6, mode: 0o4755 },
  { name: "dev/x", type: "3", major: 1, minor: 3 },
  { name: "closed/", type: "5", mode: 0o500 },
  { name: "closed/f", content: "inside" },
  { name: "etc/.wh.group" },
  { name: "home/.wh..wh..opq" },
);
const script = "id -u; ls /etc; ls /home | wc -l; cat /closed/f; touch /made; ls -ln /theirs";
writeFileSync(
  join(host.dir, "image.tar"),
  dockerArchive([base, upper], { config: { Cmd: ["/bin/sh", "-c", script] } }),
);

for (const kind of ["plain", "overlay"]) {
  t.test(`a ${kind} bundle`, async (t) => {
    const words = kind === "overlay" ? ["--overlay", "--store", path("layers")] : [];
    const dir = path(`b-${kind}`);
    const made = await user.must(["bundle", ...words, join(host.dir, "image.tar"), dir]);
    t.match(
      made.stderr,
      /warning: [0-9]+ files belong to the container's root instead of their owners; 1 device nodes were left out/,
    );
    t.equal(statSync(dir).uid, USER.uid);
    const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
    t.same(config.linux.uidMappings, [{ containerID: 0, hostID: USER.uid, size: 1 }]);
    const { stdout } = await user.must(["run", "--bundle", dir, host.id()]);
    t.match(stdout, /^0\npasswd\n0\ninside-rwsr-xr-x +1 0 +0 +1 .*\/theirs\n$/);
    if (kind === "overlay") {
      t.match(
        (await user.must(["image", "ls", "--store", path("layers")])).stdout,
        /docker.io\/library\/test:1|test:1 .* 1\n/,
      );
    }
    execFileSync("rm", ["-rf", dir]);
  });
}

t.test("the user's layers go as well", async (t) => {
  t.match((await user.must(["image", "prune", "--store", path("layers")])).stdout, "2 layers");
  execFileSync("rm", ["-rf", path("layers")]);
});

await user.end();
