/** What a restore does between the id's being taken and the container's running. */
import type { Warning } from "../../bundle/types.ts";
import { moveInto } from "../../cgroup/join.ts";
import { pids } from "../../cgroup/members.ts";
import { tightenUnit } from "../../cgroup/systemd/setup.ts";
import { BundleError, LaunchError } from "../../error.ts";
import { isNew } from "../../plan/namespaces.ts";
import type { CriuRequest, Pair } from "../../spawn/criu/messages.ts";
import type { CriuCall, Notification } from "../../spawn/criu/program.ts";
import { hookState, runHooks } from "../../spawn/hooks.ts";
import { makeNotifyFolder } from "../../spawn/notify.ts";
import { giveStreams } from "../../spawn/streams.ts";
import { Terminal } from "../../spawn/terminal.ts";
import { notifyFolder } from "../../state/clear.ts";
import type { Record } from "../../state/record.ts";
import { startTimeOf } from "../../state/status.ts";
import type { Locked } from "../../state/store.ts";
import { type Handle, performAll, readText } from "../../sys/files.ts";
import { resolveIn } from "../../sys/inspect.ts";
import { kill, Pidfd } from "../../sys/process.ts";
import { writePidFile } from "../caller.ts";
import { Outside } from "../outside.ts";
import { makeOwnCgroups, makeUnit } from "../own-cgroups.ts";
import type { Prepared } from "../prepare.ts";
import type { RestoreRequest } from "../restore.ts";
import { openImageToRoot } from "./access.ts";
import type { Criu } from "./call.ts";
import { checkConfinement, losesNoNewPrivileges } from "./confinement.ts";
import type { ImageChain } from "./image.ts";
import { type WantedProfile, wantedProfile } from "./labels.ts";
import { restoredMounts } from "./mounts.ts";
import { restoredNamespaces, setUpLoopback } from "./namespaces.ts";
import { closeFolders, commonOptions, type Folders, foldersOf } from "./options.ts";
import { coveredPlaces, makePlaces, placesOf } from "./places.ts";
import { afterwards, Staging } from "./staging.ts";

const LOG = "restore.log";

const NO_NEW_PRIVILEGES: Warning = {
  pointer: "/process/noNewPrivileges",
  text: "this criu has not restored no_new_privs: programs in the container may gain privileges by execve again",
  hint: "take setuid programs out of the root file system, or mount it nosuid",
};

/** Ends a process that is to be no more, and reaps it. */
export function end(first: Pidfd): void {
  first.signal(9);
  first.awaitExit(10_000);
  first.reap();
  first.close();
}

/** One container on its way back. */
export class Restoration {
  readonly #criu: Criu;
  readonly #prepared: Prepared;
  readonly #request: RestoreRequest;
  readonly #record: Record;
  readonly #locked: Locked;
  readonly #terminal: Terminal;
  readonly #outside: Outside;
  readonly #profile: WantedProfile | undefined;
  #criuPid = -1;
  #first: Pidfd | undefined;

  constructor(criu: Criu, prepared: Prepared, request: RestoreRequest, record: Record, locked: Locked) {
    this.#criu = criu;
    this.#prepared = prepared;
    this.#request = request;
    this.#record = record;
    this.#locked = locked;
    this.#terminal = new Terminal(request.consoleSocket);
    this.#outside = new Outside(prepared.bundle, prepared.rdt);
    this.#profile = wantedProfile(prepared.bundle, request.lsmProfile);
  }

