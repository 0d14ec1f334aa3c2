/** Where systemd's manager is to be reached: the host's, or a user's own. */
import { SystemError } from "../../error.ts";
import { Bus, type BusAddress } from "../../sys/dbus.ts";
import { readTextIfThere, status } from "../../sys/files.ts";
import { privilege } from "../../sys/privilege.ts";
import { ids } from "../../sys/process.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds for an answer where nothing else is said. */
const PATIENCE = 30_000;

/**
 * Whether a container's unit belongs to the caller's own manager and not to the host's: of everybody but root, and of root in
 * a user namespace that an ordinary user's engine has made.
 */
export function isUsers(): boolean {
  const ours = privilege();
  return ours === "contained" ? isUsersRoot(process.env, status("/proc/1")?.uid) : ours === "user";
}

/**
 * Whether root of a user namespace is an ordinary user: one whose environment still says so, as runc asks, or whose namespace
 * does not know the owner of the host's first process. In a machine container that runs systemd that is root too. Pure.
 *
 * @param init the owner of process 1, or `undefined` where it cannot be seen
 */
export function isUsersRoot(env: Environment, init: number | undefined): boolean {
  const name = env["USER"] ?? "";
  return (name !== "" && name !== "root") || init !== 0;
}

/** How long systemd may take for an answer: 30 s, or SYSTEMD_BUS_TIMEOUT, as systemctl(1) has it, in seconds. */
export function patience(env: Environment = process.env): number {
  const given = /^([0-9]{1,5}(?:\.[0-9]{1,3})?)s?$/.exec(env["SYSTEMD_BUS_TIMEOUT"] ?? "")?.[1];
  const milliseconds = Math.round(Number(given ?? 0) * 1000);
  return milliseconds > 0 ? milliseconds : PATIENCE;
}

/**
 * The sockets to try, in order. The manager's own comes first: it saves the way through the message bus, and is there before
 * that and after it. Pure.
 *
 * @param uid of a user, as the host numbers him
 */
export function managerAddresses(user: boolean, env: Environment, uid: number): BusAddress[] {
  const named = user ? env["DBUS_SESSION_BUS_ADDRESS"] : env["DBUS_SYSTEM_BUS_ADDRESS"];
  const broker = parseAddress(named ?? "");
  if (!user) {
    // Named only where it is another one than usual.
    if (broker.length > 0) return broker;
    return [
      { socket: "/run/systemd/private", broker: false },
      { socket: "/run/dbus/system_bus_socket", broker: true },
    ];
  }
  const usual = `/run/user/${uid}`;
  const dir = env["XDG_RUNTIME_DIR"] || usual;
  return [
    { socket: `${dir}/systemd/private`, broker: false },
    ...broker,
    { socket: `${dir}/bus`, broker: true },
    ...(dir === usual ? [] : [{ socket: `${usual}/systemd/private`, broker: false }]),
  ];
}

/** The sockets of a D-Bus address (D-Bus Specification, "Server Addresses"); other transports are left out. Pure. */
export function parseAddress(address: string): BusAddress[] {
  const found: BusAddress[] = [];
  for (const one of address.split(";")) {
    if (!one.startsWith("unix:")) continue;
    for (const pair of one.slice("unix:".length).split(",")) {
      const [key, value = ""] = pair.split("=", 2);
      if (key !== "path" && key !== "abstract") continue;
      const name = decodeURIComponent(value.replace(/%(?![0-9a-fA-F]{2})/g, "%25"));
      if (name !== "") found.push({ socket: key === "abstract" ? `@${name}` : name, broker: true });
    }
  }
  return found;
}

/**
 * Connects to the manager.
 * @throws SystemError which says what is missing and where it comes from
 */
export function openManager(user: boolean, timeout: number): Bus {
  const uid = user ? outsideUid() : 0;
  const tried = managerAddresses(user, process.env, uid);
  let first: SystemError | undefined;
  for (const address of tried) {
    try {
      return Bus.open(address, timeout);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      // That nothing is there says less than that somebody does not let us in.
      if (first === undefined || isAbsent(first)) first = isAbsent(error) ? (first ?? error) : error;
      // One that hangs would hang on its other sockets too.
      if (error.code === "ETIMEDOUT") break;
    }
  }
  throw unreachable(user, uid, first, tried);
}

/** Nobody listens: there is no manager, and so no unit of one. */
export function isAbsent(error: unknown): boolean {
  return error instanceof SystemError && ["ENOENT", "ECONNREFUSED", "ENOTDIR"].includes(error.code);
}

/** This user's number outside the user namespace that tsrun is in (user_namespaces(7)). */
function outsideUid(): number {
  const { euid } = ids();
  for (const line of (readTextIfThere("/proc/self/uid_map") ?? "").split("\n")) {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    if (euid >= inside && euid - inside < count) return outside + euid - inside;
  }
  return euid;
}

function unreachable(
  user: boolean,
  uid: number,
  error: SystemError | undefined,
  tried: readonly BusAddress[],
): SystemError {
  const sockets = tried.map(({ socket }) => socket).join(", ");
  const errno = error?.code ?? "ENOENT";
  if (error !== undefined && errno === "EPROTO") return error;
  const doing = user
    ? `cannot reach the systemd manager of user ${uid} (tried ${sockets})`
    : `systemd not running on this host, cannot use systemd cgroups manager (tried ${sockets})`;
  const sentence =
    error === undefined || isAbsent(error) || user
      ? doing
      : `cannot reach systemd at ${error.subject} (tried ${sockets})`;
  return new SystemError(error?.syscall ?? "connect", errno, error?.subject ?? "", {
    doing: sentence,
    pointer: "/linux/cgroupsPath",
    hint: hintFor(user, uid, errno),
    cause: error,
  });
}

function hintFor(user: boolean, uid: number, errno: string): string {
  if (errno === "ETIMEDOUT")
    return "systemd does not answer: see systemctl list-jobs and journalctl -b _PID=1";
  if (!user) {
    return errno === "EACCES" || errno === "EPERM"
      ? "only root may ask the host's systemd; an ordinary user has a manager of his own"
      : "leave --systemd-cgroup out, or set the engine's cgroup driver to cgroupfs";
  }
  return (
    `it runs while the user is logged in, or always after: loginctl enable-linger ${uid}; ` +
    `and XDG_RUNTIME_DIR must be set to /run/user/${uid}, which su and sudo do not do`
  );
}
