/** Fields that are understood, and refused since their effect is still to come: ignoring them would weaken a container. */
import type { Fields } from "../fields.ts";

/** Refuses an object or list that is there at all. @throws BundleError `unsupported` */
export function refusePresent(fields: Fields, name: string, what: string): void {
  if (fields.take(name) !== undefined) refuse(fields, name, what);
}

/** Refuses a string that is not empty. @throws BundleError `unsupported` */
export function refuseString(fields: Fields, name: string, what: string): void {
  if (fields.string(name) !== undefined) refuse(fields, name, what);
}

/** Refuses an object with members. @throws BundleError `unsupported` */
export function refuseMembers(fields: Fields, name: string, what: string): void {
  if (fields.members(name).length > 0) refuse(fields, name, what);
}

function refuse(fields: Fields, name: string, what: string): never {
  const hint = `remove ${name} from the configuration, or use another runtime for this container`;
  fields.fail("unsupported", name, `${what} (${name}) is not supported by this version of tsrun yet`, hint);
}
