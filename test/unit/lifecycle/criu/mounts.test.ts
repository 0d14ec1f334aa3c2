import t from "tap";
import {
  dumpedMounts,
  mountsIn,
  type Places,
  restoredMounts,
} from "../../../../src/lifecycle/criu/mounts.ts";

const MOUNTINFO = [
  "55 39 0:28 /b/rootfs / rw,relatime - tmpfs shm rw",
  "56 55 0:34 / /proc rw,relatime - proc proc rw",
  "57 55 0:35 / /dev rw,nosuid - tmpfs tmpfs rw",
  "63 55 0:28 /data /data rw,relatime shared:3 - tmpfs shm rw",
  "64 63 0:29 / /data/below rw,relatime - ext4 /dev/x rw",
  "65 63 0:30 / /data/own rw,relatime - tmpfs tmpfs rw",
  "66 55 0:28 /odd /with\\040space rw - tmpfs shm rw",
  "47 56 0:39 / /proc/acpi ro - tmpfs none ro",
  "48 56 0:5 /null /proc/keys ro - devtmpfs dev rw",
  "49 56 0:6 /null /proc/kcore ro - tmpfs tmpfs rw",
  "50 55 0:28 /database /database rw - tmpfs shm rw",
  "",
].join("\n");

const PLACES: Places = {
  outside: [
    { point: "/data", source: "/srv/data", recursive: true },
    { point: "/with space", source: "/srv/odd", recursive: false },
  ],
  own: ["/proc", "/dev", "/data/own"],
  masked: ["/proc/acpi", "/proc/keys", "/proc/kcore", "/missing"],
};

t.test("mount points", (t) => {
  t.same(mountsIn(MOUNTINFO)[6], { point: "/with space", type: "tmpfs" });
  t.end();
});

t.test("what criu must not save", (t) => {
  t.same(dumpedMounts(MOUNTINFO, PLACES), [
    ["/data", "/data"],
    ["/data/below", "/data/below"],
    ["/with space", "/with space"],
    ["/proc/keys", "/dev/null"],
    ["/proc/kcore", "/dev/null"],
  ]);
  t.end();
});

t.test("what is mounted instead", (t) => {
  const host = [
    "1 0 8:1 / / rw - ext4 /dev/a rw",
    "2 1 0:9 / /srv/data/below rw - ext4 /dev/b rw",
    "3 1 0:9 / /srv/data/own rw - ext4 /dev/b rw",
    "4 1 0:9 / /srv/odd/below rw - ext4 /dev/b rw",
    "5 1 0:9 / /srv/database rw - ext4 /dev/b rw",
  ].join("\n");
  t.same(restoredMounts(PLACES, ["/data/fixed", "/data", "/proc/sys", "/etc"], host, "/state/null"), [
    ["/data", "/srv/data"],
    ["/data/below", "/srv/data/below"],
    ["/with space", "/srv/odd"],
    ["/data/fixed", "/srv/data/fixed"],
    ["/dev/null", "/state/null"],
  ]);
  t.same(restoredMounts({ outside: [], own: [], masked: [] }, [], host, "/state/null"), []);
  t.end();
});
