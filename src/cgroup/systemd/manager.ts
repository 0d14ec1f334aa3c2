/** What tsrun asks of systemd's manager (org.freedesktop.systemd1(5)). */
import { StateError, SystemError } from "../../error.ts";
import { type Bus, BusError } from "../../sys/dbus.ts";
import type { Message } from "../../sys/dbus-message.ts";
import type { Value, Variant } from "../../sys/dbus-wire.ts";
import { sleep } from "../../sys/process.ts";
import { openManager, patience } from "./address.ts";
import type { Properties } from "./properties.ts";
import { refused } from "./refused.ts";

const NAME = "org.freedesktop.systemd1";
const PATH = "/org/freedesktop/systemd1";
const MANAGER = `${NAME}.Manager`;
const AT = "/linux/cgroupsPath";

/** How often and in what steps (milliseconds) a unit that is about to be gone is waited for. */
const GONE_TRIES = 50;
const GONE_STEP_MAX = 20;

/** A connection to one manager. */
export class Manager {
  readonly #bus: Bus;
  readonly #timeout: number;

  private constructor(bus: Bus, timeout: number) {
    this.#bus = bus;
    this.#timeout = timeout;
  }

  /** Connects to the host's manager, or to the caller's own. @throws SystemError */
  static open(user: boolean): Manager {
    const timeout = patience();
    return new Manager(openManager(user, timeout), timeout);
  }

  close(): void {
    this.#bus.close();
  }

  /** A property of the manager's that is a text, such as Version. @throws SystemError */
  text(name: string): string {
    const value = this.#get(PATH, MANAGER, name);
    return typeof value === "string" ? value : "";
  }

  /**
   * Starts a transient unit and waits until it is there. One of this name that has failed or is about to be gone is cleared
   * away first.
   * @throws StateError `busy` where there is another unit of this name; SystemError
   */
  start(unit: string, properties: Properties): void {
    this.#listen();
    for (let tries = 1; ; tries++) {
      const job = this.#tryStart(unit, properties);
      if (job !== undefined) {
        this.#finish("start", unit, job);
        return;
      }
      const state = this.state(unit);
      if (!["failed", "inactive", "deactivating"].includes(state) || tries === GONE_TRIES) {
        throw new StateError("busy", `there is a unit ${unit} already, and it is ${state}`, {
          pointer: AT,
          hint: `give each container a cgroupsPath of its own, or stop the other: systemctl stop ${unit}`,
        });
      }
      this.#ignore("ResetFailedUnit", "s", [unit]);
      sleep(Math.min(tries, GONE_STEP_MAX));
    }
  }

