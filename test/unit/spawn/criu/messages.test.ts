import t from "tap";
import {
  CGROUP_MODES,
  type CriuOptions,
  decodeAnswer,
  encodeRequest,
} from "../../../../src/spawn/criu/messages.ts";
import { Fields } from "../../../../src/spawn/criu/protobuf.ts";
import { utf8 } from "../../../../src/sys/bytes.ts";

/** What runc 1.1.5 asks criu for, taken from its socket, less most of its mounts; protobuf has no other order of these fields. */
const DUMP = `
080112fe01
0807 10e9c301 1800 2000 2800 3800 4000 4804 520864756d702e6c6f67 6001
6a182f746d702f637269752d776f726b2f6e622f726f6f746673 800100 8801 08
ba010e0a052f6461746112052f64617461 ba01170a0a2f70726f632f6b65797312092f6465762f6e756c6c
c00101 b0028080808004
e202222f7379732f66732f6367726f75702f667265657a65722f637269757472 69616c2d31
800300 900301 9a03132f6574632f637269752f72756e632e636f6e66`;

const RESTORE = `
080212d501
0807 2000 2800 3001 3800 4000 4804 520b726573746f72652e6c6f67 6001 6a062f726f6f7466
800100 880108 ba01160a092f6465762f6e756c6c12092f6465762f6e756c6c c00101
ca01160a06637075736574120c2f637269757472 69616c2d31 ca01100a00120c2f637269757472 69616c2d31
d00101 da01120a0e706970653a5b393635353630385d1001 da01120a0e706970653a5b393635353630385d1002
b0028080808004 800300 900301 9a03132f6574632f637269752f72756e632e636f6e66`;

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

const COMMON: Omit<CriuOptions, "logFile" | "root" | "extMnt"> = {
  imagesDirFd: 7,
  workDirFd: 8,
  extUnixSk: false,
  tcpEstablished: false,
  shellJob: false,
  fileLocks: false,
  autoDedup: false,
  cgroupMode: undefined,
  emptyNs: 0x40000000,
  lazyPages: false,
  configFile: "/etc/criu/runc.conf",
};

/** The body, whatever its length's bytes are: the list above was shortened by hand. */
function body(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(5)).toString("hex");
}

t.test("a dump, as runc asks for it", (t) => {
  const options: CriuOptions = {
    ...COMMON,
    pid: 25065,
    leaveRunning: false,
    logFile: "dump.log",
    root: "/tmp/criu-work/nb/rootfs",
    extMnt: [
      ["/data", "/data"],
      ["/proc/keys", "/dev/null"],
    ],
    freezeCgroup: "/sys/fs/cgroup/freezer/criutrial-1",
  };
  t.equal(body(encodeRequest({ type: "dump", options })), body(bytesOf(DUMP)));
  t.end();
});

t.test("a restore, as runc asks for it", (t) => {
  const options: CriuOptions = {
    ...COMMON,
    evasiveDevices: true,
    logFile: "restore.log",
    root: "/rootf",
    extMnt: [["/dev/null", "/dev/null"]],
    cgRoot: [
      ["cpuset", "/criutrial-1"],
      ["", "/criutrial-1"],
    ],
    rstSibling: true,
    inheritFd: [
      ["pipe:[9655608]", 1],
      ["pipe:[9655608]", 2],
    ],
  };
  t.equal(body(encodeRequest({ type: "restore", options })), body(bytesOf(RESTORE)));
  t.end();
});

t.test("the other requests", (t) => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  t.equal(hex(encodeRequest({ type: "version" })), "080a");
  t.equal(hex(encodeRequest({ type: "notify", success: true })), "08061801");
  t.equal(hex(encodeRequest({ type: "notify", success: false })), "08061800");
  t.equal(hex(encodeRequest({ type: "featureCheck", wanted: "memTrack" })), "08092a020801");
  t.equal(hex(encodeRequest({ type: "featureCheck", wanted: "lazyPages" })), "08092a021001");
  t.same(CGROUP_MODES, { ignore: 0, soft: 3, full: 4, strict: 5 }, "criu_cg_mode of rpc.proto");
  t.end();
});

t.test("every further option has its number of rpc.proto", (t) => {
  const options: CriuOptions = {
    ...COMMON,
    logFile: "l",
    root: "r",
    extMnt: [],
    pageServer: { address: "::1", port: 65_535 },
    parentImg: "../p",
    trackMem: true,
    cgroupMode: "strict",
    external: ["net[1]:n", "pid[2]:p"],
    joinNs: [["uts", "/f"]],
    lsmProfile: "apparmor:x",
    lsmMountContext: "c",
  };
  const found = new Fields(encodeRequest({ type: "preDump", options })).message(2);
  t.equal(found?.message(11)?.text(1), "::1");
  t.equal(found?.message(11)?.number(2), 65_535);
  t.equal(found?.text(14), "../p");
  t.equal(found?.number(15), 1);
  t.equal(found?.number(34), 5);
  t.equal(found?.text(37), "pid[2]:p", "the last of a list");
  t.same([found?.message(39)?.text(1), found?.message(39)?.text(2)], ["uts", "/f"]);
  t.equal(found?.text(53), "apparmor:x");
  t.equal(found?.text(63), "c");
  t.end();
});

t.test("answers", (t) => {
  const notify = bytesOf(
    `0806 1001 2a12 0a0c${Buffer.from("post-restore").toString("hex")} 10e9c301 00`,
  ).subarray(0, 24);
  t.match(decodeAnswer(notify), {
    type: 6,
    success: true,
    notify: { script: "post-restore", pid: 25065 },
  });
  t.match(decodeAnswer(bytesOf("0801 1000 38ffffffffffffffffff01")), { type: 1, success: false, errno: -1 });
  const said = utf8("Error: no");
  t.equal(decodeAnswer(Uint8Array.from([8, 2, 16, 0, 0x4a, said.length, ...said])).said, "Error: no");
  t.match(decodeAnswer(bytesOf("0809 1001 42040801 1000")), {
    features: { memTrack: true, lazyPages: false },
  });
  t.equal(decodeAnswer(bytesOf("080a 1001 5206 0803 1011 2001")).version, 31_701);
  t.equal(decodeAnswer(bytesOf("080a 1001 5207 0803 1011 1a0178")).version, 31_800, "built from sources");
  t.end();
});

t.test("what is no message", (t) => {
  for (const hex of ["08", "0a05ab", "ffffffffffffffffffffff01", "0b", "0d01", "09010203"]) {
    t.throws(() => decodeAnswer(bytesOf(hex)), RangeError, hex);
  }
  t.end();
});
