/** The maps of an ordinary user's own namespace. */
import t from "tap";
import { Owners, ownersFor } from "../../../src/image/owners.ts";
import { mapsOf, parseMap } from "../../../src/spawn/mapped.ts";

const maps = mapsOf(1000, [
  { start: 100_000, count: 65_536 },
  { start: 300_000, count: 10 },
]);

t.test("his own id is root's, and the ranges follow one another", async (t) => {
  t.same(maps, [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100_000, size: 65_536 },
    { containerID: 65_537, hostID: 300_000, size: 10 },
  ]);
  t.same(
    parseMap(
      "         0       1000          1\n         1     100000      65536\n     65537     300000         10\n",
    ),
    maps,
    "as the kernel shows them",
  );
});

t.test("owners seen from outside, and from inside", async (t) => {
  const outside = new Owners(maps, maps);
  t.same(outside.of(5, 65_540), { uid: 100_004, gid: 300_003 });
  t.equal(outside.mapped, true);
  const inside = ownersFor({ uid: maps, gid: maps }, true);
  t.same(inside.of(5, 65_540), { uid: 5, gid: 65_540 });
  t.same(inside.root, { uid: 0, gid: 0 });
  t.same([inside.mapped, inside.lost], [false, 0]);
  t.same(inside.of(5, 65_547), { uid: 5, gid: 0 }, "one that is in no range is root's");
  t.equal(inside.lost, 1);
});
