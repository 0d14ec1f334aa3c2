/** Limits are not only written: the kernel holds the container to them. */
import { availableParallelism } from "node:os";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, openHost } from "./support/host.ts";

const host = openHost();

t.test("memory: a program that takes more is killed, one that takes less is not", async (t) => {
  const eats = (bytes: number) =>
    host.run(
      host.bundle((config) => {
        probe(config, "eat", String(bytes));
        config.linux.resources["memory"] = { limit: 32 << 20, swap: 32 << 20 };
      }),
    );
  const less = await eats(16 << 20);
  t.equal(less.code, 0);
  t.match(less.stdout, `{"eaten":${16 << 20}}`);
  const more = await eats(64 << 20);
  t.equal(more.code, 137);
  t.notMatch(more.stdout, "eaten");
});

t.test("memory: a small container starts", async (t) => {
  const small = (limit: number) =>
    host.run(
      host.bundle((config) => {
        config.linux.resources["memory"] = { limit };
      }),
    );
  t.equal((await small(16 << 20)).code, 0, "16 MiB");
  if ((await host.kind()) === "tsrun") {
    for (const kib of [2048, 1024, 512]) {
      const outcome = await small(kib << 10);
      t.equal(outcome.code, 0, `${kib} KiB: ${messageOf(outcome)}`);
    }
  }
});

t.test("pids: no more processes than allowed", async (t) => {
  const [fork] = await host.ask([["fork", "50"]], (config) => {
    config.linux.resources["pids"] = { limit: 10 };
  });
  t.same(fork, { made: 9, error: "EAGAIN" }, "the program itself is the tenth");
});

t.test("cpu: a fifth of a processor takes five times as long", async (t) => {
  const [spin] = await host.ask([["spin", "60"]], (config) => {
    config.linux.resources["cpu"] = { quota: 10_000, period: 50_000 };
  });
  t.ok(spin.wall > spin.cpu * 2.5, `${spin.cpu} ms of processor time took ${spin.wall} ms`);
});

t.test("cpu set: only the given processor", async (t) => {
  const last = availableParallelism() - 1;
  const [sched] = await host.ask(["sched"], (config) => {
    config.linux.resources["cpu"] = { cpus: String(last) };
  });
  t.same(sched.cpus, [last]);
});

t.test("rlimits: files", async (t) => {
  const bundle = host.bundle((config) => {
    probe(config, "fork", "30");
    config.process.user = { uid: 61_234, gid: 61_234 };
    config.process.capabilities = {};
    config.process.rlimits = [{ type: "RLIMIT_NPROC", soft: 8, hard: 8 }];
  });
  const outcome = await host.run(bundle);
  t.match(outcome.stdout, '{"made":7,"error":"EAGAIN"}');
});

await host.end();
