/** Destinations of mounts: missing, relative, through links of an image that may be hostile; and mounts that fail. */
import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import type { MountEntry } from "./support/config.ts";
import { answersOf, messageOf, openHost } from "./support/host.ts";
import { adding, at, bind } from "./support/mounts.ts";

const host = openHost();

const shared = join(host.dir, "shared");
mkdirSync(join(shared, "deep"), { recursive: true });
writeFileSync(join(shared, "file"), "from outside");

t.test("destinations: relative, with .., through links of the rootfs", async (t) => {
  const questions = ["mounts"] as const;
  const bundle = host.bundle((config) => {
    config.mounts.push(
      { destination: "relative/place", type: "tmpfs", source: "relative" },
      { destination: "/a/../b", type: "tmpfs", source: "dots" },
      { destination: "/link/below", type: "tmpfs", source: "absolute-link" },
      { destination: "/up/below", type: "tmpfs", source: "link-upwards" },
      { destination: "/dangling/below", type: "tmpfs", source: "dangling-link" },
    );
    config.process.args = askingArgs(questions);
  });
  symlinkSync("/var", join(bundle.rootfs, "link"));
  symlinkSync("../../../../../../../../var/tmp", join(bundle.rootfs, "up"));
  symlinkSync("/not/there/yet", join(bundle.rootfs, "dangling"));
  const [lines] = answersOf(questions, await host.run(bundle));
  t.equal(at(lines, "/relative/place").source, "relative");
  t.equal(at(lines, "/b").source, "dots");
  t.equal(at(lines, "/var/below").source, "absolute-link");
  t.equal(at(lines, "/var/tmp/below").source, "link-upwards");
  t.equal(at(lines, "/not/there/yet/below").source, "dangling-link");
  t.notOk(existsSync("/not"), "nothing was made on the host");
});

t.test("a destination whose last part is a link", async (t) => {
  const questions = ["mounts"] as const;
  const bundle = host.bundle((config) => {
    config.mounts.push({ destination: "/run", type: "tmpfs", source: "through" });
    config.process.args = askingArgs(questions);
  });
  symlinkSync("/var/run", join(bundle.rootfs, "run"));
  const [lines] = answersOf(questions, await host.run(bundle));
  t.equal(at(lines, "/var/run").source, "through");
  t.equal(readlinkSync(join(bundle.rootfs, "run")), "/var/run", "the link is left as it is");
});

t.test("proc on a link is refused (CVE-2019-19921)", async (t) => {
  const bundle = host.bundle();
  rmSync(join(bundle.rootfs, "proc"), { recursive: true });
  mkdirSync(join(bundle.rootfs, "elsewhere"));
  symlinkSync("/elsewhere", join(bundle.rootfs, "proc"));
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "must be mounted on ordinary directory");
});

t.test("a mount over what a former mount brought is on top", async (t) => {
  const [read] = await host.ask(
    [["stat", "/shared/file"]],
    adding(bind("/shared", ["bind"], shared), { destination: "/shared", type: "tmpfs", source: "over" }),
  );
  t.same(read["/shared/file"], { error: "ENOENT" });
});

t.test("a mount that fails says which, and nothing is left", async (t) => {
  const wrong: [MountEntry, string | RegExp, string][] = [
    [bind("/x", ["bind"], "/no/such/source"), /no such file or directory/, "source"],
    [{ destination: "/x", type: "nosuchfs", source: "x" }, /no such device/, "type"],
    [{ destination: "/x", type: "tmpfs", source: "x", options: ["size=many"] }, /invalid argument/, "option"],
    [
      { destination: "/x", type: "tmpfs", source: "x", options: ["nosuchoption=1"] },
      /invalid argument/,
      "option",
    ],
    [{ destination: "/etc/passwd/x", type: "tmpfs", source: "x" }, /not a directory/, "destination"],
  ];
  for (const [mount, words, what] of wrong) {
    const outcome = await host.run(host.bundle(adding(mount)));
    t.equal(outcome.code, 1, what);
    t.match(messageOf(outcome), words);
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), "config.json#/mounts/6");
  }
});

t.test("mount points are made in the rootfs as folders", async (t) => {
  const bundle = host.bundle(adding({ destination: "/made/for/it", type: "tmpfs", source: "x" }));
  await host.run(bundle);
  t.ok(lstatSync(join(bundle.rootfs, "made/for/it")).isDirectory());
});

await host.end();
