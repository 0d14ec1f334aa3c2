/** The folder that holds the containers' folders: where it is unless --root says otherwise, and making it. */
import { SystemError } from "../error.ts";
import { type FileAction, perform } from "../sys/files.ts";
import { accessError } from "../sys/inspect.ts";
import { privilege } from "../sys/privilege.ts";

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

/** Makes the state root where it is missing. @throws SystemError */
export function makeRoot(root: string): void {
  let at = 0;
  const actions: FileAction[] = [];
  while (at >= 0) {
    at = root.indexOf("/", at + 1);
    // The sticky bit keeps the cleaners of XDG_RUNTIME_DIR away (XDG Base Directory Specification).
    const mode = at < 0 && privilege() !== "root" ? 0o1700 : 0o700;
    actions.push({ do: "mkdir", path: at < 0 ? root : root.slice(0, at), mode, keep: true });
  }
  const failure = perform(actions);
  if (failure === undefined) return;
  const { syscall, errno } = failure;
  throw new SystemError(syscall, errno, root, {
    doing: `make the folder of the containers' state, ${root}`,
    hint: privilege() === "root" ? undefined : OWN_FOLDER,
  });
}
