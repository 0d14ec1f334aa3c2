/** Where layers of images are kept. */
import { isMapped, privilege } from "../sys/privilege.ts";
import { isTrusted } from "./trust.ts";

/**
 * The store of images where nothing else is said: /var/lib/tsrun, and an ordinary user's below his home (XDG Base Directory
 * Specification); `undefined` where he has none.
 */
export function imageStore(): string | undefined {
  if (privilege() !== "user" && !isMapped()) return "/var/lib/tsrun";
  const { XDG_DATA_HOME, HOME } = process.env;
  if (XDG_DATA_HOME?.startsWith("/")) return `${XDG_DATA_HOME}/tsrun`;
  return HOME?.startsWith("/") ? `${HOME}/.local/share/tsrun` : undefined;
}

const store = (path: string) => ({ what: "the store of images", option: "--store", path });

/** Whether there is a store. @throws UsageError where others could have filled it; SystemError */
export function hasStore(path: string): boolean {
  return isTrusted(store(path));
}

/** Makes the store's folder where it is missing. @throws UsageError where others could have filled it; SystemError */
export function makeStore(path: string): void {
  isTrusted(store(path), { mode: 0o700, above: 0o755 });
}
