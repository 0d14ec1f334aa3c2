/** The socket on which a container's program tells how far it is (sd_notify(3)), at the place where runc has it. */
import type { Bundle } from "../bundle/types.ts";
import { MOUNT_ATTR } from "../sys/constants.gen.ts";
import { addBind } from "./binds.ts";
import { add, type Draft } from "./draft.ts";
import type { HostFacts } from "./facts.ts";

/** Its folder in the container. */
export const NOTIFY_FOLDER = "/run/notify";

/** The name of the socket in its folder, on the host and in the container. */
export const NOTIFY_NAME = "notify.sock";

/** What tells the program of it. */
export const NOTIFY_ENV = `NOTIFY_SOCKET=${NOTIFY_FOLDER}/${NOTIFY_NAME}`;

/**
 * Binds the host's folder, which holds nothing but the socket, for looking only: the socket can be written to all the same,
 * since that changes no file. The folder and not the socket, which is only there from `start` on.
 */
export function compileNotify(
  draft: Draft,
  bundle: Bundle,
  facts: HostFacts,
  source: string | undefined,
): void {
  if (source === undefined) return;
  add(draft, { op: "mkdir", target: NOTIFY_FOLDER, mode: 0o755 }, undefined);
  const { RDONLY, NOSUID, NODEV, NOEXEC } = MOUNT_ATTR;
  addBind(draft, bundle, facts, {
    target: NOTIFY_FOLDER,
    source: { path: source, recursive: false, idmap: { kind: "none" }, pointer: "" },
    attributes: {
      attrSet: BigInt(RDONLY | NOSUID | NODEV | NOEXEC),
      attrClear: 0n,
      recAttrSet: 0n,
      recAttrClear: 0n,
      propagation: [],
    },
    pointer: undefined,
  });
}
