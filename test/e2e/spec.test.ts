/** spec: a config.json to start from, which runs as it is but for its root file system. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Config } from "./support/config.ts";
import { messageOf, openHost } from "./support/host.ts";

const host = openHost();

function emptyFolder(name: string): string {
  const folder = join(host.dir, name);
  mkdirSync(folder);
  return folder;
}

function readConfig(folder: string): Config {
  return JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Config;
}

t.test("spec writes config.json into the current folder", async (t) => {
  const folder = emptyFolder("current");
  const outcome = await host.must(["spec"], { cwd: folder });
  t.equal(outcome.stdout, "");
  const config = readConfig(folder);
  t.same(config.process.args, ["sh"]);
  t.equal(config.process.terminal, true);
  t.equal(config.process.noNewPrivileges, true);
  t.equal(config.root.path, "rootfs");
  t.equal(config.root.readonly, true);
  t.same(
    config.linux.namespaces.map((namespace) => namespace.type).filter((type) => type !== "cgroup"),
    ["pid", "network", "ipc", "uts", "mount"],
  );
  t.same(
    config.mounts.map((mount) => mount.destination),
    ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"],
  );
  t.ok(config.linux.maskedPaths?.includes("/proc/kcore"));
  t.ok(config.linux.maskedPaths?.includes("/sys/firmware"));
  if ((await host.kind()) === "tsrun") {
    const thermal = "/sys/devices/system/cpu/cpu0/thermal_throttle";
    t.ok(config.linux.maskedPaths?.includes(thermal), "GHSA-6fw5-f8r9-fgfm");
  }
  t.ok(config.linux.readonlyPaths?.includes("/proc/sys"));
  t.notOk(config.process.capabilities?.inheritable?.length, "no inheritable capability (CVE-2022-29162)");
});

t.test("spec --bundle writes there, and does not overwrite", async (t) => {
  const folder = emptyFolder("there");
  await host.must(["spec", "--bundle", folder]);
  const before = readFileSync(join(folder, "config.json"), "utf8");
  const again = await host.call(["spec", "--bundle", folder]);
  t.equal(again.code, 1);
  t.match(messageOf(again), /config\.json/);
  t.match(messageOf(again), /exist/);
  t.equal(readFileSync(join(folder, "config.json"), "utf8"), before);
});

t.test("spec of a bundle that is not there says so", async (t) => {
  const outcome = await host.call(["spec", "--bundle", join(host.dir, "nowhere")]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /no such file or directory/i);
});

t.test("what spec writes runs as it is", async (t) => {
  const bundle = host.bundle();
  const id = host.id();
  writeFileSync(join(bundle.dir, "config.json"), "");
  const folder = emptyFolder("runs");
  await host.must(["spec"], { cwd: folder });
  const config = readConfig(folder);
  config.process.terminal = false;
  config.process.args = ["/bin/probe", "hostname"];
  writeFileSync(join(bundle.dir, "config.json"), JSON.stringify(config));
  const outcome = await host.must(["run", "-b", bundle.dir, id]);
  t.match(outcome.stdout, /"hostname":"(runc|tsrun)"/);
});

t.test("spec --rootless adds what a user without privileges needs", async (t) => {
  const folder = emptyFolder("rootless");
  await host.must(["spec", "--rootless"], { cwd: folder });
  const config = readConfig(folder);
  const types = config.linux.namespaces.map((namespace) => namespace.type);
  t.ok(types.includes("user"));
  t.notOk(types.includes("network"), "the host's network is used");
  t.equal(config.linux.uidMappings?.length, 1);
  t.equal(config.linux.gidMappings?.length, 1);
  t.equal(config.linux.uidMappings?.[0]?.containerID, 0);
  t.equal(config.linux.uidMappings?.[0]?.hostID, process.getuid?.());
  const sys = config.mounts.find((mount) => mount.destination === "/sys");
  t.equal(sys?.type ?? "none", "none");
  t.ok(sys?.options?.includes("rbind"), "/sys is the host's, since a new sysfs would be refused");
  t.ok(existsSync(join(folder, "config.json")));
});

await host.end();
