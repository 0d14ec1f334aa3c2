/** A root that is an overlay: by facts alone, whatever the annotations say. */
import t from "tap";
import { compile } from "../../../src/plan/compile.ts";
import { bundle, facts, options } from "./support.ts";

const overlay = { folder: "/var/lib/tsrun/layers", inode: 7n, layers: ["b".repeat(32), "a".repeat(32)] };
const OLD = new Map([
  ["org.tsrun.overlay.store", "/"],
  ["org.tsrun.overlay.lower", "a".repeat(32)],
]);

t.test("annotations name no layers", async (t) => {
  const { steps } = compile({ ...bundle(), annotations: OLD }, facts(), options());
  t.notOk(steps.some(({ op }) => op.op === "overlay"));
});

t.test("layers, the topmost first, with the bundle's own folders on top", async (t) => {
  const plain = bundle();
  const ours = { ...plain, root: { ...plain.root, path: `${plain.dir}/rootfs` } };
  const { steps } = compile(ours, facts({ overlay }), options());
  t.match(
    steps.find(({ op }) => op.op === "overlay"),
    {
      pointer: "/root/path",
      op: {
        path: `${plain.dir}/rootfs`,
        folder: overlay.folder,
        inode: 7n,
        options: `lowerdir=${overlay.layers.join(":")},upperdir=${plain.dir}/upper,workdir=${plain.dir}/work,index=off,redirect_dir=nofollow,metacopy=off`,
      },
    },
  );
  const elsewhere = { ...ours, root: { ...ours.root, path: plain.dir } };
  t.throws(() => compile(elsewhere, facts({ overlay }), options()), {
    code: "conflict",
    pointer: "/root/path",
  });
  const odd = { ...overlay, layers: ["../etc"] };
  t.throws(() => compile(ours, facts({ overlay: odd }), options()), {
    code: "format",
    pointer: "/root/path",
  });
  const many = { ...overlay, layers: Array<string>(200).fill("a".repeat(32)) };
  t.throws(() => compile(ours, facts({ overlay: many }), options()), {
    code: "limit",
    pointer: "/root/path",
  });
});
