/** Something of each kind that a heap can hold; what is made of it in a call is told. */
import { main, print } from "./host.ts";

const squares = new Map(Array.from({ length: 1500 }, (_, at) => [`number ${at}`, at * at]));
const kept = {
  calls: 0,
  later: "pending",
  symbol: Symbol("kept"),
  pattern: /(?<year>\d{4})-(?<month>\d\d)/gu,
  big: 2n ** 200n,
  fraction: 1 / 3,
  bytes: new Uint8Array(5000).fill(7),
  words: new Float64Array([Number.NaN, -0, Math.random()]),
  date: new Date(0),
  weak: new WeakMap<object, unknown>(),
  proxy: new Proxy({}, { get: (_, name) => String(name) }),
  error: new Error("kept"),
  text: "\u{1f4a9}".repeat(100),
  // Made and given back, some of it large.
  lengths: [10, 1000, 100_000].map((size) => "x".repeat(size).split("").reverse().join("").length),
  generator: (function* () {
    for (const each of squares.keys()) yield each;
  })(),
};
kept.weak.set(kept.bytes, kept);
kept.generator.next();

async function later(): Promise<void> {
  await null;
  kept.later = "done";
  await new Promise(() => undefined);
}
void later();

main(() => {
  kept.calls++;
  const largest = Math.max(...squares.values());
  const checks = [
    kept.big.toString(16).length === 51,
    kept.pattern.exec("in 2026-12")?.groups?.["month"] === "12",
    kept.bytes.every((byte) => byte === 7),
    Object.is(kept.words[1], -0),
    kept.weak.get(kept.bytes) === kept,
    String(Object(kept.proxy).any) === "any",
    kept.generator.next().value === "number 1",
    kept.date.getTime() === 0,
    kept.error.stack?.includes("tsrun.js"),
    Date.now() > 1e12,
  ];
  if (checks.includes(false)) throw new Error(`not as it was: ${checks.join()}`);
  const more: string[] = [];
  for (let at = 0; at < 200_000; at++) more.push(`more ${at}`);
  const ends = more.filter((each) => each.endsWith("7") || each.endsWith("3")).length;
  print(
    `${kept.calls} call, ${squares.size} squares up to ${largest}, later: ${kept.later}, ${more.length} more: ${ends}`,
  );
});
