/** bundle: images that buildah made run under tsrun and runc alike, and their trees are those of buildah and tar. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import t from "tap";
import { makeRootfs } from "../../scripts/make-rootfs.ts";
import { openHost } from "./support/host.ts";
import { ociLayout, tarOf } from "./support/tar.ts";
import { treeOf } from "./support/tree.ts";

const host = openHost({ busybox: true, only: "tsrun" });
const path = (...names: readonly string[]): string => join(host.dir, ...names);

function sh(script: string): string {
  const storage = path("storage.conf");
  writeFileSync(
    storage,
    `[storage]\ndriver = "vfs"\nrunroot = "${path("run")}"\ngraphroot = "${path("store")}"\n`,
  );
  const env = {
    ...process.env,
    CONTAINERS_STORAGE_CONF: storage,
    BUILDAH_ISOLATION: "chroot",
    TSRUN_TEST: host.tag,
  };
  return execFileSync("bash", ["-ec", `ulimit -n 4096; ulimit -u 4096; ${script}`], {
    cwd: host.dir,
    env,
    encoding: "utf8",
  });
}

/** A root with everything that a file system can hold. */
function makeTree(dir: string): void {
  makeRootfs(dir);
  const at = (name: string): string => join(dir, name);
  linkSync(at("bin/probe"), at("bin/probe-link"));
  symlinkSync("/etc/passwd", at("absolute"));
  symlinkSync("../../../etc", at("etc/up"));
  mkdirSync(at("closed/in"), { recursive: true });
  writeFileSync(at("closed/in/f"), "x");
  writeFileSync(at(`usr/${"long-".repeat(45)}`), "long");
  execFileSync("sh", [
    "-ec",
    `cd "$1"; mknod dev/null2 c 1 3; mkfifo pipe; chown 1000:29 closed/in/f pipe; chmod 4755 closed/in/f; chmod 2770 closed/in
     truncate -s 10M sparse; echo end >> sparse
     python3 -c 'import os; os.setxattr("etc/passwd", "user.tsrun", b"\\x00\\xff"); os.setxattr("bin/probe", "security.capability", bytes.fromhex("0100000200040080000000000000000000000000"))'
     touch -d 2001-02-03T04:05:06Z closed/in/f; chmod 500 closed; touch -d 2002-02-03T04:05:06Z closed closed/in etc`,
    "sh",
    dir,
  ]);
}

/** Layers of buildah have times in whole seconds. */
function inSeconds(tree: ReturnType<typeof treeOf>): Record<string, readonly unknown[]> {
  const rounded = Object.entries(tree).map(([name, line]) => [
    name,
    line.map((fact, at) => (at === 3 ? Math.floor(Number(fact) / 1e9) : fact)),
  ]);
  return Object.fromEntries(rounded) as Record<string, readonly unknown[]>;
}

const HAS_BUILDAH = existsSync("/usr/bin/buildah");

