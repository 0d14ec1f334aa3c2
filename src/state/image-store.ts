/** Where layers of images are kept. */
import { isMapped, privilege } from "../sys/privilege.ts";

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
