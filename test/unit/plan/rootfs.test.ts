import t from "tap";
import { ROOTFS_PROPAGATIONS } from "../../../src/bundle/vocabulary.ts";
import { compile } from "../../../src/plan/compile.ts";
import { pointerTo } from "../../../src/plan/draft.ts";
import { propagationWord } from "../../../src/plan/names.ts";
import { cleanPath, dirName, join } from "../../../src/plan/paths.ts";
import { all, bundle, facts, names, options } from "./support.ts";

t.test("rootfsPropagation holds before the mounts and, unless private, for the new root", async (t) => {
  for (const rootfsPropagation of ROOTFS_PROPAGATIONS) {
    const plan = compile(bundle({ linux: { rootfsPropagation } }), facts(), options());
    const times = rootfsPropagation.endsWith("private") ? 1 : 2;
    const words = all(plan, "propagation").map(({ flags }) => propagationWord(flags));
    t.strictSame(
      words,
      Array.from({ length: times }, () => rootfsPropagation),
    );
    for (const { op, pointer } of plan.steps) {
      if (op.op === "propagation") t.equal(pointer, "/linux/rootfsPropagation");
    }
  }
});

t.test("--no-pivot moves the root, which private propagation forbids", async (t) => {
  const plan = compile(bundle(), facts(), options({ noPivot: true }));
  t.ok(names(plan).includes("moveRoot"));
  t.notOk(names(plan).includes("pivotRoot"));
  t.throws(
    () => compile(bundle({ linux: { rootfsPropagation: "rprivate" } }), facts(), options({ noPivot: true })),
    {
      code: "conflict",
      pointer: "/linux/rootfsPropagation",
      message: "rootfsPropagation of [r]private is not safe without pivot_root",
    },
  );
});

t.test("sysctl: names become paths, in config.json's order, before the read-only paths", async (t) => {
  const sysctl = new Map([
    ["net.ipv4.ip_forward", "1"],
    ["net/ipv4/conf/eth0.1/forwarding", "0"],
  ]);
  const plan = compile(bundle({ linux: { sysctl } }), facts(), options());
  t.strictSame(
    plan.steps.filter(({ op }) => op.op === "sysctl"),
    [
      {
        op: { op: "sysctl", name: "net/ipv4/ip_forward", value: "1" },
        pointer: "/linux/sysctl/net.ipv4.ip_forward",
      },
      {
        op: { op: "sysctl", name: "net/ipv4/conf/eth0.1/forwarding", value: "0" },
        pointer: "/linux/sysctl/net~1ipv4~1conf~1eth0.1~1forwarding",
      },
    ],
  );
  t.ok(names(plan).lastIndexOf("sysctl") < names(plan).indexOf("readonlyPath"));
});

t.test("pointerTo escapes as RFC 6901 says", async (t) => {
  t.equal(pointerTo(), "");
  t.equal(pointerTo("a/b", 0, "m~n", "~1"), "/a~1b/0/m~0n/~01");
});

t.test("paths", async (t) => {
  t.strictSame(["/", "//a//b/", "/a/./b/../c", "/../.."].map(cleanPath), ["/", "/a/b", "/a/c", "/"]);
  t.strictSame(["/", "/a", "/a/b"].map(dirName), ["/", "/", "/a"]);
  t.strictSame(
    [join("/a", "b"), join("/", "b"), join("/a", "."), join("/a", "")],
    ["/a/b", "/b", "/a", "/a"],
  );
});
