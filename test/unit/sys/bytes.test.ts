import t from "tap";
import { cstring, cstrings, text, utf8 } from "../../../src/sys/bytes.ts";
import { exitCode, exitOf } from "../../../src/sys/process.ts";

t.test("texts and their bytes", async (t) => {
  t.strictSame([...cstring("aé")], [97, 0xc3, 0xa9, 0]);
  t.strictSame([...cstring("")], [0]);
  t.strictSame([...cstrings(["a", "", "b"])], [97, 0, 0, 98, 0]);
  t.strictSame([...cstrings([])], [0], "an address even for none");
  t.equal(text(utf8("€𐍈")), "€𐍈");
  t.equal(text(new Uint8Array([97, 0xff, 98])), "a\ufffdb");
});

t.test("wait statuses (wait(2)) and the exit codes of a shell", async (t) => {
  const cases = [
    [0, { code: 0 }, 0],
    [7 << 8, { code: 7 }, 7],
    [255 << 8, { code: 255 }, 255],
    [9, { signal: 9 }, 137],
    [0x80 | 11, { signal: 11 }, 139],
  ] as const;
  for (const [status, exit, code] of cases) {
    t.strictSame(exitOf(status), exit);
    t.equal(exitCode(exitOf(status)), code);
  }
});
