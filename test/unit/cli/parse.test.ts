import t from "tap";
import { type Parsed, parse } from "../../../src/cli/parse.ts";
import { COMMANDS } from "../../../src/cli/table/all.ts";

/** A call in short: globals, command, options, arguments. */
function short(parsed: Parsed): unknown {
  if (parsed.kind !== "call") return parsed;
  const { globals, command, options, args } = parsed;
  return [Object.fromEntries(globals), command.name, Object.fromEntries(options), args];
}

const CALLS: readonly (readonly [string, unknown])[] = [
  ["state c1", [{}, "state", {}, ["c1"]]],
  ["create --bundle /b c1", [{}, "create", { bundle: "/b" }, ["c1"]]],
  ["create --bundle=/b c1", [{}, "create", { bundle: "/b" }, ["c1"]]],
  ["create -bundle /b c1", [{}, "create", { bundle: "/b" }, ["c1"]]],
  ["create -b /b c1", [{}, "create", { bundle: "/b" }, ["c1"]]],
  ["create -b=/b=c c1", [{}, "create", { bundle: "/b=c" }, ["c1"]]],
  ["create c1 --bundle /b", [{}, "create", { bundle: "/b" }, ["c1"]]],
  ["create -b /a -b /b c1", [{}, "create", { bundle: "/b" }, ["c1"]]],
  ["create --pid-file -x c1", [{}, "create", { "pid-file": "-x" }, ["c1"]]],
  ["create --pid-file= c1", [{}, "create", {}, ["c1"]]],
  [
    "create -b /b --pid-file p --no-pivot --no-new-keyring --preserve-fds 2 --console-socket s c1",
    [
      {},
      "create",
      {
        bundle: "/b",
        "pid-file": "p",
        "no-pivot": "",
        "no-new-keyring": "",
        "preserve-fds": "2",
        "console-socket": "s",
      },
      ["c1"],
    ],
  ],
  ["run -no-subreaper -d --keep c1", [{}, "run", { "no-subreaper": "", detach: "", keep: "" }, ["c1"]]],
  ["run --detach=true c1", [{}, "run", { detach: "" }, ["c1"]]],
  ["run -d --detach=false c1", [{}, "run", {}, ["c1"]]],
  [
    "--root /r --log /l --log-format json --debug start c1",
    [{ root: "/r", log: "/l", "log-format": "json", debug: "" }, "start", {}, ["c1"]],
  ],
  ["-root=/r -debug start c1", [{ root: "/r", debug: "" }, "start", {}, ["c1"]]],
  ["--log= start c1", [{}, "start", {}, ["c1"]]],
  ["kill c1 9", [{}, "kill", {}, ["c1", "9"]]],
  ["kill --all c1 KILL", [{}, "kill", { all: "" }, ["c1", "KILL"]]],
  ["kill -a c1", [{}, "kill", { all: "" }, ["c1"]]],
  ["delete -f c1", [{}, "delete", { force: "" }, ["c1"]]],
  ["delete c1 --force", [{}, "delete", { force: "" }, ["c1"]]],
  ["list -q -f json", [{}, "list", { quiet: "", format: "json" }, []]],
  ["state -- -odd", [{}, "state", {}, ["-odd"]]],
  ["state -", [{}, "state", {}, ["-"]]],
  ["spec", [{}, "spec", {}, []]],
  ["", { kind: "help", topic: undefined }],
  ["-h", { kind: "help", topic: undefined }],
  ["--help create", { kind: "help", topic: undefined }],
  ["help", { kind: "help", topic: undefined }],
  ["help create", { kind: "help", topic: "create" }],
  ["help nosuch", { kind: "unknown", name: "nosuch" }],
  ["create --help", { kind: "help", topic: "create" }],
  ["create -h --bundle /b", { kind: "help", topic: "create" }],
  ["--version", { kind: "version" }],
  ["-v", { kind: "version" }],
  ["--debug --version state", { kind: "version" }],
  ["nosuch -x", { kind: "unknown", name: "nosuch" }],
  ["--debug nosuch", { kind: "unknown", name: "nosuch" }],
];

for (const [line, expected] of CALLS) {
  t.test(`tsrun ${line}`, async (t) => {
    t.strictSame(
      short(
        parse(
          line.split(" ").filter((word) => word !== ""),
          COMMANDS,
        ),
      ),
      expected,
    );
  });
}

const REFUSED: readonly (readonly [string, string, string])[] = [
  ["create", '"create" requires exactly 1 argument(s), not 0', "usage: tsrun create [options] ID"],
  ["create a b", '"create" requires exactly 1 argument(s), not 2', "usage: tsrun create [options] ID"],
  ["kill", '"kill" requires from 1 to 2 arguments, not 0', "usage: tsrun kill [options] ID [SIGNAL]"],
  ["stop", '"stop" requires at least 1 argument(s), not 0', "usage: tsrun stop [options] ID..."],
  ["list x", '"list" requires exactly 0 argument(s), not 1', "usage: tsrun list [options] "],
  ["create --nosuch c1", "flag provided but not defined: -nosuch", "see: tsrun create --help"],
  ["--nosuch create c1", "flag provided but not defined: -nosuch", "see: tsrun --help"],
  ["create --debug c1", "flag provided but not defined: -debug", "see: tsrun create --help"],
  ["create c1 --bundle", "flag needs an argument: -bundle", "--bundle takes a dir"],
  ["--root", "flag needs an argument: -root", "--root takes a dir"],
  ["run --detach=maybe c1", '--detach takes no value, or true or false: "maybe"', ""],
];

for (const [line, message, hint] of REFUSED) {
  t.test(`tsrun ${line} is refused`, async (t) => {
    t.throws(() => parse(line.split(" "), COMMANDS), {
      name: "UsageError",
      code: "usage",
      message,
      ...(hint === "" ? {} : { hint }),
    });
  });
}

t.test("global options are known before the rest is refused", async (t) => {
  let known: unknown;
  t.throws(() =>
    parse(
      ["--log", "/l", "create", "--nosuch"],
      COMMANDS,
      (globals) => (known = Object.fromEntries(globals)),
    ),
  );
  t.strictSame(known, { log: "/l" });
});

t.test("an empty value is none, but where it would be taken for another", async (t) => {
  const given = (...argv: string[]): unknown => {
    const parsed = parse(["exec", ...argv, "c1"], COMMANDS);
    return parsed.kind === "call" ? Object.fromEntries(parsed.options) : parsed;
  };
  t.strictSame(given("--cwd=", "--pid-file", ""), {});
  t.strictSame(given("--cwd=/a", "--cwd="), {}, "it takes back what was given before");
  t.strictSame(given("--user=", "--env", ""), { user: "", env: "" });
  t.strictSame(given("--cap=CAP_KILL", "--cap="), { cap: "CAP_KILL\0" });
});
