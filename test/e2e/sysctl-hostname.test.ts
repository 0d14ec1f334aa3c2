/** hostname, domainname and linux.sysctl. */
import { hostname } from "node:os";
import t from "tap";
import { share } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { textOf } from "./support/outside.ts";

const host = openHost();

t.test("hostname", async (t) => {
  const [names] = await host.ask(["hostname"], (config) => {
    config.hostname = "a-name.with.dots";
  });
  t.equal(names.hostname, "a-name.with.dots");
  const [none] = await host.ask(["hostname"], (config) => {
    delete config.hostname;
  });
  t.equal(none.hostname, hostname(), "the host's, copied into the new namespace");
});

t.test("a hostname without a namespace for it is refused, and the host's is left alone", async (t) => {
  const before = hostname();
  const outcome = await host.run(host.bundle((config) => share(config, "uts")));
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /(hostname|UTS)/i);
  t.equal(hostname(), before);
});

t.test("domainname", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  const [names] = await host.ask(["hostname"], (config) => {
    config.domainname = "example.org";
  });
  t.equal(names.domainname, "example.org");
});

t.test("parameters of the network and of IPC, only inside", async (t) => {
  const before = textOf("/proc/sys/net/ipv4/ip_forward");
  const names = [
    "net.ipv4.ip_forward",
    "net.ipv4.ip_unprivileged_port_start",
    "kernel.msgmax",
    "fs.mqueue.msg_max",
    "kernel.shm_rmid_forced",
  ];
  const [seen] = await host.ask([["sysctl", ...names]], (config) => {
    config.linux.sysctl = {
      "net.ipv4.ip_forward": "1",
      "net.ipv4.ip_unprivileged_port_start": "80",
      "kernel.msgmax": "65000",
      "fs.mqueue.msg_max": "99",
      "kernel.shm_rmid_forced": "1",
    };
  });
  t.same(seen, {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.ip_unprivileged_port_start": "80",
    "kernel.msgmax": "65000",
    "fs.mqueue.msg_max": "99",
    "kernel.shm_rmid_forced": "1",
  });
  t.equal(textOf("/proc/sys/net/ipv4/ip_forward"), before);
});

t.test("names with slashes, as sysctl(8) takes them", async (t) => {
  const [seen] = await host.ask([["sysctl", "net.ipv4.ip_forward"]], (config) => {
    config.linux.sysctl = { "net/ipv4/ip_forward": "1" };
  });
  t.equal(seen["net.ipv4.ip_forward"], "1");
});

t.test("what is not in a namespace of the container is refused before anything is written", async (t) => {
  const wrong: [string, string[], string][] = [
    ["kernel.sched_rt_runtime_us", [], "not in any namespace"],
    ["vm.swappiness", [], "not in any namespace"],
    ["net.ipv4.ip_forward", ["network"], "the host's network"],
    ["kernel.msgmax", ["ipc"], "the host's IPC"],
    ["kernel.hostname", [], "hostname has a field of its own"],
    ["net.ipv4.nosuch", [], "a parameter that does not exist"],
    ["net.ipv4/../../vm.swappiness", [], "a way out"],
    ["../../etc/passwd", [], "a way out"],
  ];
  for (const [name, shared, why] of wrong) {
    const before = textOf(`/proc/sys/${name.replaceAll(".", "/")}`);
    const outcome = await host.run(
      host.bundle((config) => {
        share(config, ...shared);
        config.linux.sysctl = { [name]: "7" };
      }),
    );
    t.equal(outcome.code, 1, `${name}: ${why}`);
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), "config.json#/linux/sysctl");
    t.equal(textOf(`/proc/sys/${name.replaceAll(".", "/")}`), before);
  }
});

t.test("a value that the kernel refuses", async (t) => {
  const outcome = await host.run(
    host.bundle((config) => {
      config.linux.sysctl = { "net.ipv4.ip_unprivileged_port_start": "999999" };
    }),
  );
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /invalid argument/);
});

await host.end();
