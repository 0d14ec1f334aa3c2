/**
 * Notes what the host is like, before anything runs, for the last test (test/e2e/last) to compare with. Run as a program it prints
 * the file's path, which that test finds in TSRUN_TEST_BEFORE.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { snapshot } from "../test/e2e/support/host-snapshot.ts";
import { PROJECT } from "./make-rootfs.ts";

/** Notes the host, and a folder that nothing may touch, in a new temporary folder; the path of the note in it. */
export function noteHost(): string {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-before-"));
  const canary = join(folder, "canary");
  mkdirSync(canary);
  writeFileSync(join(canary, "file"), "what lies outside", { mode: 0o640 });
  const own = [join(PROJECT, "dist"), canary];
  const note = join(folder, "snapshot.json");
  writeFileSync(note, JSON.stringify({ own, snapshot: snapshot(own) }));
  return note;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(noteHost());
