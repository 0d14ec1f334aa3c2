/**
 * One call of gRPC over a Unix socket: HTTP/2 with the message behind five bytes, the outcome in the trailers (gRPC's
 * PROTOCOL-HTTP2). As much as is needed to be a kubelet for a test.
 */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { encodeMessage, Fields, type Message } from "../../../../src/spawn/criu/protobuf.ts";

/** What the other side answered instead of a message. */
export class RemoteError extends Error {}

/** Bytes before each message: whether it is compressed, and its length. */
const HEADER = 5;

/** Calls a method, such as `/runtime.v1.RuntimeService/Version`. @throws RemoteError with the server's words */
export function callRemote(socket: string, path: string, message: Message, limit: number): Promise<Fields> {
  return new Promise((settle, fail) => {
    const session = connectHttp2("http://localhost", { createConnection: () => connect(socket) });
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const timer = setTimeout(() => stream.destroy(new Error(`no answer to ${path} in ${limit} ms`)), limit);
    const parts: Buffer[] = [];
    let status = "";
    let words = "";
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      status = String(headers["grpc-status"] ?? status);
      words = String(headers["grpc-message"] ?? words);
    };
    const end = (act: () => void): void => {
      clearTimeout(timer);
      session.close();
      act();
    };
    session.on("error", fail);
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("data", (part: Buffer) => void parts.push(part));
    stream.on("error", (error) => end(() => fail(error)));
    stream.on("end", () =>
      end(() => {
        if (status === "0") settle(new Fields(Buffer.concat(parts).subarray(HEADER)));
        else fail(new RemoteError(decodeURIComponent(words)));
      }),
    );
    stream.end(framed(encodeMessage(message)));
  });
}

function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