  /** @throws what went wrong; then no process of it is left */
  perform(
    given: Folders,
    chain: ImageChain,
    streams: readonly (readonly [string, number])[],
  ): { readonly first: Pidfd; readonly terminal: Handle | undefined } {
    const { bundle, cgroup } = this.#prepared;
    const namespaces = restoredNamespaces(bundle);
    let seen: Folders | undefined;
    const work = Staging.in(given.work);
    const leaveLog = (): void => {
      work.publish();
      work.remove();
    };
    try {
      if (this.#request.lazyPages) work.linkLazySocket();
      this.#outside.prepare();
      if (cgroup.unit === undefined) makeOwnCgroups(cgroup, this.#request);
      const tree = rootOf(this.#record.rootfs);
      openImageToRoot(bundle, chain);
      const own = {
        evasiveDevices: true,
        root: tree,
        rstSibling: true,
        extMnt: this.#mounts(tree),
        inheritFd: [...namespaces.inherit, ...streams],
        joinNs: namespaces.join,
        lsmProfile: this.#request.lsmProfile,
        lsmMountContext: this.#request.lsmMountContext,
      };
      const request = (pid: number): CriuRequest => {
        // Whatever criu makes is in the container's cgroups from the start, with their limits.
        this.#criuPid = pid;
        this.#enter(pid);
        seen = chain.plain(foldersOf(pid, { image: given.image, work }));
        // Strict refuses cgroups that are there, as the container's own is by now.
        const { manageCgroupsMode: asked } = this.#request;
        const mode = asked === "strict" ? "full" : asked;
        const common = commonOptions({ ...this.#request, manageCgroupsMode: mode }, seen, LOG, bundle);
        return { type: "restore", options: { ...common, ...own, cgRoot: cgroupsOf(pid) } };
      };
      const call: CriuCall = {
        request,
        root: { tree, null: this.#null() },
        fds: namespaces.handles.map(({ fd }) => fd),
        notify: (notification) => this.#notified(notification),
      };
      this.#criu.perform("RESTORE", call, work.log(LOG));
      leaveLog();
      return { first: this.#ready(), terminal: this.#terminal.master };
    } catch (error) {
      this.#takeBack(error);
      if (!work.gone) afterwards(error, leaveLog);
      throw error;
    } finally {
      for (const handle of namespaces.handles) handle.close();
      if (seen !== undefined) closeFolders(seen);
      this.#outside.close();
      this.#terminal.hangUp();
    }
  }

  #takeBack(error: unknown): void {
    if (this.#first !== undefined) end(this.#first);
    this.#terminal.master?.close();
    this.#outside.takeBack(error);
  }

  #enter(pid: number): void {
    const { cgroup } = this.#prepared;
    if (cgroup.unit !== undefined) {
      makeUnit(cgroup, this.#record, pid, this.#request);
      tightenUnit(cgroup.unit);
    }
    moveInto(cgroup.paths, pid);
  }

  /** Makes the places for the mounts, and says what comes there. */
  #mounts(tree: string): readonly Pair[] {
    const { bundle, cgroup } = this.#prepared;
    const notify = notifyFolder(this.#locked.dir);
    makeNotifyFolder(notify);
    performAll([{ do: "create", path: this.#null(), text: "", mode: 0o600 }]);
    const facts = { root: tree, cgroups: cgroup.facts, cgroupDirs: cgroup.dirs, notify };
    const places = placesOf(bundle, facts);
    makePlaces(bundle, places, tree);
    const mountinfo = readText("/proc/self/mountinfo", 64 << 20);
    // In a user namespace criu mounts as the container's root, who cannot reach the state folder, nor change the host's own device.
    const nullDevice = isNew(bundle, "user") ? "/dev/null" : this.#null();
    return restoredMounts(places, coveredPlaces(bundle, tree), mountinfo, nullDevice);
  }

  #null(): string {
    return `${this.#locked.dir}/null`;
  }

  #notified({ script, pid, passed }: Notification): void {
    this.#request.debug?.(`criu: ${script}${pid === undefined ? "" : ` of process ${pid}`}`);
    if (script === "orphan-pts-master" && passed !== undefined) {
      this.#terminal.take(passed);
      return;
    }
    passed?.close();
    if (script === "setup-namespaces" && pid !== undefined) {
      const { hooks } = this.#prepared.bundle;
      if (isNew(this.#prepared.bundle, "network")) setUpLoopback(pid);
      this.#outside.adopt(pid);
      const state = hookState(this.#record, "creating", pid);
      runHooks("prestart", hooks.prestart, state);
      runHooks("createRuntime", hooks.createRuntime, state);
    }
    if (script === "pre-resume") {
      this.#checkConfinement();
      const { bundle } = this.#prepared;
      if (this.#first !== undefined && bundle.process !== undefined)
        giveStreams(bundle, bundle.process, this.#first.pid);
    }
    if (script === "post-restore" && pid !== undefined) {
      this.#first = Pidfd.of(pid);
      // It is on record before it runs.
      this.#locked.saveInit({ pid, startTime: startTimeOf(pid) ?? "" });
    }
  }

  /** The processes stand still, with everything that they will have; what must not run is killed before criu lets it go on. */
  #checkConfinement(): void {
    const first = this.#first;
    if (first === undefined) return;
    const all = pids(this.#prepared.cgroup.paths).filter((pid) => pid > 0 && pid !== this.#criuPid);
    try {
      checkConfinement(this.#prepared.bundle, this.#profile, first.pid, all);
      if (losesNoNewPrivileges(this.#prepared.bundle, first.pid)) this.#request.warn?.(NO_NEW_PRIVILEGES);
    } catch (error) {
      for (const pid of all) kill(pid, 9);
      first.signal(9);
      throw error;
    }
  }

  #ready(): Pidfd {
    const first = this.#first;
    if (first === undefined) {
      throw new LaunchError("protocol", "criu has not told which process it restored");
    }
    if (this.#request.pidFile !== undefined) writePidFile(this.#request.pidFile, first.pid);
    this.#locked.saveCreated();
    return first;
  }
}

/** criu compares it with what the kernel says of mounts. @throws BundleError */
function rootOf(rootfs: string): string {
  const found = resolveIn("/", rootfs);
  const path = "path" in found ? found.path : rootfs;
  if (path !== "/") return path;
  throw new BundleError("range", "/root/path", "the container's root must not be the host's");
}

/** The cgroups of a process by controller, as criu wants them: what is restored goes below these. */
function cgroupsOf(pid: number): readonly Pair[] {
  const found: Pair[] = [];
  for (const line of readText(`/proc/${pid}/cgroup`).split("\n")) {
    const [, controllers, ...path] = line.split(":");
    if (controllers === undefined) continue;
    for (const controller of controllers.split(",")) found.push([controller, path.join(":")]);
  }
  return found;
}
