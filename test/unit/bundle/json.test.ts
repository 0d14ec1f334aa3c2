import t from "tap";
import { parseJson } from "../../../src/bundle/json.ts";
import { parseExactly } from "../../../src/bundle/json-exact.ts";
import { bundleError } from "./configs.ts";

t.test("whole numbers keep all their digits", (t) => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["9223372036854771712", 9223372036854771712n],
    ["18446744073709551615", 18446744073709551615n],
    ["-9223372036854775808", -9223372036854775808n],
    ["0000".slice(0, 1), 0],
    ["1e3", 1000],
    ["0.12345678901234567890", 0.12345678901234568],
    ["-0", -0],
  ];
  for (const [text, value] of rows) t.equal(parseJson(text), value, text);
  t.same(parseJson('{"a":[18446744073709551615,"x\\n\\u0041\\ud83d\\ude00"]}'), {
    a: [18446744073709551615n, "x\nA😀"],
  });
  t.end();
});

t.test("both parsers agree where nothing is at stake", (t) => {
  for (const text of [
    '{"a":[1,-2.5e3,true,false,null,"b\\"\\\\\\/\\b\\f\\n\\r\\t"],"c":{}}',
    " [ ] ",
    '"é😀"',
    "12",
  ]) {
    t.strictSame(parseExactly(text, 64), JSON.parse(text), text);
  }
  t.end();
});

t.test("names of prototypes are names", (t) => {
  for (const parser of [parseJson, (text: string) => parseExactly(text, 64)]) {
    const value = parser('{"__proto__":{"polluted":1},"constructor":2}');
    t.same(Object.keys(Object(value)), ["__proto__", "constructor"]);
    t.equal(Object.getPrototypeOf(value), Object.prototype);
    t.notOk("polluted" in {});
  }
  t.end();
});

t.test("of a name that is there twice the last counts", (t) => {
  t.same(parseJson('{"a":1,"a":2}'), { a: 2 });
  t.same(parseExactly('{"a":1,"a":2}', 64), { a: 2 });
  t.end();
});

t.test("wrong texts", (t) => {
  const rows: readonly (readonly [string, string, string, RegExp])[] = [
    ["", "syntax", "", /^unexpected end of JSON input at line 1, column 1; the file is empty$/],
    ["  \n ", "syntax", "", /unexpected end of JSON input at line 2, column 2; the file is empty/],
    ['{"a": [1, 2', "syntax", "/a", /unexpected end of JSON input at line 1, column 12/],
    ['{"a": "b', "syntax", "/a", /unexpected end of JSON input/],
    ['{"a": tru', "syntax", "/a", /unexpected end of JSON input/],
    ['{\n  "a": }', "syntax", "/a", /unexpected "}" where a value is wanted at line 2, column 8/],
    ['{"a": 1,}', "syntax", "", /unexpected "}" where a name in quotes is wanted at line 1, column 9/],
    ["{'a': 1}", "syntax", "", /unexpected "'" where a name/],
    ["[1 2]", "syntax", "", /where "," or "]" is wanted/],
    ['{"a" 1}', "syntax", "", /where ":" is wanted/],
    ["[01]", "syntax", "", /unexpected "1"/],
    ["[NaN]", "syntax", "/0", /unexpected "N"/],
    ["[1] x", "syntax", "", /unexpected "x" after the value/],
    ['["\\x"]', "syntax", "/0", /unexpected "x" in an escape/],
    ['["\\u12G4"]', "syntax", "/0", /unexpected "G" in a \\u escape/],
    ['["a\u0000b"]', "syntax", "/0", /in a string/],
    ["\ufeff{}", "syntax", "", /unexpected "\ufeff"/],
    ['{"a/b": ["x\\u0000"]}', "format", "/a~1b/0", /holds a NUL character/],
    ['{"x\\u0000": 1}', "format", "", /holds a NUL character/],
    ['["\\ud800x"]', "format", "/0", /half of a surrogate pair/],
    ['["\udc00"]', "format", "/0", /half of a surrogate pair/],
    [`[${"1".repeat(100_000)}]`, "range", "/0", /a number of 100000 digits/],
    ["[".repeat(1_000_000), "limit", "", /nested deeper than 64/],
    [`${"[".repeat(65)}${"]".repeat(65)}`, "limit", "", /nested deeper than 64/],
    [`${'{"a":'.repeat(65)}1${"}".repeat(65)}`, "limit", "", /nested deeper than 64/],
    [`"${"x".repeat(16 * 1024 * 1024)}"`, "limit", "", /16777218 characters long, more than 16777216/],
  ];
  for (const [text, code, pointer, words] of rows) {
    const name = text.length > 40 ? `${text.slice(0, 40)}...` : text;
    const error = bundleError(() => parseJson(text), name);
    t.equal(error.code, code, `${name}: code`);
    t.equal(error.pointer, pointer, `${name}: pointer`);
    t.match(
      error.hint === undefined ? error.message : `${error.message}; ${error.hint}`,
      words,
      `${name}: words`,
    );
  }
  t.end();
});

t.test("64 levels are no fault, and brackets in strings are no levels", (t) => {
  t.doesNotThrow(() => parseJson(`${"[".repeat(64)}${"]".repeat(64)}`));
  t.doesNotThrow(() => parseExactly(`${"[".repeat(64)}${"]".repeat(64)}`, 64));
  t.same(parseJson(`["${"[".repeat(200)}\\"${"{".repeat(200)}\\\\"]`), [
    `${"[".repeat(200)}"${"{".repeat(200)}\\`,
  ]);
  t.end();
});
