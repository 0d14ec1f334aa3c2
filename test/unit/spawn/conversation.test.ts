import t from "tap";
import { decode, encode, failureErrno, Order, type StepName } from "../../../src/spawn/conversation.ts";
import { PLAN } from "../../../src/sys/constants.gen.ts";

const { messages, failures } = PLAN;

function message(kind: number, op = 0, value = 0, detail = 0, tail = ""): Uint8Array {
  return Buffer.concat([Buffer.from(new Uint32Array([kind, op, value, detail]).buffer), Buffer.from(tail)]);
}

t.test("decode() gives each kind with what it carries", async (t) => {
  t.strictSame(decode(message(messages.ASKS_MAPS)), { kind: "maps" });
  t.strictSame(decode(message(messages.ASKS_CGROUP)), { kind: "cgroup" });
  t.strictSame(decode(message(messages.ASKS_RECORD, 0, 4242)), { kind: "record", pid: 4242 });
  t.strictSame(decode(message(messages.ASKS_SOURCE, 0, 3)), { kind: "source", index: 3 });
  t.strictSame(decode(message(messages.ASKS_HOOKS)), { kind: "hooks" });
  t.strictSame(decode(message(messages.ASKS_READY)), { kind: "ready" });
  t.strictSame(decode(message(messages.ASKS_LISTENER, 0, 5)), { kind: "listener", fd: 5 });
  t.strictSame(decode(message(messages.SAYS_EXEC)), { kind: "exec" });
});

t.test("decode() gives each reason of a failure, with its two texts", async (t) => {
  for (const [name, number] of Object.entries(failures)) {
    const said = decode(message(messages.SAYS_ERROR, 7, 2, number, "openat2\0/proc/ä\0"));
    t.strictSame(
      said,
      { kind: "error", op: 7, reason: name, value: 2, call: "openat2", subject: "/proc/ä" },
      name,
    );
  }
  t.match(decode(message(messages.SAYS_ERROR, 0, 0, 0, "")), { call: "", subject: "" }, "without texts");
  t.match(
    decode(message(messages.SAYS_ERROR, 0, 1, 0, "mount\0cut off")),
    { subject: "cut off" },
    "without the last NUL",
  );
  const said = decode(message(messages.SAYS_ERROR, 0, 13, 0, "x\0y\0"));
  t.equal(said.kind === "error" && failureErrno(said), "EACCES");
  t.equal(
    failureErrno({ kind: "error", op: 0, reason: "SYSCALL", value: 9999, call: "", subject: "" }),
    "errno 9999",
  );
});

t.test("decode() reads a message that lies inside a larger buffer", async (t) => {
  const buffer = Buffer.concat([Buffer.from("xxx"), message(messages.ASKS_RECORD, 0, 7)]);
  t.strictSame(decode(buffer.subarray(3)), { kind: "record", pid: 7 });
});

t.test("decode() refuses what is no message", async (t) => {
  const refused = (bytes: Uint8Array, what: string): void => {
    const hint = "tsrun and tsrun-init must be of the same build";
    t.throws(() => decode(bytes), {
      name: "LaunchError",
      code: "protocol",
      message: `tsrun-init said what was not expected: ${what}`,
      hint,
    });
  };
  for (const length of [0, 1, 15]) refused(new Uint8Array(length), `a message of ${length} bytes`);
  for (const kind of [0, messages.START, 99, 0xffffffff]) refused(message(kind), `a message of kind ${kind}`);
});

t.test("encode() answers with the kind that asked", async (t) => {
  const words = (bytes: Uint8Array): readonly number[] => [...new Uint32Array(bytes.slice().buffer)];
  t.strictSame(words(encode("maps")), [messages.ASKS_MAPS, 0, 0, 0]);
  t.strictSame(words(encode("cgroup", 1)), [messages.ASKS_CGROUP, 0, 1, 0]);
  t.strictSame(words(encode("start")), [messages.START, 0, 0, 0]);
});

const STEPS: readonly StepName[] = ["maps", "cgroup", "record", "source", "hooks", "ready"];

/** What may be asked after these steps. */
function allowedAfter(steps: readonly StepName[]): readonly StepName[] {
  return STEPS.filter((step) => {
    const order = new Order();
    for (const done of steps) order.accept(done);
    try {
      order.accept(step);
      return true;
    } catch (error) {
      t.match(error, {
        name: "LaunchError",
        code: "protocol",
        message: /^tsrun-init said what was not expected: step \w+ (out of turn|before record)$/,
      });
      return false;
    }
  });
}

t.test("Order: what may come after what", async (t) => {
  const cases: readonly (readonly [readonly StepName[], readonly StepName[]])[] = [
    [[], ["maps", "cgroup", "record"]],
    [["maps"], ["cgroup", "record"]],
    [["cgroup"], ["record"]],
    [["maps", "cgroup"], ["record"]],
    [
      ["maps", "cgroup", "record"],
      ["source", "hooks", "ready"],
    ],
    [
      ["record", "source"],
      ["source", "hooks", "ready"],
    ],
    [
      ["record", "source", "source", "hooks"],
      ["source", "ready"],
    ],
    [
      ["record", "hooks"],
      ["source", "ready"],
    ],
    [
      ["record", "hooks", "source"],
      ["source", "ready"],
    ],
    [["record", "ready"], []],
    [["maps", "cgroup", "record", "source", "hooks", "ready"], []],
  ];
  for (const [steps, allowed] of cases)
    t.strictSame(allowedAfter(steps), allowed, `after ${steps.join(", ") || "nothing"}`);
});

t.test("Order: a filter's listener comes once, after the terminal and before ready", async (t) => {
  const order = new Order();
  for (const step of ["record", "console", "listener"] as const) order.accept(step);
  t.equal(order.reached, "becoming ready");
  for (const step of ["listener", "console", "source"] as const)
    t.throws(() => order.accept(step), { code: "protocol", message: /out of turn/ }, step);
  order.accept("ready");
  t.equal(order.reached, "executing its program");
  const early = new Order();
  t.throws(() => early.accept("listener"), { code: "protocol", message: /before record/ });
});

t.test("Order: what was being done when the other side went away", async (t) => {
  const order = new Order();
  const said = [order.reached];
  for (const step of STEPS) {
    order.accept(step);
    said.push(order.reached);
  }
  t.strictSame(said, [
    "entering its namespaces",
    "making its namespaces",
    "joining its cgroups",
    "setting up",
    "setting up",
    "setting up",
    "executing its program",
  ]);
});
