import t from "tap";
import { effectiveGid, isOwnId, mapText } from "../../../src/spawn/idmaps.ts";
import { isAllowed, mapArguments, subordinateRanges, userName } from "../../../src/spawn/map-tools.ts";
import { filesystemOf } from "../../../src/spawn/sources.ts";
import { usernsHint } from "../../../src/spawn/userns-hint.ts";

const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });

t.test("the text of a map has a line a range", async (t) => {
  t.equal(mapText([map(0, 1000, 1), map(1, 100000, 65536)]), "0 1000 1\n1 100000 65536\n");
});

t.test("only one id, the caller's own, is written without help", async (t) => {
  t.equal(isOwnId([map(0, 1000, 1)], 1000), true);
  t.equal(isOwnId([map(1000, 1000, 1)], 1000), true, "whatever it is called inside");
  t.equal(isOwnId([map(0, 1000, 2)], 1000), false);
  t.equal(isOwnId([map(0, 1001, 1)], 1000), false);
  t.equal(isOwnId([map(0, 1000, 1), map(1, 100000, 1)], 1000), false);
  t.equal(isOwnId([], 1000), false);
});

t.test("the effective gid is the second of four", async (t) => {
  t.equal(effectiveGid("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"), 6);
  t.equal(effectiveGid("Name:\tx\n"), -1);
});

t.test("newuidmap's arguments are the pid and three numbers a range", async (t) => {
  t.strictSame(mapArguments(7, [map(0, 1000, 1), map(1, 100000, 65536)]), [
    ...["7", "0", "1000", "1"],
    ...["1", "100000", "65536"],
  ]);
});

t.test(
  "subordinate ranges are the name's and the number's, and what is no range is passed over",
  async (t) => {
    const text = "alice:1:2\n1000:30:4\nbob:5:6\n# no\nalice:x:1\nalice:7\n\nalice:90:10\n";
    t.strictSame(subordinateRanges(text, "alice", 1000), [
      { start: 1, count: 2 },
      { start: 30, count: 4 },
      { start: 90, count: 10 },
    ]);
    t.strictSame(subordinateRanges("", "alice", 1000), []);
  },
);

t.test("a mapping is allowed within one range, to its ends, and for the own id", async (t) => {
  const ranges = [{ start: 100, count: 10 }];
  for (const [mapping, allowed] of [
    [map(0, 100, 10), true],
    [map(0, 99, 1), false],
    [map(0, 100, 11), false],
    [map(0, 109, 1), true],
    [map(0, 7, 1), true],
    [map(0, 7, 2), false],
  ] as const) {
    t.equal(isAllowed(mapping, 7, ranges), allowed, JSON.stringify(mapping));
  }
});

t.test("a user's name is found by his number alone", async (t) => {
  const passwd = "root:x:0:0::/:/bin/sh\nx1000:x:1:1000::/:\nalice:x:1000:5::/:\n";
  t.equal(userName(passwd, 1000), "alice");
  t.equal(userName(passwd, 5), undefined);
});

t.test("the setting that keeps users from namespaces is named with its cure", async (t) => {
  const with_ = (path: string, value: string) =>
    usernsHint((asked) => (asked === path ? `${value}\n` : undefined));
  t.match(
    with_("/proc/sys/kernel/unprivileged_userns_clone", "0"),
    /sysctl kernel.unprivileged_userns_clone=1/,
  );
  t.match(with_("/proc/sys/user/max_user_namespaces", "0"), /sysctl user.max_user_namespaces=15000/);
  t.match(with_("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"), /AppArmor.*=0$/);
  t.equal(with_("/proc/sys/kernel/unprivileged_userns_clone", "1"), undefined);
  t.equal(with_("/proc/sys/user/max_user_namespaces", "96365"), undefined);
});

t.test(
  "the filesystem of a path is that of the longest mount point above it, the last one there",
  async (t) => {
    const mountinfo = [
      "1 0 8:1 / / rw - ext4 /dev/sda rw",
      "2 1 0:5 / /a rw shared:1 - tmpfs t rw",
      "3 1 0:6 / /a/with\\040space rw - xfs x rw",
      "4 2 0:7 / /a rw - overlay o rw",
      "",
    ].join("\n");
    t.equal(filesystemOf(mountinfo, "/b/c"), "ext4");
    t.equal(filesystemOf(mountinfo, "/a"), "overlay");
    t.equal(filesystemOf(mountinfo, "/ab"), "ext4");
    t.equal(filesystemOf(mountinfo, "/a/with space/x"), "xfs");
    t.equal(filesystemOf("", "/"), undefined);
  },
);
