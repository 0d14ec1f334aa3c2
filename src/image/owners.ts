/** Whose the files of an image become on the host. */
import type { IdMapping } from "../bundle/types.ts";
import { ImageError } from "./error.ts";

/** (uid_t)-1 is nobody's. */
const LARGEST_ID = 0xfffffffe;

/** Owners by numbers that this process may give, which may be in the namespace of these maps itself. */
export function ownersFor(
  maps: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] } | undefined,
  inside: boolean,
): Owners {
  if (maps === undefined || !inside) return new Owners(maps?.uid, maps?.gid);
  const same = (map: IdMapping): IdMapping => ({ ...map, hostID: map.containerID });
  return new Owners(maps.uid.map(same), maps.gid.map(same));
}

/** Maps the ids of an image to the host's, and counts those that no mapping has. */
export class Owners {
  readonly #uid: readonly IdMapping[] | undefined;
  readonly #gid: readonly IdMapping[] | undefined;
  /** Entries whose owner or group is root of the container instead of what the image says. */
  lost = 0;

  /** Without mappings ids are the host's as they stand. */
  constructor(uid?: readonly IdMapping[], gid?: readonly IdMapping[]) {
    this.#uid = uid;
    this.#gid = gid;
  }

  /** Whether ids change on the way. */
  get mapped(): boolean {
    const maps = [...(this.#uid ?? []), ...(this.#gid ?? [])];
    return maps.some(({ containerID, hostID }) => containerID !== hostID);
  }

  /** The host's uid of the container's root. */
  get root(): { readonly uid: number; readonly gid: number } {
    return { uid: hostId(this.#uid, 0) ?? 0, gid: hostId(this.#gid, 0) ?? 0 };
  }

  /** An entry's owner on the host. @throws ImageError `format` for what is no id: the kernel would take its last 32 bits */
  of(uid: number, gid: number): { readonly uid: number; readonly gid: number } {
    if (uid < 0 || uid > LARGEST_ID || gid < 0 || gid > LARGEST_ID) {
      throw new ImageError("format", `an entry belongs to ${uid}:${gid}, and ids go from 0 to ${LARGEST_ID}`);
    }
    if (this.#uid === undefined && this.#gid === undefined) return { uid, gid };
    const found = { uid: hostId(this.#uid, uid), gid: hostId(this.#gid, gid) };
    if (found.uid === undefined || found.gid === undefined) this.lost++;
    const { root } = this;
    return { uid: found.uid ?? root.uid, gid: found.gid ?? root.gid };
  }
}

function hostId(mappings: readonly IdMapping[] | undefined, id: number): number | undefined {
  if (mappings === undefined) return id;
  for (const { containerID, hostID, size } of mappings) {
    if (id >= containerID && id < containerID + size) return hostID + id - containerID;
  }
  return undefined;
}
