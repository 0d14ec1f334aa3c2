/** The lines of turns-cases.ts, in the engine; with an argument, how it ends by an error that nobody catches. */
import { main, print } from "./host.ts";
import { turnLines } from "./turns-cases.ts";

/** A value of which nothing can be told. */
const unspeakable = {
  get stack(): string {
    throw new Error("the stack");
  },
  toString(): string {
    throw new Error("the text");
  },
};

const ENDS: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error("of the start");
  },
  timer: () => {
    setTimeout(() => {
      throw new RangeError("of a timer");
    }, 1);
  },
  microtask: () =>
    queueMicrotask(() => {
      throw new Error("of a microtask");
    }),
  rejection: () => void Promise.reject(new Error("of a promise")),
  late: () => void Promise.reject(new Error("of a promise")).catch(() => print("caught")),
  two: () => {
    void Promise.reject(new Error("of the first promise"));
    void Promise.reject(new Error("of the second")).catch(() => print("caught"));
  },
  number: () => {
    throw 7;
  },
  null: () => {
    throw null;
  },
  unspeakable: () => {
    throw unspeakable;
  },
  recursion: () => {
    const again = (): number => 1 + again();
    again();
  },
};

main(() => {
  const end = ENDS[process.argv[2] ?? ""];
  if (end !== undefined) return end();
  void turnLines().then((lines) => {
    for (const line of lines) print(line);
  });
});
