/** `state`: one container as the runtime-spec describes it. */

import { type Status, statusOf } from "../state/status.ts";
import type { Saved } from "../state/store.ts";
import { load } from "../state/store.ts";
import { type Ending, endingOf } from "./ending.ts";

/** runtime-spec runtime.md, State, with the fields that runc adds, and how it ended, once it has and that is known. */
export interface ContainerState extends Ending {
  readonly ociVersion: string;
  readonly id: string;
  /** Of the first process, as the host sees it; 0 when the container has stopped. */
  readonly pid: number;
  readonly status: Status;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly annotations?: { readonly [name: string]: string };
  /** The user who owns the state; empty when that is root, as runc has it. */
  readonly owner: string;
}

/** A container's state. @throws StateError `not-found`, `damaged` */
export function state(root: string, id: string): ContainerState {
  return describe(load(root, id));
}

/** The state of a container whose record has been read; the status is found out where the caller does not know it. */
export function describe(saved: Saved, status: Status = statusOf(saved)): ContainerState {
  const { record, process } = saved;
  const annotations = Object.keys(record.annotations).length === 0 ? {} : { annotations: record.annotations };
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    pid: status === "stopped" ? 0 : (process?.pid ?? 0),
    status,
    bundle: record.bundle,
    rootfs: record.rootfs,
    created: record.created,
    ...annotations,
    owner: "",
    ...(status === "stopped" ? endingOf(saved) : {}),
  };
}
