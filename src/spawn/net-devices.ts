/** linux.netDevices: network devices of the host that become a container's (config-linux.md, Network Devices). */
import type { NetDevice } from "../bundle/types.ts";
import { type Pointer, SystemError, TsrunError } from "../error.ts";
import { pointerTo } from "../plan/draft.ts";
import { cstring, text } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle } from "../sys/files.ts";
import { errnoName, lib } from "../sys/lib.ts";

/** What can fail, in the order of native/lib/netdev.c's enum step, and the call that refuses. */
const STEPS = [
  ["enter the network namespaces", "setns"],
  ["find it on the host", "RTM_GETLINK"],
  ["see whether its name is free in the container", "RTM_GETLINK"],
  ["move it", "RTM_NEWLINK"],
  ["give it its name", "RTM_NEWLINK"],
  ["give it its addresses again", "RTM_NEWADDR"],
  ["set it up", "RTM_NEWLINK"],
] as const;

const HINTS: { readonly [failure: string]: string } = {
  "1 ENODEV": "ip link lists the devices of the host",
  "2 EEXIST": 'give it another name, or one with "%d", of which the kernel makes a free one',
  "3 EINVAL": "devices such as lo, and those of a network namespace's own, cannot be moved",
  "3 EOPNOTSUPP": "this kind of device cannot be moved",
  "3 EPERM": "moving a device needs CAP_NET_ADMIN where it is and where it goes",
  "0 EPERM": "entering a network namespace needs CAP_SYS_ADMIN",
  "4 EEXIST": 'give it another name, or one with "%d", of which the kernel makes a free one',
  "4 ENFILE": "the container has no number free for this name",
  "5 EACCES": "IPv6 is switched off in the container's network namespace (net.ipv6.conf.*.disable_ipv6)",
};

/** Where config.json names a device. */
function placeOf({ hostName }: NetDevice): Pointer {
  return pointerTo("linux", "netDevices", hostName);
}

function refused(device: NetDevice, step: number, errno: string): SystemError {
  const [what, call] = STEPS[step] ?? ["move it", "RTM_NEWLINK"];
  const { hostName, name } = device;
  const as = name === undefined ? "" : ` as ${name}`;
  return new SystemError(call, errno, hostName, {
    doing: `move the network device ${hostName} into the container${as}: cannot ${what}`,
    pointer: `${placeOf(device)}${step === 2 && name !== undefined ? "/name" : ""}`,
    hint: HINTS[`${step} ${errno}`],
  });
}

/** Why a device will not be found; `undefined` where the host has it. */
export function missingDevice(device: NetDevice): SystemError | undefined {
  const answer = lib().ts_netdev_find(cstring(device.hostName));
  return answer < 0 ? refused(device, 1, errnoName(-answer)) : undefined;
}

/** IFNAMSIZ */
const NAME_BYTES = 16;

/**
 * The devices of one container while it is created. A namespace that ends gives physical devices back and destroys virtual
 * ones: so the namespace is held until the creation has succeeded, and a failed one brings them home.
 */
export class NetDevices {
  #host: Handle | undefined;
  #container: Handle | undefined;
  readonly #moved: { readonly device: NetDevice; readonly name: string }[] = [];

  /** Moves them into the network namespace of a process, in order. @throws SystemError; those before are in there */
  moveIn(devices: readonly NetDevice[], pid: number): void {
    if (devices.length === 0) return;
    this.#host = Handle.open("/proc/self/ns/net", O.RDONLY);
    this.#container = Handle.open(`/proc/${pid}/ns/net`, O.RDONLY);
    for (const device of devices) {
      const wanted = device.name ?? device.hostName;
      const name = move(device, this.#host, this.#container, device.hostName, wanted);
      this.#moved.push({ device, name });
    }
  }

  /** Brings back what was moved, the last one first; what cannot be is told with the error that was the reason. */
  moveBack(reason: unknown): void {
    const [host, container] = [this.#host, this.#container];
    if (host === undefined || container === undefined) return;
    for (const { device, name } of this.#moved.splice(0).reverse()) {
      try {
        move(device, container, host, name, device.hostName);
      } catch (error) {
        if (reason instanceof TsrunError && error instanceof Error) reason.followedBy.push(error);
      }
    }
  }

  close(): void {
    this.#host?.close();
    this.#container?.close();
  }
}

/** Moves one device; answers the name it has now. @throws SystemError; then it is where it was */
function move(device: NetDevice, from: Handle, to: Handle, name: string, wanted: string): string {
  const final = new Uint8Array(NAME_BYTES);
  const step = new Int32Array(1);
  const answer = lib().ts_netdev_move(from.fd, to.fd, cstring(name), cstring(wanted), final, step);
  if (answer < 0) throw refused(device, step[0] ?? 0, errnoName(-answer));
  return text(final.subarray(0, final.indexOf(0)));
}
