/** Limits that bite on cgroup v2, beside those of limits-bite.test.ts: swap, disks, huge pages, throttled time, groups, depth. */
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { folderOf } from "./support/cgroup-files.ts";
import { type Config, type Patch, probe, script } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost, type State } from "./support/host.ts";
import { change, diskOf, hasSwap, hugePages } from "./support/machine.ts";
import { bind } from "./support/mounts.ts";
import { textOf, until } from "./support/outside.ts";
import { BY_SYSTEMD } from "./support/wants.ts";

const host = openHost({ cgroupV2: true, busybox: true });
const kind = await host.kind();
const MIB = 1 << 20;

/** A running container's files, read for as long as it lives. */
async function running(patch: Patch): Promise<{ id: string; read(file: string): string }> {
  const id = await host.running(host.bundle(patch));
  const folder = await folderOf(host, id, "");
  return { id, read: (file) => textOf(join(folder, file))?.trim() ?? "" };
}

t.test("cpu: the time taken away is counted", async (t) => {
  const { id, read } = await running((config) => {
    script(config, "while :; do :; done");
    config.linux.resources["cpu"] = { quota: 5000, period: 50_000 };
  });
  const stat = (name: string): number =>
    Number(new RegExp(`^${name} (.*)$`, "m").exec(read("cpu.stat"))?.[1]);
  await until("ten periods", () => stat("nr_throttled") >= 10, 30_000);
  t.ok(stat("throttled_usec") > stat("usage_usec"), read("cpu.stat"));
  const { stdout } = await host.must(["events", "--stats", id]);
  const { data } = JSON.parse(stdout) as { data: { cpu: { throttling: { throttledPeriods: number } } } };
  t.ok(data.cpu.throttling.throttledPeriods >= 10, stdout);
  await host.delete(id);
});

t.test("memory.high slows down, and kills nobody", async (t) => {
  const { id, read } = await running((config) => {
    probe(config, "do", "eat", String(24 * MIB), ",", "sleep", "1000");
    config.linux.resources["unified"] = { "memory.high": `${16 * MIB}` };
  });
  await until(
    "it is slowed down",
    () => Number(/^high (\d+)$/m.exec(read("memory.events"))?.[1]) > 0,
    30_000,
  );
  t.match(read("memory.events"), /^oom_kill 0$/m);
  await host.delete(id);
});

t.test("memory.oom.group: who is with the one that takes too much goes with it", async (t) => {
  const greedy =
    (group: string): Patch =>
    (config: Config) => {
      script(config, `/bin/probe eat ${64 * MIB}; echo survived`);
      config.linux.resources["memory"] = { limit: 16 * MIB, swap: 16 * MIB };
      config.linux.resources["unified"] = { "memory.oom.group": group };
    };
  const alone = await host.run(host.bundle(greedy("0")));
  t.match(alone.stdout, "survived");
  t.equal(alone.code, 0);
  const together = await host.run(host.bundle(greedy("1")));
  t.notMatch(together.stdout, "survived");
  t.equal(together.code, 137);
  // systemd has removed the cgroup by then, and the kernel's counts with it.
  if (kind === "tsrun" && !BY_SYSTEMD)
    t.match(together.stderr, `killed by the memory limit of ${16 * MIB} bytes`);
});

t.test("swap: as much as there is beyond memory, and none where both are the same", async (t) => {
  if (!hasSwap()) {
    t.pass("not applicable", { skip: "needs swap" });
    return;
  }
  t.teardown(() => void change("swapoff", "/dev/zram0"));
  const eats = async (swap: number): Promise<number | null> => {
    const bundle = host.bundle((config) => {
      probe(config, "eat", String(32 * MIB));
      config.linux.resources["memory"] = { limit: 16 * MIB, swap };
    });
    return (await host.run(bundle)).code;
  };
  t.equal(await eats(64 * MIB), 0, "48 MiB of swap");
  t.equal(await eats(16 * MIB), 137, "none");
  t.equal(await eats(20 * MIB), 137, "4 MiB");
});

t.test("disk: bytes a second, measured", async (t) => {
  const disk = diskOf(host.dir);
  if (disk === undefined) {
    t.pass("not applicable", { skip: "needs the tests' folder (TMPDIR) on a disk" });
    return;
  }
  const [major = 0, minor = 0] = disk.split(":").map(Number);
  const writing = async (limit: boolean): Promise<number> => {
    const bundle = host.bundle((config) => {
      script(config, "dd if=/dev/zero of=/mnt/file bs=64k count=48 oflag=direct 2>&1 && rm /mnt/file");
      config.mounts.push(bind("/mnt", ["bind", "rw"], host.dir));
      if (limit)
        config.linux.resources["blockIO"] = { throttleWriteBpsDevice: [{ major, minor, rate: MIB }] };
    });
    const begun = Date.now();
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
    return Date.now() - begun;
  };
  const free = await writing(false);
  const held = await writing(true);
  t.ok(
    held > 2000 && held > free + 1000,
    `3 MiB at 1 MiB a second: ${held} ms, without the limit ${free} ms`,
  );
});

