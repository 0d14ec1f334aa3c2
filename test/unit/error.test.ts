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