t.test(
  "an image of buildah, in each form",
  { skip: !HAS_BUILDAH && "needs buildah", timeout: 240_000 },
  async (t) => {
    makeRootfs(path("rootfs"));
    sh(`
    first=$(buildah from scratch); buildah add -q $first rootfs / > /dev/null
    buildah config --env GREETING=hello --user user --workingdir /work --entrypoint '["/bin/sh","-c"]' \\
      --cmd 'id' --label k=v --stop-signal SIGINT --port 80/tcp --volume /data $first
    buildah commit -q $first localhost/one:1 > /dev/null
    second=$(buildah from localhost/one:1); root=$(buildah mount $second)
    rm -rf $root/home $root/etc/group $root/tmp; mkdir $root/home; echo new > $root/home/new; ln $root/bin/probe $root/bin/probe2
    chmod 1751 $root/home; echo user:x:1000: > $root/etc/group; echo audio:x:29:user >> $root/etc/group
    buildah config --entrypoint '' --cmd '/bin/sh /etc/program' $second
    echo 'id; pwd; echo $GREETING; ls -ld /home /data; ls -A /home /; hostname' > $root/etc/program
    buildah commit -q $second localhost/two:2 > /dev/null
    buildah push -q localhost/two:2 oci-archive:oci.tar:two:2; buildah push -q localhost/two:2 docker-archive:docker.tar:two:2
    buildah push -q localhost/two:2 oci:layout:two; gzip -k docker.tar; mkdir whole; cp -a $(buildah mount $(buildah from localhost/two:2))/. whole`);
    const outputs: string[] = [];
    const whole = inSeconds(treeOf(path("whole")));
    for (const source of ["oci.tar", "docker.tar", "layout", "docker.tar.gz"]) {
      const dir = path(`bundle-${source}`);
      const made = await host.must(["bundle", "--hostname", "h", path(source), dir]);
      t.match(made.stdout, /2 layers/, source);
      t.match(made.stderr, /layer 2 \(sha256:[0-9a-f]{12}\): .*\/s\n/, "a line a layer");
      const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
      t.match(config.process, { user: { uid: 1000, gid: 1000, additionalGids: [29] }, cwd: "/work" });
      t.match(config.annotations, { k: "v", "org.opencontainers.image.stopSignal": "SIGINT" });
      const ours = inSeconds(treeOf(join(dir, "rootfs")));
      const { data: _, work: __, ".": ___, ...rest } = ours;
      const { data: a, work: b, ".": c, ...theirs } = whole;
      t.same(rest, theirs, `${source}: the tree is buildah's`);
      outputs.push((await host.must(["run", "--bundle", dir, host.id()])).stdout);
      outputs.push(
        execFileSync("runc", ["--root", host.stateRoot, "run", "-b", dir, host.id()], { encoding: "utf8" }),
      );
      t.same(
        readdirSync(host.dir).filter((name) => name.includes("partial")),
        [],
        "nothing else is left",
      );
    }
    t.same([...new Set(outputs)], outputs.slice(0, 1), "the same output everywhere");
    t.match(outputs[0], /^uid=1000\(user\) gid=1000\(user\) groups=29\(audio\),?.*\n\/work\nhello\n/);
    sh("buildah rm --all > /dev/null");
  },
);

t.test("a tree is as tar unpacks it", { timeout: 120_000 }, async (t) => {
  makeTree(path("tree"));
  for (const format of ["posix", "gnu"]) {
    const xattrs = format === "posix" ? ["--xattrs", "--xattrs-include=*"] : [];
    const tar = ["tar", ...xattrs, "--numeric-owner", "-C"];
    sh(
      `${tar.join(" ")} tree --format=${format} --sparse -cf ${format}.tar .; mkdir tar-${format}; ${tar.join(" ")} tar-${format} -xpf ${format}.tar; zstd -q ${format}.tar || true`,
    );
    const theirs = treeOf(path(`tar-${format}`));
    for (const source of [`${format}.tar`, `${format}.tar.zst`].filter((name) => existsSync(path(name)))) {
      const dir = path(`bundle-${source}`);
      await host.must(["bundle", "--quiet", "--args", "/bin/probe", path(source), dir]);
      t.same(treeOf(join(dir, "rootfs")), theirs, source);
    }
  }
  t.ok(
    JSON.stringify(treeOf(path("tar-posix"))["bin/probe"]).includes("security.capability"),
    "with attributes",
  );
});

