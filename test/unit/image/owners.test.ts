/** Whose an image's files become. */
import t from "tap";
import { Owners, ownersFor } from "../../../src/image/owners.ts";

const MAP = [{ containerID: 0, hostID: 100_000, size: 65_536 }];

t.test("without mappings ids stay as they are", async (t) => {
  t.same(new Owners().of(4_294_967_294, 7), { uid: 4_294_967_294, gid: 7 });
});

t.test("an id that no mapping has becomes root's, and is counted", async (t) => {
  const owners = ownersFor({ uid: MAP, gid: MAP }, false);
  t.same(owners.of(5, 6), { uid: 100_005, gid: 100_006 });
  t.same(owners.of(70_000, 6), { uid: 100_000, gid: 100_006 });
  t.equal(owners.lost, 1);
});

t.test("what is no id is refused, and does not become root's by its last 32 bits", async (t) => {
  for (const [uid, gid] of [
    [4_294_967_296, 0],
    [0, 4_294_967_296],
    [4_294_967_295, 0],
    [-1, 0],
    [0, -4_294_967_296],
  ] as const) {
    t.throws(() => new Owners().of(uid, gid), { code: "format" }, `${uid}:${gid}`);
    t.throws(() => ownersFor({ uid: MAP, gid: MAP }, true).of(uid, gid), { code: "format" });
  }
});
