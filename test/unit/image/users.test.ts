/** Who Config.User is, by hostile files. */
import t from "tap";
import { findUser } from "../../../src/image/users.ts";

const files = {
  passwd: [
    "# a comment: x:1:1",
    "root:x:0:0:root:/root:/bin/sh",
    "broken:x:abc:1",
    "big:x:4294967296:1",
    "user:x:1000:1001:::",
    "7:x:70:71:::",
    "twice:x:5:5:::",
    "twice:x:6:6:::",
    "",
  ].join("\n"),
  group: [
    "root:x:0:",
    "own:x:1001:user",
    "audio:x:29:user,other",
    "video:x:44:other,user",
    "again:x:29:user",
    "8:x:80:",
    "huge:x:99999999999:user",
  ].join("\n"),
};

t.test("users by name, by number, with and without a group", async (t) => {
  const cases: readonly [string, object][] = [
    ["", { uid: 0, gid: 0 }],
    ["root", { uid: 0, gid: 0 }],
    ["user", { uid: 1000, gid: 1001, additionalGids: [29, 44] }],
    ["1000", { uid: 1000, gid: 1001, additionalGids: [29, 44] }],
    ["user:audio", { uid: 1000, gid: 29 }],
    ["user:12", { uid: 1000, gid: 12 }],
    ["1000:1000", { uid: 1000, gid: 1000 }],
    ["4321", { uid: 4321, gid: 0 }],
    ["7", { uid: 70, gid: 71 }],
    ["0:8", { uid: 0, gid: 80 }],
    ["twice", { uid: 5, gid: 5 }],
    ["user:", { uid: 1000, gid: 1001, additionalGids: [29, 44] }],
    ["2147483647:2147483647", { uid: 2147483647, gid: 2147483647 }],
  ];
  for (const [text, user] of cases) t.same(findUser(text, files, "the image"), user, JSON.stringify(text));
  t.same(findUser("5:6", { passwd: "", group: "" }, "--user"), { uid: 5, gid: 6 }, "without files");
});

t.test("users that cannot be", async (t) => {
  const cases: readonly [string, string, RegExp][] = [
    ["nobody-knows", "missing", /^the image names the user "nobody-knows", whom the image's \/etc\/passwd/],
    ["broken", "missing", /does not know/],
    ["big", "missing", /does not know/],
    ["user:nope", "missing", /names the group "nope"/],
    ["user:huge", "missing", /names the group "huge"/],
    ["4294967295", "format", /not between 0 and 2147483647/],
    ["-1", "format", /not between 0/],
    ["0:-5", "format", /not between 0/],
    ["a:b:c", "format", /more than one colon/],
  ];
  for (const [text, code, message] of cases) {
    t.throws(() => findUser(text, files, "the image"), { code, message }, text);
  }
});
