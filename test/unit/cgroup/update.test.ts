/** updateCgroups over a folder that stands for a v2 cgroup; values of one length, since plain files keep what follows. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { updateCgroups } from "../../../src/cgroup/update.ts";
import { noLibrary } from "../native.ts";
import { resources } from "./sample.ts";

const FILES = {
  "cgroup.controllers": "cpu memory pids io\n",
  "cpu.max": "20000 100000\n",
  "cpu.weight": "100\n",
  "memory.max": "33554432\n",
  "pids.max": "100\n",
};

t.test("what is asked for is changed, the rest stays", { skip: noLibrary }, async (t) => {
  const dir = t.testdir(FILES);
  const read = (file: string): string => readFileSync(join(dir, file), "utf8");
  updateCgroups(
    new Map([["", dir]]),
    resources({
      cpu: { quota: 30000n, period: 200000n },
      pids: { limit: 200n },
      memory: { limit: 67108864n },
    }),
  );
  t.equal(read("cpu.max"), "30000 200000\n");
  t.equal(read("pids.max"), "200\n");
  t.equal(read("memory.max"), "67108864\n");
  t.equal(read("cpu.weight"), "100\n");
  updateCgroups(new Map([["", dir]]), resources({ cpu: { period: 500000n } }));
  t.equal(read("cpu.max"), "30000 500000\n", "the quota of the file");
});

t.test("after a refusal the old values are there again", { skip: noLibrary }, async (t) => {
  const dir = t.testdir(FILES);
  const read = (file: string): string => readFileSync(join(dir, file), "utf8");
  // Writing fails with EISDIR; cpu.weight is compiled after pids.max and memory.max.
  rmSync(join(dir, "cpu.weight"));
  mkdirSync(join(dir, "cpu.weight"));
  const asked = resources({
    cpu: { shares: 2000n },
    pids: { limit: 200n },
    memory: { limit: 67108864n },
  });
  t.throws(() => updateCgroups(new Map([["", dir]]), asked), {
    code: "EISDIR",
    pointer: "/linux/resources/cpu/shares",
    message: `cannot set cpu.weight to "77" in ${dir}: open: EISDIR: is a directory`,
  });
  t.equal(read("pids.max"), "100\n");
  t.equal(read("memory.max"), "33554432\n");
});

t.test("a value that does not hold is told, and put back", { skip: noLibrary }, async (t) => {
  // A write into a plain file keeps the last digit of the longer old value, as if somebody else had changed it.
  const dir = t.testdir(FILES);
  t.throws(() => updateCgroups(new Map([["", dir]]), resources({ pids: { limit: 20n } })), {
    code: "busy",
    pointer: "/linux/resources/pids/limit",
    message: `${dir}/pids.max was set to "20", but it holds "200"`,
  });
  t.equal(readFileSync(join(dir, "pids.max"), "utf8"), "100\n");
});

t.test("a file that this kernel lacks", { skip: noLibrary }, async (t) => {
  const dir = t.testdir(FILES);
  t.throws(() => updateCgroups(new Map([["", dir]]), resources({ memory: { reservation: 4096n } })), {
    code: "ENOENT",
    pointer: "/linux/resources/memory/reservation",
    hint: "the memory controller of this kernel has no memory.low: remove the setting",
  });
  // Without a file for swap there is none: unlimited memory needs nothing there.
  updateCgroups(new Map([["", dir]]), resources({ memory: { limit: 10000000n } }));
  t.notOk(existsSync(join(dir, "memory.swap.max")));
});
