import t from "tap";
import { durationOption, parseDuration } from "../../../src/cli/duration.ts";

// Go's time.ParseDuration gives the same for each.
t.test("durations", async (t) => {
  for (const [text, milliseconds] of [
    ["5s", 5000],
    ["0", 0],
    ["0s", 0],
    ["100ms", 100],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["5.s", 5000],
    ["+1s", 1000],
    ["-1s", -1000],
    ["250us", 0.25],
    ["250µs", 0.25],
    ["250μs", 0.25],
    ["1000000ns", 1],
    ["1h2m3s4ms", 3_723_004],
  ] as const) {
    t.equal(Math.round((parseDuration(text) ?? Number.NaN) * 1e6) / 1e6, milliseconds, text);
  }
  for (const text of ["", "5", "s", "1x", "1h1x", "1 s", " 1s", "1s ", "--1s", "-", ".s", "1e3s", "1,5s"]) {
    t.equal(parseDuration(text), undefined, JSON.stringify(text));
  }
});

t.test("an option", async (t) => {
  t.equal(durationOption(undefined, "interval", 7), 7);
  t.equal(durationOption("2s", "interval", 7), 2000);
  t.throws(() => durationOption("5", "interval", 7), {
    code: "usage",
    message: 'invalid value "5" for flag -interval: parse error',
  });
});
