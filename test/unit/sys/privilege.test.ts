import t from "tap";
import { isInitialMap } from "../../../src/sys/privilege.ts";

t.test("the initial user namespace maps every id to itself, in one line", async (t) => {
  t.equal(isInitialMap("         0          0 4294967295\n"), true);
  t.equal(isInitialMap(undefined), true, "a kernel without user namespaces");
  for (const map of ["", "0 1000 1\n", "0 0 65536\n", "0 0 4294967295\n1 1 1\n", "0 1 4294967294\n"]) {
    t.equal(isInitialMap(map), false, JSON.stringify(map));
  }
});
