/** The tests' ordinary user as one whom the machine knows, with a manager of his own: only in machines that are thrown away. */
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { THROWAWAY } from "./machine.ts";
import { textOf } from "./outside.ts";
import { USER } from "./user.ts";

/** What systemd gives him as XDG_RUNTIME_DIR. */
export const RUNTIME_DIR = `/run/user/${USER.uid}`;

const NAME = "tsruntest";

/** Makes him known, as long as this test lasts: the next one's user has no name. */
export function makeKnown(): void {
  add("/etc/passwd", `${NAME}:x:${USER.uid}:${USER.gid}::/:/bin/sh\n`);
  add("/etc/group", `${NAME}:x:${USER.gid}:\n`);
  add("/etc/shadow", `${NAME}:*:19000:0:99999:7:::\n`);
}

/** Gives him the numbers from 300000 on, for user namespaces (subuid(5)), as long as this test lasts. */
export function giveRange(): void {
  for (const file of ["/etc/subuid", "/etc/subgid"]) add(file, `${NAME}:300000:65536\n`);
}

function add(file: string, line: string): void {
  const before = textOf(file) ?? "";
  if (before.includes(line)) return;
  appendFileSync(file, line);
  process.once("exit", () => writeFileSync(file, (textOf(file) ?? "").replace(line, "")));
}

/** Makes him known and starts his manager, where the machine may be changed; why not, in words, else. */
export function startManager(): string | undefined {
  if (!THROWAWAY) return "needs a machine that is thrown away: it makes a user";
  makeKnown();
  spawnSync("systemctl", ["start", `user@${USER.uid}.service`]);
  return existsSync(`${RUNTIME_DIR}/systemd/private`) ? undefined : `needs user@${USER.uid}.service`;
}

/** Ends his manager and all that it manages. */
export function stopManager(): void {
  spawnSync("systemctl", ["stop", `user@${USER.uid}.service`]);
}
