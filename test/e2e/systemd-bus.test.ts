/** What tsrun does with a systemd that does not answer, answers nonsense, or refuses: no wait is without an end. */
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import t from "tap";
import { decodeMessage, type Message, messageLength } from "../../src/sys/dbus-message.ts";
import { type Value, Writer } from "../../src/sys/dbus-wire.ts";
import { messageOf, type Outcome, openHost } from "./support/host.ts";

const host = openHost({ only: "tsrun" });

/** A message of the fake manager's: 2 is a return, 3 an error, 4 a signal. */
function message(
  kind: 2 | 3 | 4,
  fields: readonly Value[],
  signature: string,
  args: readonly Value[],
): Uint8Array {
  const body = new Writer().all(signature, args).bytes;
  const all: Value = [...fields, [8, { type: "g", value: signature }]];
  const writer = new Writer().all("yyyyuua(yv)", [0x6c, kind, 1, 1, body.length, 7, all]);
  writer.align(8);
  writer.append(body);
  return writer.bytes;
}

type Answer = (call: Message, serial: number) => Uint8Array | undefined;

function answer(serial: number, signature: string, ...args: Value[]): Uint8Array {
  return message(2, [[5, { type: "u", value: serial }]], signature, args);
}

function refusal(serial: number, name: string, words: string): Uint8Array {
  const fields: Value[] = [
    [5, { type: "u", value: serial }],
    [4, { type: "s", value: name }],
  ];
  return message(3, fields, "s", [words]);
}

/** Serves one connection after the other: authentication, unless `silent`, then an answer for each call. */
function serve(socket: Socket, silent: boolean, give: Answer): void {
  let pending = Buffer.alloc(0);
  let authenticated = false;
  socket.on("error", () => undefined);
  socket.on("data", (data) => {
    pending = Buffer.concat([pending, data]);
    if (!authenticated) {
      const end = pending.indexOf("BEGIN\r\n");
      if (end < 0 || silent) return;
      authenticated = true;
      pending = pending.subarray(end + "BEGIN\r\n".length);
      socket.write("DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n");
    }
    while (pending.length >= 16) {
      const length = messageLength(pending.subarray(0, 16));
      if (pending.length < length) return;
      const call = decodeMessage(new Uint8Array(pending.subarray(0, length)));
      const serial = pending.readUInt32LE(8);
      pending = pending.subarray(length);
      const reply = call === undefined ? undefined : give(call, serial);
      if (reply !== undefined) socket.write(reply);
    }
  });
}

let servers = 0;

/** `create --systemd-cgroup` with a manager that does as it is told; the outcome and how long it took, in seconds. */
async function createWith(give: Answer, silent = false): Promise<Outcome & { readonly seconds: number }> {
  servers += 1;
  const path = join(host.dir, `bus-${servers}`);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    serve(socket, silent, give);
  });
  await new Promise<void>((ready) => server.listen(path, ready));
  const started = Date.now();
  const env = {
    PATH: process.env["PATH"] ?? "",
    TSRUN_TEST: host.tag,
    DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${path}`,
    SYSTEMD_BUS_TIMEOUT: "1",
  };
  const bundle = host.bundle((config) => {
    config.linux.cgroupsPath = `:t:${host.tag}`;
  });
  const outcome = await host.call(["--systemd-cgroup", "create", "--bundle", bundle.dir, host.id()], { env });
  for (const socket of open) socket.destroy();
  server.close();
  return { ...outcome, seconds: (Date.now() - started) / 1000 };
}

/** A manager that knows what it is asked for, and starts nothing. */
function manager(start: Answer): Answer {
  return ({ member, args }, serial) => {
    if (member === "Hello") return answer(serial, "s", ":1.1");
    if (member === "Get") {
      const values: Record<string, string> = { Version: "252.1", LoadState: "not-found", State: "waiting" };
      return answer(serial, "v", { type: "s", value: values[String(args[1])] ?? "" });
    }
    if (member === "StartTransientUnit") return start({ member, args } as unknown as Message, serial);
    return answer(serial, "");
  };
}

const UNIT = `t-${host.tag}.scope`;

t.test("nobody answers", async (t) => {
  const outcome = await createWith(() => undefined, true);
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /^cannot reach systemd at .*\/bus-1 \(tried .*\): recvmsg: ETIMEDOUT: timed out/,
  );
  t.match(messageOf(outcome), /hint: systemd does not answer: see systemctl list-jobs/);
  t.ok(outcome.seconds < 15, `${outcome.seconds} s`);
});

t.test("nonsense is answered", async (t) => {
  const outcome = await createWith(() => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /does not speak D-Bus: byte order 72/);
});

t.test("the job never ends", async (t) => {
  const job = "/org/freedesktop/systemd1/job/5";
  const outcome = await createWith(manager((_, serial) => answer(serial, "o", job)));
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    `systemd has not come to start unit ${UNIT} within 1 s: job ${job} is waiting: JobRemoved: ETIMEDOUT: timed out`,
  );
  t.ok(outcome.seconds < 15, `${outcome.seconds} s`);
});

t.test("the start is refused, in systemd's words", async (t) => {
  const code = "org.freedesktop.systemd1.Masked";
  const outcome = await createWith(manager((_, serial) => refusal(serial, code, "Unit x is masked.")));
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), `systemd refuses to start ${UNIT}: Unit x is masked.: ${code}: EINVAL`);
});

await host.end();
