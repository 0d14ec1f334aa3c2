/**
 * `npm run vm -- [options] [--] COMMAND...`: runs a command as root in the virtual machine of the tests, which sees this machine's
 * files and may write where it likes: nothing of it stays. Without a command it opens a shell. Exits as the command does, with 124
 * at the deadline, with 125 where there is no machine.
 */
import { parseArgs } from "node:util";
import { boot, type CgroupLayout } from "./vm/boot.ts";

const USAGE = `npm run vm -- [--systemd] [--cgroup v1|hybrid|v2] [--env NAME=VALUE]... [--cwd DIR] [--cpus N]
              [--memory MIB] [--disk MIB] [--timeout SECONDS] [--] [COMMAND...]`;

function layoutOf(word: string): CgroupLayout {
  if (word === "v1" || word === "hybrid" || word === "v2") return word;
  throw new Error(`--cgroup ${word}: v1, hybrid or v2\n${USAGE}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      systemd: { type: "boolean", default: false },
      cgroup: { type: "string", default: "v2" },
      env: { type: "string", multiple: true, default: [] },
      cwd: { type: "string", default: process.cwd() },
      cpus: { type: "string", default: "1" },
      memory: { type: "string", default: "2048" },
      disk: { type: "string", default: "4096" },
      timeout: { type: "string" },
    },
  });
  const terminal = positionals.length === 0;
  const ended = await boot(
    {
      words: terminal ? ["bash", "-i"] : positionals,
      folder: values.cwd,
      env: Object.fromEntries(
        values.env.map((word): [string, string] => {
          const at = word.indexOf("=");
          return [word.slice(0, at), word.slice(at + 1)];
        }),
      ),
      systemd: values.systemd,
      cgroup: layoutOf(values.cgroup),
      memoryMiB: Number(values.memory),
      cpus: Number(values.cpus),
      diskMiB: Number(values.disk),
      deadline: Number(values.timeout ?? (terminal ? 86_400 : 600)),
      terminal,
    },
    { out: (text) => process.stdout.write(text), err: (text) => process.stderr.write(text) },
  );
  if (ended.end === "status") return ended.status;
  console.error(
    `vm: ${ended.end === "deadline" ? "no end in time" : "the machine failed"}; last it said:\n${ended.said}`,
  );
  return ended.end === "deadline" ? 124 : 125;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 125;
}
