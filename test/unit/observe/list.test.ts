import t from "tap";
import { type Listed, table } from "../../../src/observe/list.ts";

const row = (id: string, bundle: string, pid = 4242): Listed => ({
  ociVersion: "1.3.0",
  id,
  pid,
  status: "running",
  bundle,
  rootfs: `${bundle}/rootfs`,
  created: "2024-05-06T07:08:09.123456789Z",
  owner: "root",
});

// As `runc list` prints the same rows: Go's tabwriter with 12 characters at least and 3 of padding.
t.test("the table is laid out as runc's", async (t) => {
  t.equal(table([]), "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  t.equal(
    table([row("c1", "/b"), row("a-rather-long-id", "/var/lib/bundles/b2", 7)]),
    [
      "ID                 PID         STATUS      BUNDLE                CREATED                          OWNER\n",
      "c1                 4242        running     /b                    2024-05-06T07:08:09.123456789Z   root\n",
      "a-rather-long-id   7           running     /var/lib/bundles/b2   2024-05-06T07:08:09.123456789Z   root\n",
    ].join(""),
  );
});

t.test("columns count characters, and a cell stays in its line", async (t) => {
  const [head = "", one = "", two = "", end] = table([
    row("a", "/€𐍈/ääääääääää"),
    row("b", "/x\ny\tz"),
  ]).split("\n");
  t.equal([...one].indexOf("2"), head.indexOf("PID") + 1, "the second digit of the pid");
  t.equal(
    [...one].join("").indexOf("2024") - ([...one].join("").length - [...one].length),
    head.indexOf("CREATED"),
  );
  t.match(two, /\/x\\u000ay\\u0009z {3,}2024/);
  t.equal(end, "");
});

t.test("a damaged container hides none of the others", async (t) => {
  const rows: Listed[] = [
    row("c1", "/b"),
    { id: "c2", status: "damaged", error: "state.json is no JSON", owner: "root" },
  ];
  const [, one, two] = table(rows).split("\n");
  t.match(one, /^c1 {10}4242 {8}running {5}\/b {10}2024/);
  t.match(two, /^c2 {10}- {11}damaged {5}- {11}- +root$/);
});
