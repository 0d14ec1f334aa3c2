import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { checkTerminal, Terminal } from "../../../src/spawn/terminal.ts";
import { O } from "../../../src/sys/constants.gen.ts";
import { Handle } from "../../../src/sys/files.ts";

const folder = mkdtempSync(join(tmpdir(), "tsrun-test-terminal-"));
t.teardown(() => rmSync(folder, { recursive: true }));

const SOCKET = "/run/console";
const NEEDS = "cannot allocate tty if tsrun will detach without setting console socket";
const SUPERFLUOUS = "cannot use console socket if tsrun will not detach or allocate tty";

const CASES: readonly [
  terminal: boolean,
  detach: boolean,
  consoleSocket: string | undefined,
  message: string | undefined,
][] = [
  [false, false, undefined, undefined],
  [false, true, undefined, undefined],
  [true, false, undefined, undefined],
  [true, true, undefined, NEEDS],
  [true, true, SOCKET, undefined],
  [true, false, SOCKET, SUPERFLUOUS],
  [false, true, SOCKET, SUPERFLUOUS],
  [false, false, SOCKET, SUPERFLUOUS],
];

for (const [terminal, detach, consoleSocket, message] of CASES) {
  t.test(JSON.stringify({ terminal, detach, consoleSocket }), async (t) => {
    const check = (): void => checkTerminal({ terminal, detach, consoleSocket });
    if (message === undefined) t.doesNotThrow(check);
    else t.throws(check, { name: "UsageError", message, hint: String });
  });
}

t.test("a socket where nobody is fails at once", async (t) => {
  t.throws(() => new Terminal(join(folder, "none")), { code: "ENOENT", syscall: "connect" });
  t.throws(() => new Terminal(`/${"x".repeat(200)}`), { code: "ENAMETOOLONG" });
});

t.test("without a socket the master is kept for whoever supervises", async (t) => {
  const terminal = new Terminal(undefined);
  t.equal(terminal.master, undefined);
  const master = Handle.open("/dev/null", O.RDONLY);
  terminal.take(master);
  terminal.hangUp();
  t.equal(terminal.master, master);
  master.close();
});

t.test("a listener that leaves before the terminal comes", async (t) => {
  const path = join(folder, "socket");
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((settle) => server.listen(path, settle));
  const terminal = new Terminal(path);
  await new Promise((settle) => setTimeout(settle, 100));
  const master = Handle.open("/dev/null", O.RDONLY);
  t.throws(() => terminal.take(master), {
    code: "EPIPE",
    message: /send the terminal to the console socket/,
    hint: "whoever listened there has gone",
  });
  terminal.hangUp();
  server.close();
});
