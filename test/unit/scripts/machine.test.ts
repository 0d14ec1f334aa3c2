import { execFileSync } from "node:child_process";
import t from "tap";
import { cpio } from "../../../scripts/vm/cpio.ts";
import { jobText, settingsText } from "../../../scripts/vm/initrd.ts";
import { loadOrder, payloadOf, unsignedLength } from "../../../scripts/vm/kernel-image.ts";
import { qemuArguments } from "../../../scripts/vm/qemu.ts";

t.test("an archive", async (t) => {
  const archive = cpio([
    { name: "bin" },
    { name: "bin/true", data: "#!/bin/sh\n", executable: true },
    { name: "file", data: Buffer.from([1, 2, 3]) },
  ]);
  t.equal(archive.length % 4, 0);
  const names = [...archive.toString("latin1").matchAll(/070701[0-9a-f]{104}([^\0]+)\0/g)];
  t.same(
    names.map(([, name]) => name),
    ["bin", "bin/true", "file", "TRAILER!!!"],
  );
  const field = (member: number, index: number): number =>
    Number.parseInt(names[member]?.[0].slice(6 + 8 * index, 14 + 8 * index) ?? "", 16);
  t.same(
    [0, 1, 2].map((member) => field(member, 1).toString(8)),
    ["40755", "100755", "100644"],
  );
  t.same(
    [0, 1, 2, 3].map((member) => field(member, 6)),
    [0, 10, 3, 0],
    "sizes",
  );
});

t.test("where a bzImage holds its kernel", async (t) => {
  const image = Buffer.alloc(4096);
  image.write("HdrS", 0x202);
  image.writeUInt8(3, 0x1f1);
  image.writeUInt32LE(100, 0x248);
  image.writeUInt32LE(999, 0x24c);
  t.same(payloadOf(image), { offset: 2148, length: 999 });
  t.throws(() => payloadOf(Buffer.alloc(4096)), { message: "the kernel is not a bzImage" });
});

t.test("the signature of a module", async (t) => {
  const info = Buffer.alloc(12);
  info.writeUInt32BE(7, 8);
  const signed = Buffer.concat([
    Buffer.from("module"),
    Buffer.alloc(7),
    info,
    Buffer.from("~Module signature appended~\n"),
  ]);
  t.equal(unsignedLength(signed), 6);
  t.equal(unsignedLength(Buffer.from("module")), 6, "there is none");
});

t.test("the order in which modules are loaded", async (t) => {
  const dep = [
    "fs/9p.ko: net/9pnet.ko fs/netfs.ko",
    "net/9pnet.ko:",
    "fs/netfs.ko:",
    "net/9pnet-virtio.ko: net/9pnet.ko",
    "",
  ];
  t.same(loadOrder(dep.join("\n"), ["9pnet_virtio", "9p"]), [
    "net/9pnet.ko",
    "net/9pnet-virtio.ko",
    "fs/netfs.ko",
    "fs/9p.ko",
  ]);
  t.throws(() => loadOrder(dep.join("\n"), ["ext4"]), { message: "the kernel has no module ext4" });
});

t.test("scripts for the guest mean to a shell what they were made of", async (t) => {
  const words = ["printf", "%s|%s|%s", "it's", "$HOME `x` \\", ""];
  const job = jobText(words, "/", { A: "two words", B: "'" });
  t.equal(execFileSync("sh", ["-c", job], { encoding: "utf8" }), "it's|$HOME `x` \\|");
  t.match(job, "cd / || exit 125\nexport A='two words'\n");
  const settings = settingsText({ disk: "/mnt/a b", systemd: 1 });
  const said = execFileSync("sh", ["-c", `${settings}echo "$disk:$systemd"`], { encoding: "utf8" });
  t.equal(said, "/mnt/a b:1\n");
});

t.test("the emulator's arguments", async (t) => {
  const machine = {
    memoryMiB: 512,
    cpus: 1,
    kernel: "/k",
    initrd: "/i",
    console: "/c",
    ports: { out: "/o", status: "/s" },
    disks: ["/a", "/b"],
    terminal: false,
    kernelArguments: ["one=1"],
  };
  const args = qemuArguments(machine);
  const after = (option: string): readonly (string | undefined)[] =>
    args.flatMap((word, index) => (word === option ? [args[index + 1]] : []));
  t.same(after("-smp"), ["1"]);
  t.same(after("-m"), ["512"]);
  t.match(after("-append")[0], /^console=ttyS0 .* one=1$/);
  t.match(after("-fsdev")[0], /path=\/,.*readonly=on/);
  t.same(
    after("-chardev").map((word) => word?.split(",").slice(1).join(",")),
    ["id=out,path=/o", "id=status,path=/s"],
  );
  t.match(after("-drive"), [/^file=\/a,.*id=disk0/, /^file=\/b,.*id=disk1/]);
  t.same(
    after("-device").filter((word) => word?.startsWith("virtconsole")),
    [],
  );
  t.match(qemuArguments({ ...machine, terminal: true }).join(" "), "-device virtconsole,chardev=terminal");
});
