/** D-Bus messages, against bytes that busctl and systemd 252 exchanged (strace of `busctl call`). */
import t from "tap";
import { decodeMessage, encodeCall, messageLength } from "../../../src/sys/dbus-message.ts";
import { Reader } from "../../../src/sys/dbus-reader.ts";
import { typeEnd, type Value, WireError, Writer } from "../../../src/sys/dbus-wire.ts";

const HELLO =
  "6c01000100000000010000006d00000001016f00150000002f6f72672f667265656465736b746f702f44427573000000" +
  "030173000500000048656c6c6f00000002017300140000006f72672e667265656465736b746f702e4442757300000000" +
  "06017300140000006f72672e667265656465736b746f702e4442757300000000";
const HELLO_REPLY =
  "6c02010109000000010000003d00000006017300040000003a312e310000000005017500010000000801670001730000" +
  "07017300140000006f72672e667265656465736b746f702e4442757300000000040000003a312e3100";
const START =
  "6c0104018000000002000000b600000001016f00190000002f6f72672f667265656465736b746f702f73797374656d64" +
  "3100000000000000030173001200000053746172745472616e7369656e74556e69740000000000000201730020000000" +
  "6f72672e667265656465736b746f702e73797374656d64312e4d616e6167657200000000000000000601730018000000" +
  "6f72672e667265656465736b746f702e73797374656d6431000000000000000008016700107373612873762961287361" +
  "28737629290000000b000000747269616c2e73636f706500040000006661696c000000005c0000000b00000044657363" +
  "72697074696f6e000173000011000000747372756e20636f6e7461696e65722078000000000000000400000050494473" +
  "000261750000000004000000b60000000800000044656c6567617465000162000100000000000000";
const NAME_ACQUIRED =
  "6c04010109000000020000008d00000001016f00150000002f6f72672f667265656465736b746f702f44427573000000" +
  "02017300140000006f72672e667265656465736b746f702e4442757300000000030173000c0000004e616d6541637175" +
  "697265640000000006017300040000003a312e3100000000080167000173000007017300140000006f72672e66726565" +
  "6465736b746f702e4442757300000000040000003a312e3100";
const START_REPLY =
  "6c02010124000000080000002d000000050175000200000006017300040000003a312e310000000008016700016f0000" +
  "07017300040000003a312e30000000001f0000002f6f72672f667265656465736b746f702f73797374656d64312f6a6f" +
  "622f3700";

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** The bytes of a call as busctl would send it, whose flags are others. */
function hexOf(call: Uint8Array, flags: number): string {
  const copy = new Uint8Array(call);
  copy[2] = flags;
  return Buffer.from(copy).toString("hex");
}

t.test("a call is written as busctl writes it", (t) => {
  const broker = {
    destination: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
  };
  t.equal(hexOf(encodeCall({ ...broker, member: "Hello", signature: "", args: [] }, 1), 0), HELLO);
  const properties: Value = [
    ["Description", { type: "s", value: "tsrun container x" }],
    ["PIDs", { type: "au", value: [182] }],
    ["Delegate", { type: "b", value: true }],
  ];
  const call = {
    destination: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    member: "StartTransientUnit",
    signature: "ssa(sv)a(sa(sv))",
    args: ["trial.scope", "fail", properties, []],
  };
  t.equal(hexOf(encodeCall(call, 2), 4), START);
  t.end();
});

t.test("answers and signals are read", (t) => {
  t.has(decodeMessage(bytes(HELLO_REPLY)), { kind: "return", replySerial: 1, args: [":1.1"] });
  t.has(decodeMessage(bytes(START_REPLY)), {
    kind: "return",
    replySerial: 2,
    args: ["/org/freedesktop/systemd1/job/7"],
  });
  t.has(decodeMessage(bytes(NAME_ACQUIRED)), {
    kind: "signal",
    replySerial: 0,
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    member: "NameAcquired",
    args: [":1.1"],
  });
  t.equal(messageLength(bytes(START).subarray(0, 16)), START.length / 2);
  t.has(decodeMessage(bytes(START)), {
    kind: "call",
    member: "StartTransientUnit",
    args: [
      "trial.scope",
      "fail",
      [
        ["Description", { type: "s", value: "tsrun container x" }],
        ["PIDs", { type: "au", value: [182] }],
        ["Delegate", { type: "b", value: true }],
      ],
      [],
    ],
  });
  t.end();
});

