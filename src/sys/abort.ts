/** Hearing of an abort. */

const listening = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `then` once a signal is aborted; at once where it has been. One listener a signal, whatever waits for it: engines warn of
 * more than ten.
 *
 * @returns what takes it back
 */
export function onAbort(signal: AbortSignal | undefined, then: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    then();
    return () => {};
  }
  let calls = listening.get(signal);
  if (calls === undefined) {
    const made = new Set<() => void>();
    signal.addEventListener(
      "abort",
      () => {
        for (const call of made) call();
      },
      { once: true },
    );
    listening.set(signal, made);
    calls = made;
  }
  calls.add(then);
  const all = calls;
  return () => void all.delete(then);
}
