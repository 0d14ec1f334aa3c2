import t from "tap";
import { parseBundle } from "../../../src/bundle/parse.ts";
import { DIR, type Json, parse, refuses, runcSpec, small, type Wrong, withValue } from "./configs.ts";

/** A row whose wrong value is what the pointer of the error names, unless told. */
function wrong(put: string, value: Json | undefined, code: string, words: RegExp, pointer = put): Wrong {
  return {
    name: `${put} = ${JSON.stringify(value)}`,
    config: withValue(runcSpec(), put, value),
    code,
    pointer,
    words,
  };
}

t.test("64-bit values survive", (t) => {
  const text = JSON.stringify(
    withValue(small(), "/process/rlimits", [{ type: "RLIMIT_AS", soft: 1, hard: "BIG" }]),
  ).replace('"BIG"', "18446744073709551615");
  t.equal(parseBundle(text, DIR).bundle.process?.rlimits[0]?.hard, 18446744073709551615n);
  const memory = JSON.stringify(withValue(small(), "/linux/resources/memory/limit", "BIG"));
  const limit = (digits: string): unknown =>
    parseBundle(memory.replace('"BIG"', digits), DIR).bundle.linux.resources.memory.limit;
  t.equal(limit("9223372036854771712"), 9223372036854771712n);
  t.throws(() => limit("9223372036854775808"), { code: "range", pointer: "/linux/resources/memory/limit" });
  t.throws(() => limit("1e17"), { code: "type", pointer: "/linux/resources/memory/limit" });
  t.end();
});

t.test("defaults", (t) => {
  const { bundle } = parse(small());
  t.equal(bundle.root.path, "/srv/bundle/rootfs");
  t.equal(bundle.root.readonly, false);
  t.equal(bundle.hostname, undefined);
  t.same([bundle.mounts, bundle.hooks.poststop, [...bundle.annotations]], [[], [], []]);
  t.same(bundle.process?.capabilities.bounding, []);
  t.same(bundle.linux.resources.devices, []);
  t.equal(parse(withValue(small(), "/process", null)).bundle.process, undefined);
  t.equal(parse(withValue(small(), "/process", undefined)).bundle.process, undefined);
  t.equal(parse(withValue(small(), "/process/user", undefined)).bundle.process?.user.uid, 0);
  t.end();
});

t.test("paths", (t) => {
  const mount = (value: Json) => parse(withValue(small(), "/mounts", [value]));
  t.equal(
    mount({ destination: "/a/../b//c/.", source: "x", options: ["rbind"] }).bundle.mounts[0]?.destination,
    "/b/c",
  );
  t.equal(
    mount({ destination: "/b", source: "x", options: ["rbind"] }).bundle.mounts[0]?.source,
    "/srv/bundle/x",
  );
  t.equal(mount({ destination: "/b", source: "x", type: "tmpfs" }).bundle.mounts[0]?.source, "x");
  const relative = mount({ destination: "data", source: "tmpfs", type: "tmpfs" });
  t.equal(relative.bundle.mounts[0]?.destination, "/data");
  t.match(relative.warnings, [
    { pointer: "/mounts/0/destination", text: /relative mount destination "data"/ },
  ]);
  t.equal(parse(withValue(small(), "/root/path", "/abs/")).bundle.root.path, "/abs");
  t.equal(parse(withValue(small(), "/root/path", "../x")).bundle.root.path, "/srv/x");
  t.end();
});

t.test("hooks: args and env", (t) => {
  const hook = (value: Json) =>
    parse(withValue(small(), "/hooks/poststop", [value])).bundle.hooks.poststop[0];
  t.same(hook({ path: "/bin/true" }), {
    path: "/bin/true",
    args: ["/bin/true"],
    env: undefined,
    timeout: undefined,
  });
  t.same(hook({ path: "/bin/true", args: ["t", "x"], env: [], timeout: 3 }), {
    path: "/bin/true",
    args: ["t", "x"],
    env: [],
    timeout: 3,
  });
  t.end();
});

t.test("lists of numbers", (t) => {
  const affinity = { initial: "3,0-1,1", final: "7" };
  const process = parse(withValue(small(), "/process/execCPUAffinity", affinity)).bundle.process;
  t.same(process?.execCPUAffinity, { initial: [0, 1, 3], final: [7] });
  t.end();
});

