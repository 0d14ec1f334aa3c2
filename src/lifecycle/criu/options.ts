/** What `checkpoint` and `restore` are told in the same words, and the folders they work in. */
import type { Bundle } from "../../bundle/types.ts";
import { BundleError, SystemError, UsageError } from "../../error.ts";
import type { CgroupMode, CriuOptions } from "../../spawn/criu/messages.ts";
import { CLONE, O } from "../../sys/constants.gen.ts";
import { type FileAction, Handle, perform, status } from "../../sys/files.ts";
import { resolveIn } from "../../sys/inspect.ts";
import { absolute } from "../prepare.ts";

/** The options that both have. */
export interface CriuRequestOptions {
  /** The folder of the image; relative to the current one, by default `checkpoint`. */
  readonly imagePath?: string | undefined;
  /** The folder of criu's log and other files of its work; by default the image's. */
  readonly workPath?: string | undefined;
  /** Keep open TCP connections. */
  readonly tcpEstablished?: boolean;
  /** Allow connections to unix sockets outside. */
  readonly extUnixSk?: boolean;
  /** Allow the terminal of whoever started the container. */
  readonly shellJob?: boolean;
  /** Keep locks of files. */
  readonly fileLocks?: boolean;
  /** What is done with cgroups that the container made below its own: by default `soft`. */
  readonly manageCgroupsMode?: CgroupMode | undefined;
  /** Remove from parent images what later ones hold. */
  readonly autoDedup?: boolean;
  /** Memory is moved when it is used (userfaultfd). */
  readonly lazyPages?: boolean;
  /** Told each step. */
  readonly debug?: (text: string) => void;
}

/** An open folder. */
export interface Folder {
  /** Without symbolic links. */
  readonly path: string;
  readonly handle: Handle;
}

/** The image's folder, and that of criu's work. */
export interface Folders {
  readonly image: Folder;
  readonly work: Folder;
}

const DEFAULT_IMAGE = "checkpoint";

/** Opens both; with `make` the image's may be missing. Whoever calls closes them. @throws SystemError */
export function openFolders({ imagePath, workPath }: CriuRequestOptions, make: boolean): Folders {
  const image = openFolder(imagePath ?? DEFAULT_IMAGE, make, "image");
  try {
    return { image, work: workPath === undefined ? image : openFolder(workPath, true, "work") };
  } catch (error) {
    image.handle.close();
    throw error;
  }
}

/** Closes what {@link openFolders} opened. */
export function closeFolders({ image, work }: Folders): void {
  image.handle.close();
  work.handle.close();
}

/**
 * The same folders as a process in another mount namespace sees them: what is mounted there can only be mounted by way of such.
 * @throws SystemError
 */
export function foldersOf(pid: number, { image, work }: Folders): Folders {
  const reopen = (folder: Folder): Folder => {
    const { path } = folder;
    const seen = Handle.open(`/proc/${pid}/root${path}`, O.RDONLY | O.DIRECTORY);
    if (isSame(folder.handle, seen)) return { path, handle: seen };
    seen.close();
    throw new SystemError("open", "ENOENT", path, {
      doing: `open the folder ${path} where criu runs: it has been exchanged for another`,
      hint: "name a folder that nobody else may rename",
    });
  };
  const seen = reopen(image);
  try {
    return { image: seen, work: work === image ? seen : reopen(work) };
  } catch (error) {
    seen.handle.close();
    throw error;
  }
}

function isSame(one: Handle, other: Handle): boolean {
  const [a, b] = [one, other].map(({ fd }) => status(`/proc/self/fd/${fd}`));
  return a !== undefined && a.inode === b?.inode && a.device === b.device;
}

function openFolder(given: string, make: boolean, which: "image" | "work"): Folder {
  const path = absolute(given);
  const facts = {
    doing: `open the ${which} folder ${path}`,
    hint: `--${which}-path names the folder of ${which === "image" ? "the checkpoint's image" : "criu's log"}`,
  };
  if (make) {
    const actions: FileAction[] = [];
    for (let at = path.indexOf("/", 1); ; at = path.indexOf("/", at + 1)) {
      actions.push({ do: "mkdir", path: at < 0 ? path : path.slice(0, at), mode: 0o700, keep: true });
      if (at < 0) break;
    }
    const failure = perform(actions);
    if (failure !== undefined) throw new SystemError(failure.syscall, failure.errno, path, facts);
  }
  try {
    const handle = Handle.open(path, O.RDONLY | O.DIRECTORY);
    const real = resolveIn("/", path);
    return { path: "path" in real ? real.path : path, handle };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new SystemError(error.syscall ?? "open", error.code, path, facts);
  }
}

type CommonOptions = Pick<
  CriuOptions,
  | "imagesDirFd"
  | "workDirFd"
  | "logFile"
  | "tcpEstablished"
  | "extUnixSk"
  | "shellJob"
  | "fileLocks"
  | "cgroupMode"
  | "autoDedup"
  | "lazyPages"
  | "emptyNs"
  | "configFile"
>;

/** criu's options for them. The network's contents are never criu's: a hook or an engine has made them. @throws BundleError */
export function commonOptions(
  request: CriuRequestOptions,
  { image, work }: Folders,
  logFile: string,
  bundle: Bundle,
): CommonOptions {
  return {
    imagesDirFd: image.handle.fd,
    workDirFd: work.handle.fd,
    logFile,
    tcpEstablished: request.tcpEstablished ?? false,
    extUnixSk: request.extUnixSk ?? false,
    shellJob: request.shellJob ?? false,
    fileLocks: request.fileLocks ?? false,
    cgroupMode: request.manageCgroupsMode,
    autoDedup: request.autoDedup ?? false,
    lazyPages: request.lazyPages ?? false,
    emptyNs: CLONE.NEWNET,
    configFile: configFile(bundle),
  };
}

/** runc's, so that what an administrator has set for it goes on to hold. */
const CONFIG_FILE = "/etc/criu/runc.conf";
const CONFIG_ANNOTATION = "org.criu.config";

/**
 * The file whose settings criu puts above tsrun's: it may even name programs to run. Engines take annotations from images, so
 * that one below /etc/criu is the only kind an annotation may name; an empty one is none at all.
 */
function configFile({ annotations }: Bundle): string | undefined {
  const wanted = annotations.get(CONFIG_ANNOTATION);
  if (wanted === undefined) return CONFIG_FILE;
  if (wanted === "") return undefined;
  if (/^\/etc\/criu\/[^/]+$/.test(wanted) && !wanted.endsWith("/..")) return wanted;
  throw new BundleError(
    "range",
    `/annotations/${CONFIG_ANNOTATION}`,
    `criu's configuration ${JSON.stringify(wanted)} is not in /etc/criu`,
    "such a file can name programs that run as root: put it into /etc/criu, or take the annotation away",
  );
}

/** `--page-server ADDRESS:PORT`, also with `[ADDRESS]`. @throws UsageError */
export function pageServer(given: string): { readonly address: string; readonly port: number } {
  const colon = given.lastIndexOf(":");
  const address = given.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, "$1");
  const port = given.slice(colon + 1);
  if (address === "" || port === "") {
    throw new UsageError("Use --page-server ADDRESS:PORT to specify page server");
  }
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535 || Number(port) === 0) {
    throw new UsageError(`Invalid port number: ${JSON.stringify(port)}`);
  }
  return { address, port: Number(port) };
}
