import t from "tap";
import { Turns } from "../../../src/lifecycle/turns.ts";

t.test("one turn in each round of the loop, in order", async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  const round = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(() => {
        order.push("round");
        resolve();
      });
    });
  const took = ["a", "b", "c"].map(async (name) => {
    await turns.next();
    order.push(name);
  });
  await Promise.resolve();
  t.same(order, ["a"], "the first is at once");
  await round();
  await round();
  await Promise.all(took);
  t.same(
    order.filter((name) => name !== "round"),
    ["a", "b", "c"],
  );
  t.ok(order.indexOf("round") < order.indexOf("c"), `others have the loop in between: ${order}`);
});