t.test("unknown fields are warned about, with what was probably meant", (t) => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["/process/terminl", 'did you mean "terminal"?'],
    ["/hostnmae", 'did you mean "hostname"?'],
    ["/linux/resources/memory/Limit", 'did you mean "limit"?'],
    ["/linux/maskedPath", 'did you mean "maskedPaths"?'],
    ["/mounts/0/dest", undefined],
    ["/process/user/x-y~1z", undefined],
    ["/__proto__x", undefined],
  ];
  for (const [pointer, hint] of rows) {
    const { warnings } = parse(withValue(runcSpec(), pointer, 1));
    t.same(
      warnings.map((warning) => [warning.pointer, warning.hint]),
      [[pointer, hint]],
      pointer,
    );
    t.match(warnings[0]?.text, /^unknown field ".*" is ignored$/);
  }
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x${i}`, 1]));
  t.equal(parse(withValue(small(), "/linux/personality", { domain: "LINUX", ...many })).warnings.length, 100);
  t.end();
});

t.test("__proto__ and constructor are unknown fields like others", (t) => {
  const text = JSON.stringify(small()).replace("{", '{"__proto__":{"hostname":"evil"},"constructor":{},');
  const { bundle, warnings } = parseBundle(text, DIR);
  t.equal(bundle.hostname, undefined);
  t.same(
    warnings.map((warning) => warning.pointer),
    ["/__proto__", "/constructor"],
  );
  t.end();
});

t.test("other warnings", (t) => {
  const rows: readonly (readonly [string, Json, string, RegExp])[] = [
    [
      "/process/capabilities/bounding/-",
      "CAP_KILLL",
      "/process/capabilities/bounding/3",
      /capability "CAP_KILLL"/,
    ],
    ["/ociVersion", "1.4.0", "/ociVersion", /newer than 1\.3/],
    ["/windows", {}, "/windows", /another platform/],
    ["/linux/resources/memory/kernelTCP", 4096, "/linux/resources/memory/kernelTCP", /deprecated/],
    ["/linux/resources/memory/kernel", 4096, "/linux/resources/memory/kernel", /deprecated/],
    ["/process/commandLine", "dir", "/process/commandLine", /Windows/],
  ];
  for (const [put, value, pointer, words] of rows) {
    t.match(parse(withValue(runcSpec(), put, value)).warnings, [{ pointer, text: words }], put);
  }
  const twice = { bounding: ["CAP_X"], effective: ["CAP_X"] };
  const { bundle, warnings } = parse(withValue(small(), "/process/capabilities", twice));
  t.equal(warnings.length, 1, "one warning for a name, not one for each set");
  t.same(bundle.process?.capabilities.bounding, []);
  t.end();
});

t.test("wrong types, missing fields, numbers out of range", (t) => {
  refuses([
    wrong("", [], "type", /config.json must be an object, not an array/),
    wrong("/ociVersion", undefined, "missing", /ociVersion is required/),
    wrong("/ociVersion", "1.0", "format", /no version/),
    wrong("/ociVersion", "2.0.0", "range", /not supported/),
    wrong("/root", undefined, "missing", /root is required on Linux/),
    wrong("/root/path", "", "missing", /path is required/),
    wrong("/hostname", 5, "type", /hostname must be a string, not a number/),
    wrong("/process/args", [], "missing", /args must not be empty/),
    wrong("/process/args", "sh", "type", /args must be an array, not a string/),
    wrong("/process/args/0", null, "type", /args must hold strings, not null/),
    wrong("/process/cwd", "", "missing", /Cwd property must not be empty/),
    wrong("/process/cwd", "tmp", "format", /Cwd must be an absolute path/),
    wrong("/process/terminal", "yes", "type", /terminal must be a boolean/),
    wrong("/process/env/1", "A", "format", /invalid environment variable: "A" has no "="/),
    wrong("/process/env/1", "=a", "format", /has no name/),
    wrong("/process/user/uid", 4294967295, "range", /uid must be from 0 to 4294967294/),
    wrong("/process/user/gid", -1, "range", /gid must be from 0/),
    wrong("/process/user/uid", 1.5, "type", /digits alone, not 1.5/),
    wrong("/process/user/umask", 512, "range", /umask must be from 0 to 511/),
    wrong("/process/user/additionalGids", [1, -2], "range", /group ids/, "/process/user/additionalGids/1"),
    wrong("/process/user/additionalGids", ["a"], "type", /group ids/, "/process/user/additionalGids/0"),
    wrong("/process/oomScoreAdj", 1001, "range", /from -1000 to 1000/),
    wrong("/process/rlimits/0/hard", -1, "range", /hard must be from 0 to 18446744073709551615/),
    wrong("/process/rlimits/0/soft", undefined, "missing", /soft is required/),
    wrong(
      "/process/ioPriority",
      { class: "IOPRIO_CLASS_BE", priority: 8 },
      "range",
      /from 0 to 7/,
      "/process/ioPriority/priority",
    ),
    wrong(
      "/process/scheduler",
      { policy: "SCHED_OTHER", nice: 20 },
      "range",
      /-20 to 19/,
      "/process/scheduler/nice",
    ),
    wrong(
      "/process/execCPUAffinity",
      { initial: "3-1" },
      "format",
      /no list/,
      "/process/execCPUAffinity/initial",
    ),
    wrong(
      "/process/consoleSize",
      { height: 70000, width: 1 },
      "range",
      /height/,
      "/process/consoleSize/height",
    ),
    wrong("/mounts/0/destination", undefined, "missing", /destination is required/),
    wrong("/mounts/1", "tmpfs", "type", /each element of mounts must be an object/),
    wrong("/hooks", { prestart: [{ path: "x" }] }, "format", /absolute path/, "/hooks/prestart/0/path"),
    wrong(
      "/hooks",
      { poststop: [{ path: "/x", timeout: 0 }] },
      "range",
      /timeout must be from 1/,
      "/hooks/poststop/0/timeout",
    ),
    wrong(
      "/hooks",
      { poststop: [{ path: "/x", env: ["A"] }] },
      "format",
      /environment/,
      "/hooks/poststop/0/env/0",
    ),
    wrong("/annotations", { a: 1 }, "type", /annotations must hold strings/, "/annotations/a"),
    wrong("/annotations", { "": "x" }, "format", /must not be empty/, "/annotations/"),
    wrong("/linux/namespaces/0/path", "ns/pid", "format", /absolute path/),
    wrong("/linux/namespaces/0/type", undefined, "missing", /type is required/),
    wrong("/linux/maskedPaths/1", "proc/x", "format", /maskedPaths must hold absolute paths/),
    wrong("/linux/readonlyPaths/0", "proc/x", "format", /readonlyPaths must hold absolute paths/),
    wrong(
      "/linux/timeOffsets",
      { boottime: { nanosecs: 1e9 } },
      "range",
      /nanosecs/,
      "/linux/timeOffsets/boottime/nanosecs",
    ),
    wrong(
      "/linux/personality",
      { domain: "LINUX", flags: ["X"] },
      "range",
      /flags/,
      "/linux/personality/flags",
    ),
    wrong(
      "/linux/memoryPolicy",
      { mode: "MPOL_BIND", nodes: "x" },
      "format",
      /no list/,
      "/linux/memoryPolicy/nodes",
    ),
  ]);
  t.end();
});

t.test("devices and resources, field by field", (t) => {
  const device = { type: "c", path: "/dev/x", major: 1, minor: 3 };
  const devices = (change: { [name: string]: Json }, at: string, code: string, words: RegExp): Wrong =>
    wrong("/linux/devices", [{ ...device, ...change }], code, words, `/linux/devices/0/${at}`);
  const resource = (at: string, value: Json, code: string, words: RegExp, pointer = at): Wrong =>
    wrong(`/linux/resources/${at}`, value, code, words, `/linux/resources/${pointer}`);
  refuses([
    devices({ path: "dev/x" }, "path", "format", /absolute/),
    devices({ major: 4096 }, "major", "range", /0 to 4095/),
    devices({ minor: null }, "minor", "missing", /minor is required/),
    devices({ minor: 1048576 }, "minor", "range", /0 to 1048575/),
    devices({ fileMode: 65536 }, "fileMode", "range", /fileMode/),
    resource("devices/0/access", "", "missing", /access is required/),
    resource("devices/0/access", "rx", "range", /"rx" is not made of r, w and m/),
    resource("devices/0/access", "rr", "range", /at most once/),
    resource("devices/0/major", -2, "range", /from -1 to 4095/),
    resource("memory", { limit: -2 }, "range", /from -1/, "memory/limit"),
    resource("memory", { swappiness: 101 }, "range", /0 to 100/, "memory/swappiness"),
    resource("cpu", { quota: 999 }, "range", /below 1000 microseconds/, "cpu/quota"),
    resource("cpu", { period: 999 }, "range", /1000 to 1000000/, "cpu/period"),
    resource("cpu", { idle: 2 }, "range", /0 to 1/, "cpu/idle"),
    resource("cpu", { cpus: "0-" }, "format", /no list/, "cpu/cpus"),
    resource("cpu", { mems: "a" }, "format", /no list/, "cpu/mems"),
    resource("blockIO", { weight: 9 }, "range", /10 to 1000/, "blockIO/weight"),
    resource("blockIO", { leafWeight: 1001 }, "range", /1000/, "blockIO/leafWeight"),
    resource(
      "blockIO",
      { throttleReadBpsDevice: [{ major: 8, minor: 0 }] },
      "missing",
      /rate/,
      "blockIO/throttleReadBpsDevice/0/rate",
    ),
    resource("network", { classID: 4294967296 }, "range", /classID/, "network/classID"),
    resource(
      "network",
      { priorities: [{ name: "a b", priority: 1 }] },
      "format",
      /interface/,
      "network/priorities/0/name",
    ),
    resource("rdma", { mlx: {} }, "missing", /needs hcaHandles/, "rdma/mlx/hcaHandles"),
    resource("pids", { limit: -2 }, "range", /from -1/, "pids/limit"),
    resource("unified", { "a/b": "1" }, "format", /file name/, "unified/a~1b"),
  ]);
  const access = parse(withValue(runcSpec(), "/linux/resources/devices/0/access", "mr")).bundle;
  t.equal(access.linux.resources.devices[0]?.access, "rm");
  t.end();
});

t.test("what is to come is refused, not ignored", (t) => {
  for (const [put, value] of [
    ["/linux/seccomp", null],
    ["/linux/netDevices", {}],
    ["/linux/mountLabel", ""],
    ["/process/selinuxLabel", ""],
  ] as const) {
    t.same(parse(withValue(runcSpec(), put, value)).warnings, [], put);
  }
  t.end();
});
