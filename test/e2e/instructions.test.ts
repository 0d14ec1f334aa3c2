/**
 * What commands take of the processor, counted in instructions of user mode (callgrind): these are the same on a busy machine. The counts
 * of `create` go to where tsrun-init is started: valgrind runs no program from memory.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { missing } from "../native/programs.ts";
import { openHost } from "./support/host.ts";

const host = openHost({ busybox: true, only: "tsrun" });
const skip = missing("valgrind");
const call = promisify(execFile);
const BUNDLE = join(PROJECT, "bundles/hello");

/** Instructions of this process's calls, the one with the fewest first: a child's count begins with its parent's. */
async function instructions(args: readonly string[]): Promise<readonly number[]> {
  const out = join(host.dir, "callgrind");
  mkdirSync(out, { recursive: true });
  const before = new Set(readdirSync(out));
  const words = [
    "--tool=callgrind",
    `--callgrind-out-file=${out}/%p`,
    host.runtime,
    "--root",
    host.stateRoot,
  ];
  // What valgrind cannot do afterwards is no matter here. No environment, which is read whole.
  await call("valgrind", [...words, ...args], { env: { PATH: process.env["PATH"] } }).catch(() => undefined);
  return readdirSync(out)
    .filter((name) => !before.has(name))
    .map((name) => Number(/^(?:totals|summary): (\d+)/m.exec(readFileSync(join(out, name), "utf8"))?.[1]))
    .sort((a, b) => a - b);
}

/** The most that each may take. */
const MOST = { version: 150_000, state: 700_000, list: 900_000, create: 6_000_000 };

t.test("looking at a container, and making one", { skip }, async (t) => {
  const id = host.id();
  await host.must(["create", "--bundle", BUNDLE, id]);
  const [version = Number.NaN] = await instructions(["--version"]);
  const [state = Number.NaN] = await instructions(["state", id]);
  const [list = Number.NaN] = await instructions(["list"]);
  const other = host.id();
  const [create = Number.NaN] = await instructions(["create", "--bundle", BUNDLE, other]);
  t.comment(JSON.stringify({ version, state, list, create }));
  t.ok(version <= MOST.version, `--version: ${version}`);
  t.ok(state <= MOST.state, `state: ${state}`);
  t.ok(list <= MOST.list, `list: ${list}`);
  t.ok(create > MOST.state && create <= MOST.create, `create: ${create}`);
  await host.call(["delete", "--force", other]);
  await host.must(["delete", "--force", id]);
});

await host.end();
