/** Commands of runc that tsrun does not have yet: whoever calls one is told so. */
export const ABSENT: readonly string[] = ["checkpoint", "restore"];
