/** The folder that holds the containers' folders: where it is unless --root says otherwise, and making it. */
import { SystemError } from "../error.ts";
import { accessError } from "../sys/inspect.ts";
import { privilege } from "../sys/privilege.ts";
import { isTrusted } from "./trust.ts";

/** Root's. */
const HOST_ROOT = "/run/tsrun";

const OWN_FOLDER =
  "set XDG_RUNTIME_DIR to a folder of your own, /run/user/UID after a login, or name one with --root";

/**
 * The default state root: /run/tsrun, and for everybody but the host's root `tsrun` in XDG_RUNTIME_DIR, where that is set
 * (XDG Base Directory Specification). As runc, root of a user namespace who says USER=root in his environment has the host's,
 * and an empty variable is as none.
 *
 * @throws SystemError where that leaves an ordinary user with root's
 */
export function defaultRoot(): string {
  const { XDG_RUNTIME_DIR, USER } = process.env;
  if (XDG_RUNTIME_DIR === undefined || XDG_RUNTIME_DIR === "") return hostRoot();
  const ours = privilege();
  return ours === "user" || (ours === "contained" && USER !== "root")
    ? `${XDG_RUNTIME_DIR}/tsrun`
    : HOST_ROOT;
}

function hostRoot(): string {
  if (privilege() === "user" && accessError(HOST_ROOT, "execute") === "EACCES") {
    throw new SystemError("access", "EACCES", HOST_ROOT, {
      doing: `look into the folder of the containers' state, ${HOST_ROOT}, which is root's`,
      hint: OWN_FOLDER,
    });
  }
  return HOST_ROOT;
}

const folder = (path: string) => ({ what: "the folder of the containers' state", option: "--root", path });

/**
 * Whether there is a state root. Asked before anything in it is read, for what is in it decides which programs run as its owner;
 * and asked each time, for a folder that a library knew may be gone, and another in its place.
 *
 * @throws UsageError where others could have filled it; SystemError
 */
export function hasRoot(root: string): boolean {
  return isTrusted(folder(root));
}

/** Makes the state root where it is missing. @throws UsageError where others could have filled it; SystemError */
export function makeRoot(root: string): void {
  const ours = privilege() === "root";
  // The sticky bit keeps the cleaners of XDG_RUNTIME_DIR away (XDG Base Directory Specification).
  isTrusted(folder(root), { mode: ours ? 0o700 : 0o1700, above: 0o700 }, ours ? undefined : OWN_FOLDER);
}
