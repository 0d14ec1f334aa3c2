import t from "tap";
import { idOutside, mayGive } from "../../../src/spawn/streams.ts";

t.test("an id of the container outside of it, by the kernel's text", async (t) => {
  const map =
    "         0     700000         10\n      1000       5000          1\n      2000 4294967000        200\n";
  const found = [0, 9, 10, 999, 1000, 1001, 2199, 2200].map((id) => idOutside(map, id));
  t.same(found, [700_000, 700_009, undefined, undefined, 5000, undefined, 4_294_967_199, undefined]);
  t.equal(idOutside("", 0), undefined, "a map that is not written yet");
  t.equal(idOutside("         0          0 4294967295\n", 1000), 1000);
});

const FIFO = 0o010600;
const FILE = 0o100600;
const SOCKET = 0o140777;
const CHAR = 0o020666;
const DIR = 0o040755;

t.test("which streams get another owner", async (t) => {
  const caller = 1000;
  for (const [mode, uid, writable, named, may] of [
    [FIFO, caller, true, false, true],
    [FIFO, caller, false, false, true],
    [FIFO, 7, true, false, true],
    [FIFO, caller, false, true, true],
    [FIFO, 7, true, true, false],
    [SOCKET, caller, true, false, true],
    [SOCKET, 7, true, false, true],
    [FILE, caller, true, true, true],
    [FILE, caller, false, true, false],
    [FILE, 7, true, true, false],
    [CHAR, caller, true, true, false],
    [DIR, caller, false, true, false],
  ] as const) {
    t.equal(mayGive({ mode, uid, writable, named }, caller), may, `${mode.toString(8)} of ${uid}`);
  }
});
