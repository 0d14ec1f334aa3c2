import t from "tap";
import { parseSize } from "../../../src/cli/sizes.ts";

t.test("parseSize: what runc takes", async (t) => {
  const sizes: Readonly<Record<string, bigint>> = {
    "0": 0n,
    "4096": 4096n,
    "30M": 31457280n,
    "30m": 31457280n,
    "30MB": 31457280n,
    "30MiB": 31457280n,
    "30 M": 31457280n,
    "30Mi": 31457280n,
    "512b": 512n,
    "64k": 65536n,
    "1.5G": 1610612736n,
    "1.5g": 1610612736n,
    "0.1k": 102n,
    "2T": 2199023255552n,
    "1p": 1125899906842624n,
    "8191P": 9222246136947933184n,
    "9223372036854775807": 9223372036854775807n,
  };
  for (const [text, bytes] of Object.entries(sizes)) t.equal(parseSize(text), bytes, text);
});

t.test("parseSize: what is no size", async (t) => {
  for (const text of [
    "",
    " ",
    "1X",
    "abc",
    "-1",
    "-5M",
    "+5M",
    "M",
    ".5M",
    "5.M",
    "1.2.3M",
    "30  M",
    " 30M",
    "30M ",
    "30MM",
    "30Mib ",
    "0x10",
    "1e3",
    "1_000",
    "30M\n",
    "8192P",
    "9223372036854775808",
    "9".repeat(50),
  ]) {
    t.equal(parseSize(text), undefined, JSON.stringify(text));
  }
});