t.test("a message of another kind is left out, one of another version refused", (t) => {
  const other = bytes(HELLO_REPLY);
  other[1] = 9;
  t.equal(decodeMessage(other), undefined);
  other[1] = 2;
  other[3] = 2;
  t.throws(() => decodeMessage(other), new WireError("version 2 of the protocol"));
  t.end();
});

t.test("what is cut off or changed is refused or read, never waited for or thrown as something else", (t) => {
  for (const hex of [HELLO_REPLY, START_REPLY, NAME_ACQUIRED, START]) {
    const whole = bytes(hex);
    for (let length = 0; length < whole.length; length++) {
      t.throws(() => decodeMessage(whole.subarray(0, length)), { name: "WireError" }, `${length} bytes`);
    }
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [1, 8, 128]) {
        const changed = new Uint8Array(whole);
        changed[at] = (changed[at] ?? 0) ^ bit;
        try {
          decodeMessage(changed);
        } catch (error) {
          if (!(error instanceof WireError)) t.fail(`byte ${at}: ${String(error)}`);
        }
      }
    }
  }
  t.throws(
    () => messageLength(bytes("6c02010100000010010000003d000000")),
    new WireError("a message of 268435536 bytes"),
  );
  t.end();
});

const TYPES: readonly (readonly [signature: string, values: readonly Value[], hex: string])[] = [
  ["y", [255], "ff"],
  ["b", [true], "01000000"],
  ["n", [-2], "feff"],
  ["q", [65535], "ffff"],
  ["i", [-1], "ffffffff"],
  ["u", [4294967295], "ffffffff"],
  ["x", [-1n], "ffffffffffffffff"],
  ["t", [2n ** 64n - 1n], "ffffffffffffffff"],
  ["d", [1.5], "000000000000f83f"],
  ["s", ["\u00e9"], "02000000c3a900"],
  ["o", ["/"], "010000002f00"],
  ["g", ["a{sv}"], "05617b73767d00"],
  ["yu", [1, 2], "0100000002000000"],
  ["ay", [[1, 2, 3]], "03000000010203"],
  ["at", [[]], "0000000000000000"],
  ["at", [[1n]], "08000000000000000100000000000000"],
  ["(yt)", [[1, 2n]], "01000000000000000200000000000000"],
  ["a(ss)", [[["a", "b"]]], "0e0000000000000001000000610000000100000062" + "00"],
  ["v", [{ type: "as", value: ["x"] }], "02617300060000000100000078" + "00"],
  ["a{sv}", [[["k", { type: "y", value: 7 }]]], "0a00000000000000010000006b00017900" + "07"],
];

t.test("each type has its bytes, both ways", (t) => {
  for (const [signature, values, hex] of TYPES) {
    t.equal(Buffer.from(new Writer().all(signature, values).bytes).toString("hex"), hex, signature);
    const reader = new Reader(bytes(hex));
    t.same(reader.all(signature), values, signature);
    t.equal(reader.at, hex.length / 2, signature);
  }
  t.same(new Reader(bytes("00000102"), false).all("u"), [258], "the other byte order");
  t.end();
});

t.test("signatures that are none", (t) => {
  for (const signature of ["(", "()", "a", "z", "(s", "a".repeat(70), "(".repeat(70)]) {
    t.throws(() => typeEnd(signature, 0), { name: "WireError" }, signature.slice(0, 5));
  }
  t.throws(() => new Writer().all("ss", ["a"]), new WireError('too few values for "ss"'));
  t.throws(() => new Writer().all("s", ["a\0b"]), { name: "WireError" });
  t.throws(() => new Writer().all("u", ["a"]), { name: "WireError" });
  t.throws(() => new Reader(bytes("02000000")).all("b"), new WireError("no boolean: 2"));
  t.throws(() => new Reader(bytes("01ffffff00000000")).all("yu"), new WireError("padding is not zero"));
  t.end();
});
