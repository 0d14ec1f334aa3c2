import t from "tap";
import { parseSignal } from "../../../src/lifecycle/signals.ts";

const SIGNALS: readonly (readonly [string, number])[] = [
  ["TERM", 15],
  ["SIGTERM", 15],
  ["sigterm", 15],
  ["Kill", 9],
  ["15", 15],
  ["0", 0],
  ["64", 64],
  ["015", 15],
  ["HUP", 1],
  ["USR1", 10],
  ["WINCH", 28],
  ["SIGRTMIN", 34],
  ["RTMIN+3", 37],
  ["rtmax", 64],
  ["SIGRTMAX-2", 62],
  ["CHLD", 17],
  ["SYS", 31],
];

for (const [text, number] of SIGNALS) {
  t.test(`parseSignal(${text})`, async (t) => void t.equal(parseSignal(text), number));
}

for (const text of [
  "",
  "FOO",
  "SIG",
  "65",
  "-1",
  "9.5",
  "RTMIN+31",
  "RTMAX+1",
  "RTMIN-34",
  "TERM+1",
  "constructor",
  "__proto__",
  "1e1",
  " 9",
]) {
  t.test(`parseSignal(${JSON.stringify(text)}) is refused`, async (t) => {
    t.throws(() => parseSignal(text), {
      name: "UsageError",
      message: `unknown signal ${JSON.stringify(text)}`,
    });
  });
}
