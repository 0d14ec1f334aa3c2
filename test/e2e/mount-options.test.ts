/** Options of mounts, as the container's mountinfo shows them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openHost } from "./support/host.ts";
import { adding, at, bind } from "./support/mounts.ts";

const host = openHost();

const shared = join(host.dir, "shared");
mkdirSync(shared);

const FLAGS: [string[], string][] = [
  [["ro"], "ro,relatime"],
  [["rw"], "rw,relatime"],
  [["nosuid"], "rw,nosuid,relatime"],
  [["nodev"], "rw,nodev,relatime"],
  [["noexec"], "rw,noexec,relatime"],
  [["noatime"], "rw,noatime"],
  [["nodiratime"], "rw,nodiratime,relatime"],
  [["strictatime"], "rw"],
  [["relatime"], "rw,relatime"],
  [["ro", "nosuid", "nodev", "noexec"], "ro,nosuid,nodev,noexec,relatime"],
  [["ro", "rw"], "rw,relatime"],
  [["nosuid", "suid", "nodev", "dev", "noexec", "exec"], "rw,relatime"],
  [["nosymfollow"], "rw,relatime,nosymfollow"],
];

t.test("options of a bind, as the container's mountinfo has them", async (t) => {
  const points = FLAGS.map((_, index) => `/flags/${index}`);
  const [lines] = await host.ask(
    ["mounts"],
    adding(...FLAGS.map(([options], index) => bind(points[index] ?? "", ["bind", ...options], shared))),
  );
  for (const [index, [options, wanted]] of FLAGS.entries()) {
    const seen = at(lines, points[index] ?? "")
      .options.split(",")
      .sort();
    t.same(seen, wanted.split(",").sort(), options.join(","));
  }
});

t.test("options of a new filesystem", async (t) => {
  const [lines] = await host.ask(
    ["mounts"],
    adding(
      { destination: "/t/plain", type: "tmpfs", source: "tmpfs" },
      {
        destination: "/t/ro",
        type: "tmpfs",
        source: "name",
        options: ["ro", "noexec", "nosuid", "nodev", "noatime"],
      },
      {
        destination: "/t/sized",
        type: "tmpfs",
        source: "tmpfs",
        options: ["size=1m", "nr_inodes=100", "mode=1770", "uid=3", "gid=4"],
      },
      { destination: "/t/sync", type: "tmpfs", source: "tmpfs", options: ["sync", "dirsync"] },
      { destination: "/t/last", type: "tmpfs", source: "tmpfs", options: ["ro", "rw"] },
    ),
  );
  t.equal(at(lines, "/t/plain").options, "rw,relatime");
  t.equal(at(lines, "/t/ro").options, "ro,nosuid,nodev,noexec,noatime");
  t.equal(at(lines, "/t/ro").source, "name");
  t.match(at(lines, "/t/sized").super, /size=1024k,nr_inodes=100,mode=1770,uid=3,gid=4/);
  t.match(at(lines, "/t/sync").super, /^rw,sync,dirsync/);
  t.equal(at(lines, "/t/last").options, "rw,relatime");
});

t.test("recursive options reach the mounts below", async (t) => {
  const [lines] = await host.ask(
    ["mounts"],
    adding(
      bind("/rro", ["rbind", "rro"], "/dev"),
      bind("/rno", ["rbind", "rnosuid", "rnoexec", "rnodev", "rnoatime"], "/dev"),
      bind("/ro", ["rbind", "ro"], "/dev"),
    ),
  );
  t.match(at(lines, "/rro").options, /^ro,/);
  t.match(at(lines, "/rro/pts").options, /^ro,/);
  t.match(at(lines, "/rno/pts").options, /nosuid,nodev,noexec,noatime/);
  t.match(at(lines, "/ro").options, /^ro,/);
  t.match(at(lines, "/ro/pts").options, /^rw,/);
});

t.test("propagation of a mount", async (t) => {
  const [lines] = await host.ask(
    ["mounts"],
    adding(
      bind("/private", ["bind", "private"], shared),
      bind("/rprivate", ["rbind", "rprivate"], shared),
      bind("/shared", ["bind", "shared"], shared),
      bind("/unbindable", ["bind", "unbindable"], shared),
      { destination: "/tmpshared", type: "tmpfs", source: "tmpfs", options: ["shared"] },
    ),
  );
  t.same(at(lines, "/private").propagation, []);
  t.same(at(lines, "/rprivate").propagation, []);
  t.same(at(lines, "/shared").propagation, ["shared"]);
  t.same(at(lines, "/unbindable").propagation, ["unbindable"]);
  t.same(at(lines, "/tmpshared").propagation, ["shared"]);
});

t.test("many mounts with few descriptors", async (t) => {
  const count = 300;
  const [lines] = await host.ask(
    ["mounts"],
    adding(...Array.from({ length: count }, (_, index) => bind(`/many/${index}`, ["bind", "ro"], shared))),
    [],
    { launch: ["nofile=64"] },
  );
  t.equal(lines.filter((line) => line.mountpoint.startsWith("/many/")).length, count);
});

await host.end();