t.test("standard input, a root filesystem's folder, DIR/rootfs", async (t) => {
  const archive = tarOf({ name: "etc/", type: "5" }, { name: "etc/x", content: "y" });
  const piped = path("piped");
  writeFileSync(path("in.tar.gz"), gzipSync(archive));
  sh(`${host.runtime} bundle -q --args x - ${piped} < in.tar.gz`);
  t.equal(readFileSync(join(piped, "rootfs/etc/x"), "utf8"), "y");
  const root = path("some-root");
  makeRootfs(root);
  const args = ["--args", "/bin/probe", "--args", "true"];
  await host.must(["bundle", ...args, root, path("outside")]);
  t.equal(JSON.parse(readFileSync(path("outside/config.json"), "utf8")).root.path, root, "stays where it is");
  await host.must(["run", "--bundle", path("outside"), host.id()]);
  mkdirSync(path("own"));
  makeRootfs(path("own/rootfs"));
  await host.must(["bundle", ...args, path("own/rootfs"), path("own")]);
  await host.must(["run", "--bundle", path("own"), host.id()]);
});

t.test("layers: whiteouts, opaque folders, links, what replaces what", async (t) => {
  const lower = tarOf(
    { name: "a/", type: "5" },
    ...["a/gone", "a/stays", "b/one", "b/two", "c/x", "file", "later"].map((name) => ({
      name,
      content: name,
    })),
    { name: "lib", type: "2", link: "usr/lib" },
    { name: "usr/lib/", type: "5", mode: 0o751, mtime: 5 },
    { name: "dir/deep/er/f", content: "f" },
  );
  const upper = tarOf(
    { name: "a/.wh.gone" },
    { name: "b/new", content: "new" },
    { name: "b/.wh..wh..opq" },
    { name: "c", content: "a file now" },
    { name: "file/", type: "5" },
    { name: "lib/through", content: "by the link" },
    { name: "later", content: "again" },
    { name: ".wh.later" },
    { name: ".wh.dir" },
    { name: ".wh..wh.plnk" },
  );
  ociLayout(path("layers"), [lower, upper], { store: (layer) => layer });
  await host.must(["bundle", "-q", path("layers"), path("layered")]);
  const tree = treeOf(path("layered/rootfs"));
  t.same(Object.keys(tree).sort(), [
    ".",
    "a",
    "a/stays",
    "b",
    "b/new",
    "c",
    "file",
    "later",
    "lib",
    "usr",
    "usr/lib",
    "usr/lib/through",
  ]);
  t.equal(tree["usr/lib"]?.[0], "0o40751");
  t.equal(tree["usr/lib"]?.[3], 5e9, "a folder's time is set last");
  t.equal(readFileSync(path("layered/rootfs/later"), "utf8"), "again", "a whiteout is about lower layers");
});

t.test("options end in config.json", async (t) => {
  const words =
    "--args sh -e A=1 -u 5:6 -w /w -t --readonly -m 64M --pids 9 --cpus 0.5 --hostname hh -c net_raw --userns 100000:65536";
  writeFileSync(path("o.tar"), tarOf({ name: "etc/x", content: "y", uid: 7, gid: 70_000 }));
  const made = await host.must(["bundle", ...words.split(" "), path("o.tar"), path("options")]);
  t.match(made.stderr, /warning: 1 files belong to the container's root instead of their owners/);
  const config = JSON.parse(readFileSync(path("options/config.json"), "utf8"));
  t.match(config, {
    process: { args: ["sh"], user: { uid: 5, gid: 6 }, cwd: "/w", terminal: true },
    root: { readonly: true },
    hostname: "hh",
    linux: { resources: { memory: { limit: 64 << 20 }, pids: { limit: 9 }, cpu: { quota: 50_000 } } },
  });
  t.equal(treeOf(path("options/rootfs"))["etc/x"]?.[2], 100_000, "unmapped ids are the container's root");
  for (const [option, value] of [
    ["pids", "x"],
    ["cpus", "0"],
    ["memory", "-1"],
    ["cap", "nope"],
    ["env", "x"],
    ["userns", "1"],
  ]) {
    const outcome = await host.call(["bundle", `--${option}=${value}`, path("o.tar"), path("never")]);
    t.equal(outcome.code, 1);
    t.match(outcome.stderr, `for --${option}`, option ?? "");
  }
  utimesSync(path("o.tar"), 1, 1);
});

await host.end();
