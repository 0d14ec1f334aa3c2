/** What is done with samples, and how numbers are written. */

/** The middle of the samples; NaN of none. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Milliseconds with one or two decimals. */
export function ms(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

/** `other ÷ one`, for example `3.1×`. */
export function ratio(other: number, one: number): string {
  return `${(other / one).toFixed(other / one < 10 ? 2 : 1)}×`;
}

/** KiB with thin grouping, for example `12 340`. */
export function kib(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, " ");
}
