/** Asking criu, with what it says when it will not. */
import { LaunchError } from "../../error.ts";
import { hintForLog, tellingLines } from "../../spawn/criu/log.ts";
import type { Feature } from "../../spawn/criu/messages.ts";
import { type CriuCall, callCriu, findCriu, refusalText } from "../../spawn/criu/program.ts";
import { readTextIfThere } from "../../sys/files.ts";

/** The first with everything that is used here: notifications of its status, external pid namespaces, the cgroup v2 freezer. */
const OLDEST = 31_500;

/** As large as criu's debug log of a container with very many processes. */
const LOG_MAX = 256 << 20;

/** A log's path while criu writes it, and after. */
export interface CriuLog {
  readonly written: string;
  readonly kept: string;
}

/** A criu that answers. */
export class Criu {
  readonly #program: string;

  /** Looks for it and asks for its version. @throws LaunchError `criu`; SystemError */
  constructor(debug: (text: string) => void) {
    this.#program = findCriu();
    const end = callCriu(this.#program, { request: () => ({ type: "version" }) });
    if (end.kind !== "done") {
      throw new LaunchError("criu", `CRIU version check failed: ${refusalText(end, "VERSION")}`, {
        hint: "what does criu check say?",
      });
    }
    const { version } = end.answer;
    debug(`using ${this.#program}, version ${versionText(version)}`);
    if (version < OLDEST) {
      throw new LaunchError("criu", `CRIU version ${version} must be ${OLDEST} or higher`, {
        hint: `${this.#program} is ${versionText(version)}: install criu 3.15 or newer`,
      });
    }
  }

  /** criu and the kernel must both be able to. @throws LaunchError `criu` */
  check(wanted: Feature): void {
    const end = callCriu(this.#program, { request: () => ({ type: "featureCheck", wanted }) });
    if (end.kind === "done" && end.answer.features[wanted]) return;
    const name = wanted === "memTrack" ? "MemTrack" : "LazyPages";
    const hint =
      wanted === "memTrack"
        ? "this kernel does not track changed memory (CONFIG_MEM_SOFT_DIRTY): leave --pre-dump and --parent-path out"
        : "lazy pages need a kernel with userfaultfd that tells of its events (UFFD_FEATURE_EVENT_FORK and the like)";
    throw new LaunchError("criu", `CRIU is missing features: [${name}]`, { hint });
  }

  /**
   * @param type the request's, as criu calls it
   * @param log where criu writes what it does, and where that can be read later
   * @throws LaunchError `criu` with the telling lines of that; what the call's `request` and `notify` throw
   */
  perform(type: "DUMP" | "PRE_DUMP" | "RESTORE", call: CriuCall, log: CriuLog): void {
    const end = callCriu(this.#program, call);
    if (end.kind === "done") return;
    const lines = tellingLines(readTextIfThere(log.written, LOG_MAX) ?? "");
    const said = end.kind === "refused" ? (end.answer.said ?? "").trim() : "";
    const why = lines.length > 0 ? lines.join(" | ") : said;
    throw new LaunchError(
      "criu",
      `${refusalText(end, type)}${why === "" ? "" : `: ${why}`}; log file: ${log.kept}`,
      {
        hint: hintForLog(lines),
      },
    );
  }
}

function versionText(version: number): string {
  return `${Math.floor(version / 10_000)}.${Math.floor(version / 100) % 100}.${version % 100}`;
}
