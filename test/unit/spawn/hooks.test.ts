import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Hook } from "../../../src/bundle/types.ts";
import { hookState, runHook, runHooks } from "../../../src/spawn/hooks.ts";
import { mapText } from "../../../src/spawn/idmaps.ts";
import { noLibrary } from "../native.ts";

const CONTAINER = { ociVersion: "1.3.0", id: "c1", bundle: "/", annotations: {} };

t.test("hookState() has the spec's fields and no others", async (t) => {
  t.strictSame(hookState(CONTAINER, "creating", 7), {
    ociVersion: "1.3.0",
    id: "c1",
    status: "creating",
    pid: 7,
    bundle: "/",
  });
  const annotations = { a: "b", "": "c" };
  t.strictSame(hookState({ ...CONTAINER, annotations }, "stopped"), {
    ociVersion: "1.3.0",
    id: "c1",
    status: "stopped",
    bundle: "/",
    annotations,
  });
});

t.test("mapText() is what uid_map takes", async (t) => {
  t.equal(mapText([]), "");
  const one = { containerID: 0, hostID: 100000, size: 65536 };
  t.equal(
    mapText([one, { containerID: 65536, hostID: 4294967294, size: 1 }]),
    "0 100000 65536\n65536 4294967294 1\n",
  );
});

function shell(script: string, more: Partial<Hook> = {}): Hook {
  return { path: "/bin/sh", args: ["hook", "-c", script], env: undefined, timeout: undefined, ...more };
}

t.test("runHook()", { skip: noLibrary }, async (t) => {
  const state = (dir: string) => hookState({ ...CONTAINER, bundle: dir }, "running", process.pid);
  const message = (hook: Hook): string | undefined => runHook("poststart", 3, hook, state("/tmp"))?.message;

  t.test("gives the state on standard input, the arguments as they are, the bundle as folder", async (t) => {
    const dir = t.testdir();
    t.equal(
      runHook(
        "prestart",
        0,
        shell('cat > in; echo "$0" "$1" > args', {
          args: ["zero", "-c", 'cat > in; echo "$0" "$1" > args', "one two", "three"],
        }),
        state(dir),
      ),
      undefined,
    );
    t.strictSame(JSON.parse(readFileSync(join(dir, "in"), "utf8")), state(dir));
    t.equal(readFileSync(join(dir, "args"), "utf8"), "one two three\n");
  });

  t.test("gives its own environment, or the one that is asked for", async (t) => {
    const dir = t.testdir();
    process.env["TSRUN_TEST_HOOK"] = "seen";
    t.equal(runHook("prestart", 0, shell("echo $TSRUN_TEST_HOOK > a"), state(dir)), undefined);
    t.equal(
      runHook("prestart", 0, shell("echo $TSRUN_TEST_HOOK$B > b", { env: ["B=only"] }), state(dir)),
      undefined,
    );
    t.equal(readFileSync(join(dir, "a"), "utf8"), "seen\n");
    t.equal(readFileSync(join(dir, "b"), "utf8"), "only\n");
  });

  t.test("a hook that does not read its input is no failure", async (t) => {
    const large = { ...CONTAINER, annotations: { big: "x".repeat(1 << 20) } };
    t.equal(runHook("prestart", 0, shell("exit 0"), hookState(large, "running")), undefined);
  });

  t.test("says how it failed", async (t) => {
    t.equal(
      message(shell("echo out; echo err >&2; exit 3")),
      "error running poststart hook #3: exit status 3, output: out\nerr",
    );
    t.equal(
      message(shell("kill -TERM $$")),
      "error running poststart hook #3: ended by signal 15, no output",
    );
    t.equal(
      message(shell("sleep 100 & wait", { timeout: 0.05 })),
      "error running poststart hook #3: took longer than its timeout of 0.05 s and was killed, no output",
    );
    const missing = runHook("poststop", 0, shell("", { path: "/no/such/hook" }), state("/tmp"));
    t.match(missing, {
      code: "hook",
      pointer: "/hooks/poststop/0/path",
      message:
        "error running poststop hook #0 /no/such/hook: execve: ENOENT: no such file or directory, no output",
    });
  });

  t.test("more output than anybody wants does not block it", async (t) => {
    const failure = runHook(
      "prestart",
      0,
      shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 1"),
      state("/tmp"),
    );
    t.match(failure?.message, /^error running prestart hook #0: exit status 1, output: x{2048}$/);
  });

  t.test("runHooks() stops at the first that fails", async (t) => {
    const dir = t.testdir();
    const hooks = [shell("echo 0 >> ran"), shell("echo 1 >> ran; exit 1"), shell("echo 2 >> ran")];
    t.throws(() => runHooks("createRuntime", hooks, state(dir)), {
      code: "hook",
      pointer: "/hooks/createRuntime/1",
    });
    t.equal(readFileSync(join(dir, "ran"), "utf8"), "0\n1\n");
  });
});