t.test("disk: what was read and written is in the statistics", async (t) => {
  const disk = diskOf(host.dir);
  if (disk === undefined) {
    t.pass("not applicable", { skip: "needs the tests' folder (TMPDIR) on a disk" });
    return;
  }
  const { id } = await running((config) => {
    script(
      config,
      "dd if=/dev/zero of=/mnt/file2 bs=64k count=16 oflag=direct 2>/dev/null; echo; exec sleep 1000",
    );
    config.mounts.push(bind("/mnt", ["bind", "rw"], host.dir));
  });
  const [major = 0, minor = 0] = disk.split(":").map(Number);
  const written = await until("a MiB is written", async () => {
    const { data } = JSON.parse((await host.must(["events", "--stats", id])).stdout) as {
      data: {
        blkio: { ioServiceBytesRecursive?: { major?: number; minor?: number; op: string; value?: number }[] };
      };
    };
    const all = data.blkio.ioServiceBytesRecursive ?? [];
    // What is zero is left out.
    return all.some(
      (each) =>
        each.op === "Write" &&
        (each.major ?? 0) === major &&
        (each.minor ?? 0) === minor &&
        (each.value ?? 0) >= MIB,
    );
  });
  t.ok(written);
  await host.delete(id);
});

/** mmap of so many bytes, private, anonymous, of huge pages. */
const mapHuge = (bytes: number): string[] => [
  "call",
  "64",
  "9",
  "0",
  String(bytes),
  "3",
  "262178",
  "-1",
  "0",
];

t.test("huge pages: those beyond the limit are refused", async (t) => {
  if (hugePages() < 4) {
    t.pass("not applicable", { skip: "needs four free huge pages of 2 MiB (/proc/sys/vm/nr_hugepages)" });
    return;
  }
  const maps = async (bytes: number): Promise<{ result?: number; error?: string }> => {
    const bundle = host.bundle((config) => {
      probe(config, ...mapHuge(bytes));
      config.linux.resources["hugepageLimits"] = [{ pageSize: "2MB", limit: 4 * MIB }];
    });
    return JSON.parse((await host.run(bundle)).stdout) as { result?: number; error?: string };
  };
  t.ok((await maps(4 * MIB)).result, "two pages");
  if (kind === "tsrun") t.equal((await maps(6 * MIB)).error, "ENOMEM", "three, told when they are reserved");
});

t.test("cgroups of its own: no more and no deeper than allowed", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => {
    config.linux.namespaces.push({ type: "cgroup" });
    const options = ["nosuid", "noexec", "nodev", "rw"];
    config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options });
    config.linux.resources["unified"] = { "cgroup.max.descendants": "2", "cgroup.max.depth": "1" };
    script(
      config,
      "cd /sys/fs/cgroup; mkdir a && mkdir a/deeper || mkdir b && mkdir c || echo enough; ls -d ?",
    );
  });
  const { stdout } = await host.run(bundle);
  t.equal(stdout, "enough\na\nb\n");
});

t.test(
  "a limit above the container's own that kills is named",
  { skip: BY_SYSTEMD && "systemd chooses what is above" },
  async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const above = `/sys/fs/cgroup/${host.tag}-above`;
    mkdirSync(above);
    writeFileSync(join(above, "memory.max"), String(16 * MIB));
    writeFileSync(join(above, "memory.swap.max"), "0");
    const bundle = host.bundle((config) => {
      probe(config, "eat", String(64 * MIB));
      config.linux.cgroupsPath = `/${host.tag}-above/own`;
      config.linux.resources["memory"] = { limit: 128 * MIB };
    });
    const id = await host.running(bundle);
    const state: State & { readonly reason?: string } = await host.reaches(id, "stopped");
    t.match(
      state.reason,
      `killed by the memory limit of ${16 * MIB} bytes of ${above}, a cgroup above the container's`,
    );
    await host.delete(id);
    rmdirSync(above);
  },
);

t.test("a container that takes no more than it may", async (t) => {
  const outcome = await host.run(
    host.bundle((config) => {
      probe(config, "eat", String(8 * MIB));
      config.linux.resources["memory"] = { limit: 32 * MIB, reservation: 16 * MIB };
      config.linux.resources["unified"] = { "memory.min": `${4 * MIB}` };
    }),
  );
  t.equal(outcome.code, 0, messageOf(outcome));
});

await host.end();
