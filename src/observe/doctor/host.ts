/** What is around tsrun: the state root, limits, programs, systemd. */
import type { Finding, World } from "./world.ts";

/** The host. */
export function host(world: World): readonly Finding[] {
  return [
    stateRoot(world),
    netDevices(world),
    processes(world),
    inotify(world),
    keyrings(world),
    systemd(world),
    bus(world),
    criu(world),
  ];
}

function stateRoot({ access, distrust, kind, read, root, privilege }: World): Finding {
  const about = { area: "host", name: "state root", needed: true } as const;
  const refusal = distrust();
  if (refusal !== undefined) {
    const found = { state: "missing", found: refusal.message, lost: "every container" } as const;
    return { ...about, ...found, ...(refusal.hint === undefined ? {} : { cure: refusal.hint }) };
  }
  let there = root;
  while (there !== "" && kind(there) === "missing") there = there.slice(0, there.lastIndexOf("/"));
  const errno =
    kind(there === "" ? "/" : there) === "dir" ? access(there === "" ? "/" : there, "write") : "ENOTDIR";
  if (errno !== undefined) {
    const cure =
      privilege === "user"
        ? "set XDG_RUNTIME_DIR to a folder of your own, or name one with --root"
        : "name another folder with --root";
    return {
      ...about,
      state: "missing",
      found: `${there === "" ? "/" : there} cannot be written: ${errno}`,
      lost: "every container",
      cure,
    };
  }
  const type = filesystemOf(there, read("/proc/self/mountinfo") ?? "");
  if (type === "tmpfs") return { ...about, state: "ok", found: `${root}, on a tmpfs` };
  return {
    ...about,
    state: "partial",
    found: `${root}, on ${type ?? "an unknown filesystem"}`,
    lost: "after a reboot the containers of before are still listed, as stopped",
    cure: "a tmpfs at /run, or --root with a folder on one",
  };
}

/** The type of the file system that a path is on, by the text of /proc/self/mountinfo. Pure. */
export function filesystemOf(path: string, mountinfo: string): string | undefined {
  let best = "";
  let type: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const at = line.split(" ", 5)[4] ?? "-";
    if (path !== at && !path.startsWith(at === "/" ? "/" : `${at}/`)) continue;
    // Of several at the same place the last one is seen.
    if (at.length >= best.length) [best, type] = [at, line.slice(line.indexOf(" - ") + 3).split(" ")[0]];
  }
  return type;
}

function netDevices({ privilege, read }: World): Finding {
  const about = { area: "host", name: "network devices" } as const;
  const mask = BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(read("/proc/self/status") ?? "")?.[1] ?? "0"}`);
  const CAP_NET_ADMIN = 12n;
  const may = privilege !== "user" && ((mask >> CAP_NET_ADMIN) & 1n) === 1n;
  if (may) return { ...about, state: "ok", found: "can be moved into containers" };
  return {
    ...about,
    state: "missing",
    found: "moving them takes CAP_NET_ADMIN here",
    lost: "linux.netDevices",
    cure: "run as root",
  };
}

/** Fewer than this are soon used up. */
const FEW = 4096;

function processes({ read }: World): Finding {
  const about = { area: "host", name: "processes" } as const;
  const max = /^Max processes +(\S+)/m.exec(read("/proc/self/limits") ?? "")?.[1] ?? "unlimited";
  const pids = Number((read("/proc/sys/kernel/pid_max") ?? "32768").trim());
  const most = Math.min(pids, max === "unlimited" ? pids : Number(max));
  if (most >= FEW) return { ...about, state: "ok", found: `${most} at most` };
  return {
    ...about,
    state: "partial",
    found: `${most} at most`,
    lost: "many containers at a time",
    cure: "raise kernel.pid_max and the limit of processes (ulimit -u)",
  };
}

function inotify({ read }: World): Finding {
  const about = { area: "host", name: "inotify" } as const;
  const most = Number((read("/proc/sys/fs/inotify/max_user_instances") ?? "0").trim());
  if (most >= 128) return { ...about, state: "ok", found: `${most} instances a user` };
  return {
    ...about,
    state: "partial",
    found: `${most} instances a user`,
    lost: "tsrun events for many containers",
    cure: "sysctl fs.inotify.max_user_instances=1024",
  };
}

/** Each container has a session keyring, which counts against its creator's quota (keyrings(7)). */
function keyrings({ read, uid }: World): Finding {
  const about = { area: "host", name: "keyrings" } as const;
  const file = uid === 0 ? "root_maxkeys" : "maxkeys";
  const most = Number((read(`/proc/sys/kernel/keys/${file}`) ?? "0").trim());
  if (most === 0)
    return {
      ...about,
      state: "missing",
      found: "not in this kernel",
      lost: "a session keyring of the container's own",
    };
  const used = Number(
    new RegExp(`^ *${uid}: +[0-9]+ [0-9]+/[0-9]+ ([0-9]+)/`, "m").exec(read("/proc/key-users") ?? "")?.[1] ??
      0,
  );
  const found = `${used} of ${most} keys used`;
  if (most - used >= 100) return { ...about, state: "ok", found };
  return {
    ...about,
    state: "partial",
    found,
    lost: "more containers than that, unless with --no-new-keyring",
    cure: `sysctl kernel.keys.${file}=20000`,
  };
}

function systemd({ kind }: World): Finding {
  const about = { area: "host", name: "systemd" } as const;
  // sd_booted(3)
  if (kind("/run/systemd/system") === "dir") return { ...about, state: "ok", found: "is the host's init" };
  return {
    ...about,
    state: "missing",
    found: "is not the host's init",
    lost: "--systemd-cgroup, containers as its services, and cgroups from it for ordinary users",
  };
}

function bus({ env, kind, privilege }: World): Finding {
  const user = privilege === "user";
  const about = { area: "host", name: user ? "user's bus" : "system bus" } as const;
  const runtime = env["XDG_RUNTIME_DIR"] ?? "";
  const path = user ? (runtime === "" ? undefined : `${runtime}/bus`) : "/run/dbus/system_bus_socket";
  if (path !== undefined && kind(path) === "file") return { ...about, state: "ok", found: path };
  return {
    ...about,
    state: "missing",
    found: path === undefined ? "XDG_RUNTIME_DIR is not set" : `no ${path}`,
    lost: "--systemd-cgroup",
    cure: user ? "log in through systemd, or: loginctl enable-linger" : "install and start dbus",
  };
}

function criu({ program, run, privilege }: World): Finding {
  const about = { area: "host", name: "criu" } as const;
  const lost = "checkpoint and restore";
  const path = program("criu");
  if (path === undefined)
    return { ...about, state: "missing", found: "not in PATH", lost, cure: "install criu" };
  if (privilege !== "root")
    return { ...about, state: "partial", found: `${path}; what it can do only root finds out`, lost };
  const ran = run(path, ["check"]);
  if (ran.kind === "ended" && "code" in ran.exit && ran.exit.code === 0)
    return { ...about, state: "ok", found: `${path}; criu check is content` };
  const said = ran.kind === "not-started" ? ran.errno : (ran.output.trim().split("\n").at(-1) ?? "");
  return {
    ...about,
    state: "partial",
    found: `${path}; criu check: ${said === "" ? "failed" : said}`,
    lost,
    cure: "criu check says what the kernel lacks",
  };
}
