/** process.terminal: a new pseudo terminal, its master sent to --console-socket. */
import { join } from "node:path";
import t from "tap";
import { type Config, probe } from "./support/config.ts";
import { listen } from "./support/console.ts";
import { messageOf, openHost } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost();
function withTerminal(change: (config: Config) => void): (config: Config) => void {
  return (config) => {
    config.process.terminal = true;
    change(config);
  };
}

t.test("the three streams are a terminal of the container's own, and its controlling one", async (t) => {
  const console = await listen(host, t, "c1");
  const bundle = host.bundle(
    withTerminal((config) => probe(config, "do", "tty", ",", "stat", "/dev/console", ",", "sleep", "0.2")),
  );
  const id = await host.created(bundle, ["--console-socket", console.socket]);
  await until("the terminal has arrived", () => console.text().includes("received"));
  t.match(console.text(), /"received":"\/dev\/(ptmx|pts\/ptmx)"|"received":"/);
  await host.must(["start", id]);
  await until("the answers", () => console.text().includes("/dev/console"));
  const tty = JSON.parse(/\{"terminals".*\}/.exec(console.text())?.[0] ?? "") as {
    terminals: boolean[];
    name: string;
    controlling: string;
    size: number[];
  };
  t.same(tty.terminals, [true, true, true]);
  t.match(tty.name, /^\/dev\/(pts\/0|console)$/);
  t.equal(tty.controlling, "ok");
  t.match(console.text(), /"\/dev\/console":\{"type":"char"/);
  await host.delete(id);
});

t.test("consoleSize", async (t) => {
  const console = await listen(host, t, "c2");
  const bundle = host.bundle(
    withTerminal((config) => {
      config.process.consoleSize = { height: 33, width: 111 };
      probe(config, "do", "tty", ",", "sleep", "0.2");
    }),
  );
  const id = await host.created(bundle, ["--console-socket", console.socket]);
  await host.must(["start", id]);
  await until("the answer", () => console.text().includes('"size"'));
  t.match(console.text(), '"size":[33,111]');
  await host.delete(id);
});

t.test("what is typed reaches the program", async (t) => {
  const console = await listen(host, t, "c3");
  const bundle = host.bundle(withTerminal((config) => probe(config, "cat")));
  const id = await host.running(bundle, ["--console-socket", console.socket]);
  console.child.stdin?.write("typed line\n\u0004");
  await until("the echo and the program's own output", () => console.text().split("typed line").length === 3);
  await host.reaches(id, "stopped");
  await host.delete(id);
  t.pass("seen twice");
});

t.test("the terminal belongs to the user", async (t) => {
  const console = await listen(host, t, "c4");
  const bundle = host.bundle(
    withTerminal((config) => {
      config.process.user = { uid: 1000, gid: 1000 };
      probe(config, "do", "stat", "/dev/pts/0", ",", "sleep", "0.2");
    }),
  );
  const id = await host.running(bundle, ["--console-socket", console.socket]);
  await until("the answer", () => console.text().includes('"uid"'));
  t.match(console.text(), '"uid":1000');
  await host.delete(id);
});

t.test("a terminal without a socket, and a socket without a terminal, are refused", async (t) => {
  const wanting = host.bundle(withTerminal(() => undefined));
  const without = await host.call(["create", "-b", wanting.dir, host.id()]);
  t.equal(without.code, 1);
  t.match(messageOf(without), /console.?socket/i);
  const plain = host.bundle();
  const superfluous = await host.call([
    "create",
    "-b",
    plain.dir,
    "--console-socket",
    join(host.dir, "c5"),
    host.id(),
  ]);
  t.equal(superfluous.code, 1);
  t.match(messageOf(superfluous), /console.?socket/i);
});

t.test("a socket that nobody listens on", async (t) => {
  const bundle = host.bundle(withTerminal(() => undefined));
  const id = host.id();
  const outcome = await host.call([
    "create",
    "-b",
    bundle.dir,
    "--console-socket",
    join(host.dir, "nobody"),
    id,
  ]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /no such file or directory/);
  t.equal((await host.call(["state", id])).code, 1);
});

await host.end();
