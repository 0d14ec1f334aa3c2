import { type ExecRequest, exec, execInForeground } from "../../lifecycle/exec.ts";
import { catchInterrupts } from "../../sys/interrupt.ts";
import { id, perhapsTraced, preservedFds, readGiven, root, warning } from "../common.ts";
import { type Call, type Command, every } from "../table.ts";

/** `tsrun exec` */
export const command: Command = (call) =>
  perhapsTraced(call, `tsrun exec ${id(call)}`, (tracer) => {
    const request = { ...execRequest(call), tracer };
    if (!request.detach) return execInForeground(root(call), request);
    catchInterrupts();
    exec(root(call), request).process.close();
    return 0;
  });

const LARGEST = 16 << 20;

/** @throws UsageError, SystemError */
function execRequest(call: Call): ExecRequest {
  const { options, args } = call;
  const file = options.get("process");
  const process = file === undefined ? {} : { process: { text: readGiven(file, LARGEST), name: file } };
  const rest = args.slice(1);
  const noNewPrivs = options.has("no-new-privs") ? { noNewPrivs: true } : {};
  const cwd = options.get("cwd");
  const user = options.get("user");
  return {
    id: id(call),
    // Nobody's program is called "--".
    args: rest[0] === "--" ? rest.slice(1) : rest,
    ...process,
    ...(cwd === undefined ? {} : { cwd }),
    env: every(options, "env"),
    ...(user === undefined ? {} : { user }),
    additionalGids: every(options, "additional-gids"),
    caps: every(options, "cap"),
    ...noNewPrivs,
    tty: options.has("tty"),
    processLabel: options.get("process-label"),
    apparmor: options.get("apparmor"),
    detach: options.has("detach"),
    consoleSocket: options.get("console-socket"),
    pidFile: options.get("pid-file"),
    preserveFds: preservedFds(call),
    ignorePaused: options.has("ignore-paused"),
    cgroups: every(options, "cgroup"),
    warn: (odd) => warning(odd, file),
  };
}
