/** What the engine that runs this makes of the language where engines may differ: a line each. */
import { randomFrom } from "./random.ts";

type Random = (below: number) => number;

/** The result as text, or what was thrown. */
function outcome(what: string, run: () => unknown): string {
  try {
    return `${what}: ${show(run())}`;
  } catch (error) {
    return `${what}: ${error instanceof Error ? error.name : String(error)}`;
  }
}

function show(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) return escaped(JSON.stringify(value));
  return escaped(String(value));
}

function escaped(text: string): string {
  return text.replace(/[^ -~]/gu, (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`);
}

const EDGES = [31n, 32n, 33n, 63n, 64n, 65n, 127n, 128n, 129n].flatMap((bits) => [
  ...[(1n << bits) - 1n, 1n << bits, (1n << bits) + 1n],
  ...[-(1n << bits) - 1n, -(1n << bits), -(1n << bits) + 1n],
]);

function anyBig(random: Random): bigint {
  if (random(3) === 0) return EDGES[random(EDGES.length)] ?? 0n;
  let value = BigInt(random(3) === 0 ? random(3) : random(2 ** 32));
  for (let more = random(6); more > 0; more--) value = (value << 32n) | BigInt(random(2 ** 32));
  return random(2) === 0 ? value : -value;
}

function bigs(random: Random): readonly string[] {
  const [a, b, c] = [anyBig(random), anyBig(random), BigInt(random(140) - 5)];
  const bits = random(200);
  const view = new DataView(new ArrayBuffer(16));
  const stored = (): string => {
    view.setBigInt64(0, a, true);
    view.setBigUint64(8, a, false);
    const numbers = [
      view.getBigUint64(0, true),
      view.getBigInt64(8, false),
      view.getBigUint64(8),
      view.getBigInt64(0),
    ];
    const arrays = [new BigInt64Array([a])[0], new BigUint64Array([a])[0]];
    return [...numbers, ...arrays].join(" ");
  };
  return [
    outcome(`${a} + ${b}`, () => a + b),
    outcome(`${a} - ${b}`, () => a - b),
    outcome(`${a} * ${b}`, () => a * b),
    outcome(`${a} / ${b}`, () => a / b),
    outcome(`${a} % ${b}`, () => a % b),
    outcome(`${a} & ${b}`, () => a & b),
    outcome(`${a} | ${b}`, () => a | b),
    outcome(`${a} ^ ${b}`, () => a ^ b),
    outcome(`~${a}`, () => ~a),
    outcome(`${a} << ${c}`, () => a << c),
    outcome(`${a} >> ${c}`, () => a >> c),
    outcome(`${c} ** 7`, () => c ** 7n),
    outcome(`${a} < ${b}`, () => [a < b, a <= b, a === b, a > b, -a === b].join(" ")),
    outcome(`asIntN(${bits}, ${a})`, () => BigInt.asIntN(bits, a)),
    outcome(`asUintN(${bits}, ${a})`, () => BigInt.asUintN(bits, a)),
    outcome(`asUintN(64, ${a})`, () => BigInt.asUintN(64, a)),
    outcome(`Number(${a})`, () => Number(a)),
    outcome(`${a} in 16, 7`, () => `${a.toString(16)} ${a.toString(7)}`),
    outcome(`BigInt("${a}")`, () => BigInt(String(a)) === a && BigInt(` ${a}\n`) === a),
    outcome(`stored ${a}`, stored),
    outcome(`${a} and a number`, () => compared(a, Number(b))),
  ];
}

/** QuickJS has two negative ones the wrong way round where the second is a fraction or has more than 32 bits: tsrun compares none. */
function compared(one: bigint, other: number): string {
  if (one < 0n && other < 0) return "left out";
  return [one < other, one > other, one <= other, other >= one, (one as unknown) === other].join(" ");
}

function anyDouble(random: Random): number {
  switch (random(4)) {
    case 0:
      return new Float64Array(new Uint32Array([random(2 ** 32), random(2 ** 32)]).buffer)[0] ?? 0;
    case 1:
      return random(2 ** 32) / 1000;
    case 2:
      return (random(2 ** 32) - 2 ** 31) * 2 ** random(60);
    default:
      return random(1000) / 2 ** random(20);
  }
}

function numbers(random: Random): readonly string[] {
  const [a, b] = [anyDouble(random), anyDouble(random)];
  const digits = random(20);
  const text = `${random(3) === 0 ? " " : ""}${random(2) === 0 ? "-" : ""}${random(100)}.${random(1000)}e${random(20) - 10}`;
  return [
    outcome(`${a}`, () => JSON.stringify(a)),
    outcome(`${a} fixed ${digits}`, () => a.toFixed(digits)),
    outcome(`${a} precise ${digits}`, () => a.toPrecision(digits + 1)),
    outcome(`${a} exponential ${digits}`, () => a.toExponential(digits)),
    outcome(`${a} in 2, 16`, () => Math.trunc(a % 2 ** 50).toString(16)),
    outcome(`${a} % ${b}`, () => a % b),
    outcome(`${a} | 0`, () =>
      [a | 0, a >>> 0, a << 3, Math.imul(a, b), Math.fround(a), Math.clz32(a)].join(" "),
    ),
    outcome(`rounded ${a}`, () => [Math.round(a), Math.ceil(a), Math.floor(a), Math.trunc(a)].join(" ")),
    outcome(`"${text}"`, () => [Number(text), Number.parseFloat(text), Number.parseInt(text, 10)].join(" ")),
    outcome(`BigInt(${Math.trunc(a)})`, () => BigInt(Math.trunc(a))),
  ];
}

const LETTERS = [
  "a",
  "B",
  "_",
  "9",
  " ",
  "\n",
  "é",
  "ß",
  "İ",
  "ı",
  "ǅ",
  "Σ",
  "e\u0301",
  "ﬁ",
  "\u{1f4a9}",
  "\ud83d",
  "\udca9",
  "\u2028",
  "\0",
  "/",
];

function anyText(random: Random): string {
  return Array.from({ length: random(12) }, () => LETTERS[random(LETTERS.length)]).join("");
}

const PATTERNS = [
  ...[
    /^[a-z0-9_+.-]+$/i,
    /[^a-z]/giu,
    /\s+/g,
    /\p{Lu}/gu,
    /\p{L}+/u,
    /./gsu,
    /./g,
    /(?<first>\w)(?<rest>.*)/su,
  ],
  ...[
    /(?<=a)./g,
    /(?<!a)\S/g,
    /(a|B)\1?/gi,
    /\bB\b/g,
    /^.$/gm,
    /[\u{1f000}-\u{1ffff}]/gu,
    /\u{1f4a9}/u,
    /\ud83d/g,
  ],
  ...[/(a*)*b/, /(?:a|_){2,3}?/g, /[\s\S]{3}/g, /\/+/g, /ß|ſ/giu, /[é-ü]/gi, /(?=.*9)^.*$/s, /\D\d/y],
];

function texts(random: Random): readonly string[] {
  const [a, b] = [anyText(random), anyText(random)];
  const pattern = PATTERNS[random(PATTERNS.length)] ?? /x/;
  const what = `${escaped(a)} ${String(pattern)}`;
  const again = (): RegExp => new RegExp(pattern.source, pattern.flags);
  const global = new RegExp(
    pattern.source,
    pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`,
  );
  return [
    outcome(`match ${what}`, () => a.match(again())),
    outcome(`exec ${what}`, () => {
      const found = again().exec(a);
      return found === null ? null : [found.index, { ...found.groups }];
    }),
    outcome(`all ${what}`, () => [...a.matchAll(global)].map((each) => [each.index, ...each])),
    outcome(`replace ${what}`, () => a.replace(again(), "[$&$1]")),
    outcome(`split ${what}`, () => a.split(again())),
    outcome(`cases ${escaped(a)}`, () => [
      a.toLowerCase(),
      a.toUpperCase(),
      a.normalize("NFC"),
      a.normalize("NFKD"),
    ]),
    outcome(`trim ${escaped(a)}`, () => [
      a.trim(),
      a.trimStart(),
      a.trimEnd(),
      a.padStart(9, "é"),
      a.at(-1),
      [...a].length,
    ]),
    outcome(`find ${escaped(b)} ${escaped(a)}`, () => [
      a.indexOf(b),
      a.lastIndexOf(b),
      a.includes(b),
      a.startsWith(b),
      a < b,
    ]),
    outcome(`well-formed ${escaped(a)}`, () => [a.isWellFormed(), a.toWellFormed()]),
    outcome(`json ${escaped(a)}`, () => JSON.stringify({ [a]: [a, b] })),
    outcome(`uri ${escaped(a)}`, () => encodeURIComponent(a)),
    outcome(`sort ${escaped(a + b)}`, () => [...a, ...b].sort()),
  ];
}

const PIECES = [
  "{",
  "}",
  "[",
  "]",
  '"a"',
  '"\\u00e9\\ud83d"',
  ":",
  ",",
  "1",
  "-0",
  "1e400",
  "1.5e-7",
  "01",
  "tru",
  "true",
  "null",
  " ",
  '"\\x"',
  '"\n"',
  "\ufeff",
  '"__proto__"',
];

function json(random: Random): readonly string[] {
  const text = Array.from({ length: random(7) + 1 }, () => PIECES[random(PIECES.length)]).join("");
  const value = { a: [anyDouble(random), anyText(random)], b: { c: random(2) === 0, d: null, 7: 1, 1: 2 } };
  return [
    outcome(`parse ${escaped(text)}`, () => JSON.parse(text)),
    outcome(`again ${escaped(JSON.stringify(value))}`, () =>
      JSON.parse(JSON.stringify(value, null, random(3))),
    ),
    outcome("names", () =>
      JSON.parse(JSON.stringify(value), (name, each) => (name === "d" ? undefined : each)),
    ),
  ];
}

function others(random: Random): readonly string[] {
  const time = Math.trunc(anyDouble(random) % 8.64e15);
  const items = Array.from({ length: 600 }, (_, at) => ({ key: random(20), at }));
  return [
    outcome(`date ${time}`, () => new Date(time).toISOString()),
    outcome(`parsed ${time}`, () => Date.parse(new Date(time).toISOString()) === time),
    outcome("stable", () => items.toSorted((one, other) => one.key - other.key).map(({ at }) => at)),
    outcome("map", () => [...new Map(items.map(({ key, at }) => [key, at]))]),
    outcome("arrays", () => [
      items.findLast(({ key }) => key < 3)?.at,
      items.at(-2)?.key,
      [3, [1, [2]]].flat(9),
    ]),
    outcome("keys", () =>
      Object.keys({ b: 1, [random(9)]: 1, a: 1, [random(9)]: 2, "-1": 1, 4294967295: 1 }),
    ),
    outcome("labels", () => `${[1, [2, [3]]]} ${{}} ${null} ${[undefined, null]} ${String(Symbol("x"))}`),
  ];
}

/** The lines, of so many rounds by chance. */
export function languageLines(seed: number, rounds: number): readonly string[] {
  const random = randomFrom(seed);
  const lines: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const cases of [bigs, numbers, texts, json]) lines.push(...cases(random));
    if (round % 10 === 0) lines.push(...others(random));
  }
  return lines;
}
