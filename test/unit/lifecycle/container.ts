/** Containers that are only on record, for tests of what watches and ends them: their first process is any process. */
import { spawn } from "node:child_process";
import type { Record } from "../../../src/state/record.ts";
import { makeRoot } from "../../../src/state/root.ts";
import { startTimeOf } from "../../../src/state/status.ts";
import { reserve } from "../../../src/state/store.ts";

/** Puts a container on record. */
export function onRecord(root: string, id: string, pid: number, change: Partial<Record> = {}): string {
  makeRoot(root);
  const record: Record = {
    version: 1,
    ociVersion: "1.3.0",
    id,
    bundle: "/b",
    rootfs: "/b/rootfs",
    created: "2026-01-01T00:00:00Z",
    annotations: {},
    cgroups: {},
    newCgroups: [],
    noNewKeyring: false,
    ownPidNamespace: true,
    afterStart: { from: 0, steps: [] },
    poststart: [],
    poststop: [],
    ...change,
  };
  const locked = reserve(root, record, "{}");
  locked.saveInit({ pid, startTime: startTimeOf(pid) ?? "0" });
  locked.saveCreated();
  locked.release();
  return locked.dir;
}

/** A shell that runs a script: `first` is done when this resolves, the rest has begun. Node reaps it. */
export async function shell(script: string, first = ":"): Promise<{ pid: number; ended: Promise<unknown> }> {
  const child = spawn("/bin/sh", ["-c", `${first}; echo begun; ${script}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return { pid: child.pid ?? -1, ended };
}
