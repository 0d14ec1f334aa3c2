/** bundle as an ordinary user: what he may do, and what he is told of the rest. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeRootfs } from "../../scripts/make-rootfs.ts";
import { installKoffi } from "./support/install.ts";
import { dockerArchive, tarOf } from "./support/tar.ts";
import { NAME, openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true, only: "tsrun" });
const { host } = user;
const path = (...names: readonly string[]): string => join(user.runtimeDir, ...names);

installKoffi(join(host.dir, "dist"));
makeRootfs(join(host.dir, "root"));
const base = execFileSync("tar", ["-C", join(host.dir, "root"), "-cf", "-", "."], { maxBuffer: 64 << 20 });
const upper = tarOf(
  { name: "theirs", content: "x", uid: 5, gid: 6, mode: 0o4755 },
  { name: "their-folder/", type: "5", uid: 5, gid: 6 },
  { name: "their-folder/file", content: "only they may remove it", uid: 5, gid: 6 },
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
      /warning: [0-9]+ files belong to the container's root instead of their owners \(user 61234 has no entry in \/etc\/passwd\); 1 device nodes were left out/,
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

const HAS_MAP_TOOLS =
  spawnSync("sh", ["-c", "command -v newuidmap && command -v newgidmap && command -v setpriv"]).status ===
    0 &&
  existsSync("/etc/subuid") &&
  existsSync("/etc/subgid");
const FIRST = 700_000;

t.test(
  "with ranges of ids",
  { skip: !HAS_MAP_TOOLS && "needs newuidmap and newgidmap (package uidmap), /etc/subuid and /etc/subgid" },
  async (t) => {
    const ranges = user.allowed(
      `${NAME}:${FIRST}:1000\n${NAME}:800000:1000\n`,
      `${NAME}:${FIRST + 50}:1500\n`,
    );
    for (const kind of ["plain", "overlay"]) {
      const store = path("mapped-layers");
      const words = kind === "overlay" ? ["--overlay", "--store", store] : [];
      const dir = path(`m-${kind}`);
      const made = await host.call(["bundle", "--quiet", ...words, join(host.dir, "image.tar"), dir], ranges);
      t.equal(made.code, 0, made.stderr);
      t.match(made.stderr, /^warning: 1 device nodes were left out\n$/, "every owner is kept");
      const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
      t.same(config.linux.uidMappings, [
        { containerID: 0, hostID: USER.uid, size: 1 },
        { containerID: 1, hostID: FIRST, size: 1000 },
        { containerID: 1001, hostID: 800_000, size: 1000 },
      ]);
      t.same(config.linux.gidMappings, [
        { containerID: 0, hostID: USER.gid, size: 1 },
        { containerID: 1, hostID: FIRST + 50, size: 1500 },
      ]);
      t.equal(statSync(dir).uid, USER.uid);
      if (kind === "plain") {
        const { uid, gid, mode } = statSync(join(dir, "rootfs/theirs"));
        t.same([uid, gid, mode & 0o7777], [FIRST + 4, FIRST + 55, 0o4755]);
        t.equal(statSync(join(dir, "rootfs/etc/passwd")).uid, USER.uid);
      }
      const ran = await host.call(["run", "--bundle", dir, host.id()], ranges);
      t.match(ran.stdout, /^0\npasswd\n0\ninside-rwsr-xr-x +1 5 +6 +1 .*\/theirs\n$/, ran.stderr);
      execFileSync("rm", ["-rf", dir]);
    }
    const pruned = await host.call(["image", "prune", "--store", path("mapped-layers")], ranges);
    t.match(pruned, { code: 0, stdout: /2 layers/ }, "the layers can be removed, too");
    t.same(readdirSync(path("mapped-layers", "layers")), []);
    execFileSync("rm", ["-rf", path("mapped-layers")]);
  },
);

t.test(
  "ids beyond the ranges, a failure, and a refusal of newuidmap",
  { skip: !HAS_MAP_TOOLS && "needs newuidmap and newgidmap (package uidmap), /etc/subuid and /etc/subgid" },
  async (t) => {
    const image = join(host.dir, "image.tar");
    const small = await host.call(
      ["bundle", "--quiet", image, path("small")],
      user.allowed(`${NAME}:${FIRST}:5\n`),
    );
    t.match(small.stderr, /^warning: 3 files belong to the container's root instead/, "gid 6 is in no range");
    execFileSync("rm", ["-rf", path("small")]);
    const broken = join(host.dir, "broken.tar");
    writeFileSync(broken, dockerArchive([tarOf({ name: "../out", content: "x" })], { config: {} }));
    const failed = await host.call(
      ["bundle", broken, path("broken")],
      user.allowed(`${NAME}:${FIRST}:1000\n`),
    );
    t.equal(failed.code, 1);
    t.match(failed.stderr, /leads out of the folder/);
    const none = await host.call(["bundle", "--quiet", image, path("none")], user.allowed(""));
    t.equal(none.code, 0);
    t.match(none.stderr, /instead of their owners \(\/etc\/subuid has no line for tsrun-test; root adds one/);
    execFileSync("rm", ["-rf", path("none")]);
    t.same(
      readdirSync(user.runtimeDir).filter((name) => name.includes("partial")),
      [],
      "nothing is left",
    );
  },
);

t.test("the user's layers go as well", async (t) => {
  t.match((await user.must(["image", "prune", "--store", path("layers")])).stdout, "2 layers");
  execFileSync("rm", ["-rf", path("layers")]);
});

await user.end();
