/** In which order timers, promises and microtasks of the engine that runs this come: a line each. */

/** The lines, once all is done. */
export async function turnLines(): Promise<readonly string[]> {
  const lines: string[] = [];
  const note = (line: string) => (): void => void lines.push(line);
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  setTimeout(note("0 ms"), 0);
  setTimeout(note("-5 ms"), -5);
  setTimeout(note("NaN ms"), Number.NaN);
  setTimeout(note("an infinity"), Number.POSITIVE_INFINITY);
  setTimeout(note("too long for a timer"), 2 ** 31);
  setTimeout(note("no ms"));
  setTimeout((...words: readonly unknown[]) => lines.push(`given ${words.join()}`), 1, "a", 2, null);
  const never = setTimeout(note("cleared"), 1);
  clearTimeout(never);
  clearTimeout(never);
  clearTimeout(undefined);
  queueMicrotask(note("microtask"));
  void Promise.resolve().then(note("then")).then(note("then then")).finally(note("finally"));
  void Promise.reject(new Error("no"))
    .catch(() => note("caught")())
    .then(() => queueMicrotask(note("microtask of a promise")));
  note("at once")();
  await null;
  note("after await")();
  await pause(20);
  note("later")();
  // A timer's microtasks come before the next timer, and what it clears doesn't come.
  setTimeout(() => {
    note("first")();
    queueMicrotask(note("of the first"));
    clearTimeout(second);
    setTimeout(note("from a timer"), 0);
  }, 1);
  const second = setTimeout(note("second"), 1);
  setTimeout(note("third"), 1);
  await pause(30);
  const order = [40, 10, 30, 20].map(async (ms) => {
    await pause(ms);
    note(`${ms} ms`)();
  });
  await Promise.all(order);
  const before = performance.now();
  await pause(50);
  const took = performance.now() - before;
  lines.push(took >= 49 && took < 5000 ? "50 ms are 50 ms" : `50 ms are ${took}`);
  for await (const each of (async function* () {
    yield 1;
    await pause(1);
    yield 2;
  })())
    lines.push(`yielded ${each}`);
  return lines;
}
