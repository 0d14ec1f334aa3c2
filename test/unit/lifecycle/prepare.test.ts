import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { parseBundle } from "../../../src/bundle/parse.ts";
import { absolute, listenFds, loadBundle, prepare } from "../../../src/lifecycle/prepare.ts";
import { specConfig } from "../../../src/lifecycle/spec.ts";
import { noLibrary } from "../native.ts";

t.test("absolute() is lexical and ends inside the root", async (t) => {
  const here = process.cwd();
  const cases: readonly (readonly [string, string])[] = [
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/a//b/./c/", "/a/b/c"],
    ["/a/../b", "/b"],
    ["/../..", "/"],
    ["a", `${here}/a`],
    ["./a/..", here],
    ["", here],
  ];
  for (const [path, expected] of cases) t.equal(absolute(path), expected, JSON.stringify(path));
});

t.test("listenFds() counts what systemd passed to this very process", async (t) => {
  const count = (fds: string | undefined, pid: string | undefined): number => {
    for (const [name, value] of [
      ["LISTEN_FDS", fds],
      ["LISTEN_PID", pid],
    ] as const) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    return listenFds();
  };
  const own = String(process.pid);
  t.equal(count(undefined, undefined), 0);
  t.equal(count("2", own), 2);
  t.equal(count("2", "1"), 0, "another process's");
  t.equal(count("2", undefined), 0);
  for (const odd of ["", "-1", "x", "99999", "1.5"]) t.equal(count(odd, own), 0, JSON.stringify(odd));
  t.equal(count(undefined, undefined), 0);
});

t.test("with the library", { skip: noLibrary }, async (t) => {
  t.test("loadBundle() of a folder without config.json", async (t) => {
    const dir = t.testdir();
    t.throws(() => loadBundle(dir), {
      name: "BundleError",
      code: "missing",
      pointer: "",
      message: `JSON specification file config.json not found in ${dir}`,
    });
    t.throws(() => loadBundle("/no/such"), {
      code: "missing",
      message: "JSON specification file config.json not found in /no/such",
    });
  });

  t.test("what spec writes is a bundle without a word of warning", async (t) => {
    const { bundle, warnings } = parseBundle(JSON.stringify(specConfig(false)), "/b");
    t.strictSame(warnings, []);
    t.match(bundle, {
      root: { path: "/b/rootfs", readonly: true },
      process: { args: ["sh"], noNewPrivileges: true },
    });
  });

  t.test("prepare() refuses what is no root", async (t) => {
    const dir = t.testdir();
    const prepared =
      (change: object, more: object = {}) =>
      () => {
        writeFileSync(join(dir, "config.json"), JSON.stringify({ ...specConfig(false), ...change }));
        return prepare(loadBundle(dir), { id: "c1", bundle: dir, ...more });
      };
    t.throws(prepared({}), {
      code: "missing",
      pointer: "/root/path",
      message: `invalid rootfs: stat ${dir}/rootfs: no such file or directory`,
    });
    t.throws(prepared({ root: { path: "config.json" } }), {
      pointer: "/root/path",
      message: `invalid rootfs: ${dir}/config.json is not a directory`,
    });
    mkdirSync(join(dir, "rootfs"));
    t.equal(prepared({})().plan.steps.at(-1)?.op.op, "exec");
  });

  t.test("prepare() tells the program of passed sockets and of the one for notifications", async (t) => {
    const dir = t.testdir({ rootfs: {}, "config.json": JSON.stringify(specConfig(false)) });
    const told = (request: object, state?: string): readonly string[] => {
      const { plan } = prepare(loadBundle(dir), { id: "c1", bundle: dir, ...request }, state);
      const program = plan.steps.find(({ op }) => op.op === "program")?.op;
      const env = program?.op === "program" ? program.env : [];
      return env.filter((entry) => /^(LISTEN_|NOTIFY_)/.test(entry));
    };
    t.strictSame(told({}), []);
    t.strictSame(told({ notify: "/run/systemd/notify" }), [], "explain and check have no state folder");
    t.strictSame(told({ notify: "/run/systemd/notify" }, "/s/c1"), ["NOTIFY_SOCKET=/run/notify/notify.sock"]);
    Object.assign(process.env, { LISTEN_PID: String(process.pid), LISTEN_FDS: "2" });
    t.strictSame(told({}), ["LISTEN_FDS=2", "LISTEN_PID=1"]);
    process.env["LISTEN_FDNAMES"] = "web:admin";
    t.strictSame(told({}), ["LISTEN_FDS=2", "LISTEN_PID=1", "LISTEN_FDNAMES=web:admin"]);
    for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete process.env[name];
  });
});
