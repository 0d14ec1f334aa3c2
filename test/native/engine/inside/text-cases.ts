/** What TextEncoder and TextDecoder of the engine that runs this make of all kinds of texts and bytes: a line each. */
import { randomFrom } from "./random.ts";

/** Bytes at which a rule of UTF-8 begins or ends. */
const EDGES = [
  ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbb, 0xbe, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1],
  ...[0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfb, 0xfc, 0xfe, 0xff],
];

const UNITS = [
  ...[0x0, 0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xd83d, 0xdbff, 0xdc00, 0xdca9, 0xdfff, 0xe000],
  ...[0xfeff, 0xfffd, 0xfffe, 0xffff],
];

function hex(numbers: Iterable<number>): string {
  return Array.from(numbers, (each) => each.toString(16)).join(" ");
}

function units(text: string): string {
  return hex(Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)));
}

/** A number for many lines. */
function sum(from: number, text: string): number {
  let all = from;
  for (let at = 0; at < text.length; at++) all = Math.imul(all ^ text.charCodeAt(at), 0x1000193);
  return all;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function decoded(bytes: readonly number[]): string {
  return units(decoder.decode(new Uint8Array(bytes)));
}

/** All of two bytes, and of four at the edges; a line for each first byte. */
function everySequence(): readonly string[] {
  return Array.from({ length: 256 }, (_, first) => {
    let all = sum(0, decoded([first]));
    for (let second = 0; second < 256; second++) all = sum(all, decoded([first, second]));
    if (EDGES.includes(first))
      for (const second of EDGES)
        for (const third of [0x41, 0x7f, 0x80, 0xbf, 0xc0])
          for (const fourth of [0x41, 0x80, 0xbf, 0xc2, 0xff])
            all = sum(all, `${decoded([first, second, third, fourth])};`);
    return `from ${hex([first])}: ${all}`;
  });
}

function someBytes(random: (below: number) => number): readonly number[] {
  const bytes = Array.from({ length: random(12) }, () =>
    random(3) === 0 ? random(256) : (EDGES[random(EDGES.length)] ?? 0),
  );
  return random(5) === 0 ? [0xef, 0xbb, 0xbf, ...bytes] : bytes;
}

function someText(random: (below: number) => number): string {
  return String.fromCharCode(
    ...Array.from({ length: random(10) }, () =>
      random(3) === 0 ? random(0x10000) : (UNITS[random(UNITS.length)] ?? 0),
    ),
  );
}

function into(text: string, room: number): string {
  const target = new Uint8Array(room).fill(0x2e);
  const { read, written } = encoder.encodeInto(text, target);
  return `${units(text)} into ${room}: ${read} read, ${written} written: ${hex(target.subarray(0, written))}`;
}

/** Views that are not the whole buffer, or not of bytes. */
function views(): readonly string[] {
  const bytes = encoder.encode("\ufeffgr\u00fc\u00df \u{1f4a9} 0123456789abcdef");
  const inside = bytes.subarray(3, 9);
  return [
    decoder.decode(bytes),
    decoder.decode(inside),
    decoder.decode(bytes.subarray(4)),
    decoder.decode(bytes.subarray(bytes.length)),
    decoder.decode(new Uint16Array(bytes.slice(4, 8).buffer) as unknown as Uint8Array),
    decoder.decode(new BigInt64Array(encoder.encode("01234567").buffer) as unknown as Uint8Array),
    decoder.decode(),
    `${encoder.encode().length} ${encoder.encode("").length}`,
    hex(encoder.encode(undefined)),
    hex(encoder.encode(null as unknown as string)),
    hex(encoder.encode(1.5 as unknown as string)),
    `${encoder.encoding} ${decoder.encoding} ${decoder.fatal} ${decoder.ignoreBOM}`,
    ...["utf-8", "UTF-8", "utf8", "Utf8"].map((label) => new TextDecoder(label).encoding),
  ].map((text) => units(text));
}

/** The lines, of so many cases by chance. */
export function textLines(seed: number, count: number): readonly string[] {
  const random = randomFrom(seed);
  const lines = [...everySequence(), ...views()];
  for (let round = 0; round < count; round++) {
    const bytes = someBytes(random);
    const text = someText(random);
    lines.push(`${hex(bytes)}: ${decoded(bytes)}`);
    lines.push(`${units(text)}: ${hex(encoder.encode(text))}`);
    lines.push(into(text, random(14)));
  }
  // Long ones, with something in them at each of a few places.
  for (const length of [1000, 65535, 65536, 1_200_000]) {
    const text = `${"a".repeat(length)}\u00e9\ud83d${"\ud83d\udca9".repeat(3)}${"b".repeat(length)}`;
    const bytes = encoder.encode(text);
    lines.push(`long: ${bytes.length}, ${hex(bytes.subarray(length - 1, length + 40))}`);
    bytes[length + 1] = 0xff;
    const again = decoder.decode(bytes);
    lines.push(`long: ${again.length}, ${units(again.slice(length - 1, length + 40))}`);
  }
  return lines;
}