  /** The path of its job; `undefined` where there is a unit of this name. */
  #tryStart(unit: string, properties: Properties): string | undefined {
    try {
      const list = [...properties].map(([name, variant]): Value => [name, variant]);
      const [job] = this.#call("StartTransientUnit", "ssa(sv)a(sa(sv))", [unit, "fail", list, []]);
      return String(job);
    } catch (error) {
      if (error instanceof BusError && error.code === `${NAME}.UnitExists`) return undefined;
      throw refused("start", unit, error);
    }
  }

  /**
   * Stops a unit and waits until nothing is left of it. One that is not there is no failure.
   * @throws SystemError
   */
  stop(unit: string): void {
    this.#listen();
    try {
      const [job] = this.#call("StopUnit", "ss", [unit, "replace"]);
      this.#finish("stop", unit, String(job));
    } catch (error) {
      if (isMissing(error)) return;
      throw error instanceof BusError ? refused("stop", unit, error) : error;
    }
    for (let tries = 1; tries <= GONE_TRIES; tries++) {
      this.#ignore("ResetFailedUnit", "s", [unit]);
      try {
        this.#call("GetUnit", "s", [unit]);
      } catch (error) {
        if (isMissing(error)) return;
        throw refused("stop", unit, error);
      }
      sleep(Math.min(tries, GONE_STEP_MAX));
    }
  }

  /** Changes properties of a unit until the next boot; lists are replaced. @throws SystemError */
  set(unit: string, properties: Properties): void {
    const list: Value[] = [];
    for (const [name, variant] of properties) {
      // A list is added to the one that is there, and an empty one empties it.
      if (name === "DeviceAllow") list.push([name, { ...variant, value: [] }]);
      list.push([name, variant]);
    }
    try {
      this.#call("SetUnitProperties", "sba(sv)", [unit, true, list]);
    } catch (error) {
      throw refused("change", unit, error);
    }
  }

  /** Has processes moved into a unit's cgroup, or one below it, that the caller may not move himself. @throws SystemError */
  attach(unit: string, below: string, pids: readonly number[]): void {
    try {
      this.#call("AttachProcessesToUnit", "ssau", [unit, below, pids]);
    } catch (error) {
      throw refused("enter", unit, error);
    }
  }

  /** A unit's Description; `undefined` where there is no such unit. @throws SystemError */
  description(unit: string): string | undefined {
    // Asking for an object loads what its name stands for.
    if (this.#unitText(unit, "LoadState") === "not-found") return undefined;
    return this.#unitText(unit, "Description");
  }

  /** Its ActiveState: `active`, `failed`, ... @throws SystemError */
  state(unit: string): string {
    return this.#unitText(unit, "ActiveState");
  }

  #unitText(unit: string, name: string): string {
    return String(this.#get(unitPath(unit), `${NAME}.Unit`, name));
  }

  /** Has the manager tell of the ends of jobs: it does so by itself where no message bus is between. */
  #listen(): void {
    if (!this.#bus.address.broker) return;
    this.#bus.subscribe(`type='signal',interface='${MANAGER}',member='JobRemoved',path='${PATH}'`);
    this.#ignore("Subscribe", "", []);
  }

  /** Waits for the end of a job. @throws SystemError */
  #finish(verb: "start" | "stop", unit: string, job: string): void {
    const result = this.#bus.signal((message) => resultOf(message, job), this.#timeout);
    if (result === "done" || (result === "skipped" && verb === "stop")) return;
    if (result === undefined) {
      throw new SystemError("JobRemoved", "ETIMEDOUT", unit, {
        doing: `systemd has not come to ${verb} unit ${unit} within ${this.#timeout / 1000} s: job ${job} is ${this.#jobState(job)}`,
        pointer: AT,
        hint: "see systemctl list-jobs: a job before it may be stuck",
      });
    }
    this.#ignore("ResetFailedUnit", "s", [unit]);
    throw new SystemError("JobRemoved", result === "timeout" ? "ETIMEDOUT" : "ECANCELED", unit, {
      doing: `error ${verb === "start" ? "creating" : "stopping"} systemd unit \`${unit}\`: got \`${result}\``,
      pointer: AT,
      hint: `see journalctl -u ${unit}`,
    });
  }

  #jobState(job: string): string {
    try {
      return String(this.#get(job, `${NAME}.Job`, "State", 1000));
    } catch {
      return "in a state that it does not tell";
    }
  }

  #get(path: string, of: string, name: string, timeout?: number): Value {
    try {
      const [variant] = this.#bus.call(
        {
          ...this.#to(),
          path,
          interface: "org.freedesktop.DBus.Properties",
          member: "Get",
          signature: "ss",
          args: [of, name],
        },
        timeout,
      );
      return (variant as Variant).value;
    } catch (error) {
      throw refused("ask for", name, error);
    }
  }

  /** @throws BusError, SystemError */
  #call(member: string, signature: string, args: readonly Value[]): readonly Value[] {
    return this.#bus.call({ ...this.#to(), path: PATH, interface: MANAGER, member, signature, args });
  }

  #to(): { readonly destination?: string } {
    return this.#bus.address.broker ? { destination: NAME } : {};
  }

  #ignore(member: string, signature: string, args: readonly Value[]): void {
    try {
      this.#call(member, signature, args);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
    }
  }
}

/** How the job ended, where the message says that. */
function resultOf({ interface: of, member, args }: Message, job: string): string | undefined {
  return of === MANAGER && member === "JobRemoved" && args[1] === job ? String(args[3]) : undefined;
}

function isMissing(error: unknown): boolean {
  return error instanceof BusError && error.code === `${NAME}.NoSuchUnit`;
}

/** A unit's object: every character but letters and digits as _ and two hexadecimal digits. */
function unitPath(unit: string): string {
  const escaped = unit.replace(
    /[^A-Za-z0-9]|^[0-9]/g,
    (c) => `_${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `${PATH}/unit/${escaped}`;
}
