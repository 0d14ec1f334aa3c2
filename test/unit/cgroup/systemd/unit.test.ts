import t from "tap";
import { sliceFolder, unitPlace } from "../../../../src/cgroup/systemd/unit.ts";

const PLACES: readonly (readonly [path: string | undefined, unit: string, slice: string, folder: string])[] =
  [
    [undefined, "tsrun-c1.scope", "system.slice", "/system.slice/tsrun-c1.scope"],
    ["", "tsrun-c1.scope", "system.slice", "/system.slice/tsrun-c1.scope"],
    ["system.slice:docker:abc", "docker-abc.scope", "system.slice", "/system.slice/docker-abc.scope"],
    [":cri:z", "cri-z.scope", "system.slice", "/system.slice/cri-z.scope"],
    ["machine.slice:libpod:0f", "libpod-0f.scope", "machine.slice", "/machine.slice/libpod-0f.scope"],
    ["a-b.slice:x:y", "x-y.scope", "a-b.slice", "/a.slice/a-b.slice/x-y.scope"],
    ["-.slice:x:y", "x-y.scope", "-.slice", "/x-y.scope"],
    ["a.slice::y", "-y.scope", "a.slice", "/a.slice/-y.scope"],
    ["a.slice:x:y.z@1\\x2d", "x-y.z@1\\x2d.scope", "a.slice", "/a.slice/x-y.z@1\\x2d.scope"],
    ["a.slice::a-b.slice", "a-b.slice", "a.slice", "/a.slice/a-b.slice"],
    ["x.slice:p:c.slice", "c.slice", "-.slice", "/c.slice"],
  ];

t.test("slice:prefix:name names a unit", (t) => {
  for (const [path, unit, slice, folder] of PLACES) {
    t.has(unitPlace(path, "c1", false), { unit, slice, folder }, String(path));
  }
  t.equal(unitPlace("a.slice::a-b.slice", "c1", false).kind, "slice");
  t.equal(unitPlace("a.slice:a:b", "c1", false).kind, "scope");
  t.end();
});

t.test("a user's are in user.slice; an id is escaped where a unit cannot have its characters", (t) => {
  t.equal(unitPlace(undefined, "c1", true).folder, "/user.slice/tsrun-c1.scope");
  t.equal(unitPlace(":p:n", "c1", true).slice, "user.slice");
  t.equal(unitPlace(undefined, "a+b_c.d-e", false).unit, "tsrun-a\\x2bb_c.d-e.scope");
  t.end();
});

const REFUSED: readonly (readonly [path: string, words: RegExp])[] = [
  [
    "a:b",
    /^expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "a:b" instead$/,
  ],
  ["/a/b", /^expected cgroupsPath to be of format "slice:prefix:name"/],
  ["a:b:c:d", /^expected cgroupsPath to be of format "slice:prefix:name"/],
  ["nope:x:y", /^invalid slice name: nope$/],
  ["/a:b:c", /^invalid slice name: \/a$/],
  ["../a.slice:x:y", /^invalid slice name: \.\.\/a\.slice$/],
  ["a--b.slice:x:y", /^invalid slice name: a--b\.slice$/],
  ["-a.slice:x:y", /^invalid slice name: -a\.slice$/],
  ["a-.slice:x:y", /^invalid slice name: a-\.slice$/],
  [".slice:x:y", /^invalid slice name: \.slice$/],
  ["sy stem.slice:x:y", /^invalid slice name: sy stem\.slice$/],
  ["a.slice:x:y/z", /^invalid unit name: x-y\/z\.scope$/],
  ["a.slice:../x:y", /^invalid unit name: \.\.\/x-y\.scope$/],
  ["a.slice:x:y\nExecStart=z", /^invalid unit name: /],
  ["a.slice:x:y\0", /^invalid unit name: /],
  ["a.slice::", /^invalid unit name: -\.scope$/],
  ["a.slice:x:a--b.slice", /^invalid slice name: a--b\.slice$/],
  [`a.slice:x:${"n".repeat(248)}`, /^invalid unit name: /],
  [`${"n".repeat(250)}.slice:x:y`, /^invalid slice name: /],
];

t.test("what is no unit is refused, with runc's words", (t) => {
  for (const [path, message] of REFUSED) {
    t.throws(
      () => unitPlace(path, "c1", false),
      { name: "BundleError", code: "format", pointer: "/linux/cgroupsPath", message },
      JSON.stringify(path.slice(0, 30)),
    );
  }
  t.equal(sliceFolder("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
  t.end();
});
