/** What an ordinary user may ask for: everything comes from a user namespace of the container's own. */
import type { Bundle } from "../bundle/types.ts";
import { BundleError } from "../error.ts";
import { isMapped } from "../spawn/places.ts";
import { privilege } from "../sys/privilege.ts";

/**
 * Refuses what the kernel gives to no ordinary user; of root it asks nothing. The sentences hold runc's words.
 *
 * @throws BundleError
 */
export function checkCaller(bundle: Bundle): void {
  if (privilege() === "user") checkRootless(bundle);
}

/** The rules for an ordinary user. Pure. @throws BundleError */
export function checkRootless(bundle: Bundle): void {
  if (!bundle.linux.namespaces.some(({ type }) => type === "user")) {
    throw new BundleError(
      "conflict",
      "/linux/namespaces",
      "tsrun is not root, and rootless container requires user namespaces",
      'run tsrun as root, or add {"type": "user"} with uidMappings and gidMappings: tsrun spec --rootless writes such a config.json',
    );
  }
  for (const [index, { options, destination }] of bundle.mounts.entries()) {
    for (const [at, option] of options.entries()) {
      checkOwner(bundle, option, destination, `/mounts/${index}/options/${at}`);
    }
  }
}

/** `uid=` and `gid=` of a filesystem that is mounted inside must be ids that are known there. */
function checkOwner(bundle: Bundle, option: string, destination: string, pointer: string): void {
  for (const word of option.split(",")) {
    const found = /^([ug]id)=([0-9]{1,10})$/.exec(word);
    if (found === null) continue;
    const [, name, id] = found;
    const { uidMappings, gidMappings } = bundle.linux;
    const mappings = name === "uid" ? uidMappings : gidMappings;
    // A joined namespace has its maps already.
    if (mappings.length === 0 || isMapped(mappings, Number(id))) continue;
    throw new BundleError(
      "conflict",
      pointer,
      `mount at ${destination}: cannot specify ${name}= mount options for unmapped ${name} in rootless containers: ${id}`,
      `take ${word} out of the options, or map ${id} in /linux/${name}Mappings`,
    );
  }
}
