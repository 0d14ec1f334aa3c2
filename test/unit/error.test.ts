import t from "tap";
import {
  BundleError,
  errnoText,
  errorLine,
  LaunchError,
  StateError,
  SystemError,
  TsrunError,
  UsageError,
  visible,
  visibleJson,
} from "../../src/error.ts";

t.test("errorLine: sentence, place, hint, then what failed while cleaning up", async (t) => {
  const error = new BundleError("range", "/linux/uidMappings/0", "size 0 is no range", "leave it out");
  t.equal(errorLine(error), "size 0 is no range (config.json#/linux/uidMappings/0); hint: leave it out");
  error.followedBy.push(new SystemError("rmdir", "EBUSY", "/sys/fs/cgroup/x"), new Error("odd"));
  t.equal(
    errorLine(error),
    "size 0 is no range (config.json#/linux/uidMappings/0); hint: leave it out; then, cleaning up: " +
      "rmdir /sys/fs/cgroup/x: EBUSY: device or resource busy; then, cleaning up: internal error: odd",
  );
  t.equal(errorLine(new UsageError("no")), "no", "a sentence alone stays alone");
  t.equal(
    errorLine(new BundleError("missing", "", "no file")),
    "no file (config.json#)",
    "the whole file has an empty pointer",
  );
});

t.test("errorLine: what tsrun did not throw on purpose is its own defect", async (t) => {
  t.equal(errorLine(new TypeError("x is not a function")), "internal error: x is not a function");
  t.equal(errorLine("a\nb"), "internal error: a\\u000ab");
});

t.test("errorLine stays one line, whatever a bundle puts into it", async (t) => {
  const line = errorLine(
    new BundleError("format", "/a\u0000", "bad \u001b[31mname\r\n", "try\u2028again\u007f"),
  );
  t.equal(line, "bad \\u001b[31mname\\u000d\\u000a (config.json#/a\\u0000); hint: try\\u2028again\\u007f");
  t.equal(visible('äöü €𐍈 \\ "'), 'äöü €𐍈 \\ "', "letters of any language stay");
});

t.test("SystemError: what was being done, the call, the errno and its meaning", async (t) => {
  const plain = new SystemError("open", "ENOENT", "/nope");
  t.equal(plain.message, "open /nope: ENOENT: no such file or directory");
  const fuller = new SystemError("write", "EPERM", "/proc/1/uid_map", {
    doing: "write the maps",
    pointer: "/linux",
    hint: "be root",
    cause: plain,
  });
  t.equal(fuller.message, "write the maps: write: EPERM: operation not permitted");
  t.match(fuller, {
    code: "EPERM",
    errno: "EPERM",
    syscall: "write",
    subject: "/proc/1/uid_map",
    pointer: "/linux",
    hint: "be root",
    name: "SystemError",
  });
  t.equal(fuller.cause, plain);
  t.equal(errnoText("EXOTIC"), "EXOTIC", "an errno without words is its own");
});

t.test("every class is a TsrunError with its name and code", async (t) => {
  const errors = [
    [new BundleError("type", "", "x"), "BundleError", "type"],
    [new SystemError("open", "EIO", "x"), "SystemError", "EIO"],
    [new StateError("busy", "x"), "StateError", "busy"],
    [new LaunchError("died", "x"), "LaunchError", "died"],
    [new UsageError("x"), "UsageError", "usage"],
  ] as const;
  for (const [error, name, code] of errors) {
    t.ok(error instanceof TsrunError && error instanceof Error, name);
    t.match(error, { name, code, pointer: error instanceof BundleError ? "" : undefined, hint: undefined });
    t.strictSame(error.followedBy, []);
  }
});

t.test("errorLine: the place by the name that its reader knows", async (t) => {
  const error = new BundleError("range", "/cpu/quota", "too small");
  error.document = "standard input";
  t.equal(errorLine(error), "too small (standard input#/cpu/quota)");
  error.place = "--cpu-quota";
  t.equal(errorLine(error), "too small (--cpu-quota)");
});

t.test("visible: nothing that a terminal obeys or hides stays as it is", async (t) => {
  const hidden = [
    ...[0x00, 0x07, 0x0a, 0x0d, 0x1b, 0x1f, 0x7f, 0x80, 0x85, 0x9b, 0x9f, 0xad, 0x34f, 0x61c, 0x115f, 0x180e],
    ...[0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e],
    ...[0x2060, 0x2063, 0x2066, 0x2067, 0x2068, 0x2069, 0x206f, 0x3164, 0xfeff, 0xffa0, 0xfff9, 0xfffb],
    ...[0x1d173, 0xe0001, 0xe0041, 0xe007f],
  ].map((point) => String.fromCodePoint(point));
  for (const letter of [...hidden, "\ud800", "\udc00"]) {
    const seen = visible(`a${letter}b`);
    t.match(seen, /^a(?:\\u[0-9a-f]{4}){1,2}b$/, seen);
    t.equal(JSON.parse(`"${seen}"`), `a${letter}b`, "and can be read back");
  }
  t.equal(visible("\u202egpj.exe"), "\\u202egpj.exe");
  t.equal(visible(visible("\u202e\n")), "\\u202e\\u000a", "once is enough");
  for (const plain of ["", "plain", "äöü €𐍈", "☁️ 日本語 עברית العربية", "a\u00a0b"])
    t.equal(visible(plain), plain);
});

t.test("visibleJson: the same value, and nothing hidden in it", async (t) => {
  const value = {
    "a\u202eb\u009b": ["\u001b[31m\n\u007f", "\u2066x\u2069", "ü€𐍈"],
    deep: { x: "\u200b\udb40\udc41" },
  };
  for (const space of [undefined, 2, "\t"]) {
    const text = JSON.stringify(value, undefined, space);
    const seen = visibleJson(text);
    t.strictSame(JSON.parse(seen), value);
    t.notMatch(seen, /[\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069]|\udb40/);
    t.match(seen, "ü€𐍈");
    t.equal(visibleJson(visibleJson(text)), seen);
  }
  const plain = JSON.stringify({ a: [1, "ü"] }, undefined, 4);
  t.equal(visibleJson(plain), plain);
});
