/** The end-to-end tests in one machine. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "../make-rootfs.ts";
import { type FileResult, sourceOf, TapReader } from "../tap.ts";
import { boot, type Ended } from "./boot.ts";
import type { Flavour } from "./flavours.ts";

/** What came of a file in a machine. */
export interface MachineResult extends FileResult {
  readonly seconds: number;
  /** Whether it had failed before, and this is its second attempt. */
  readonly again: boolean;
}

/** What came of a flavour's files. */
export interface SuiteResult {
  readonly flavour: string;
  readonly results: readonly MachineResult[];
  /** Why the machine ended before all files had run. */
  readonly broken?: string;
}

/** Seconds that one file may take; an emulated processor takes about ten times as long as a real one. */
const FILE_SECONDS = 600;

/** How many lines are told of a file that fails without an assertion. */
const LAST_LINES = 12;

/** How many random changes of a config.json are tried: what they find does not depend on the machine. */
const MUTATIONS = 60;

/** Where what a flavour's tests said is kept. */
export const REPORTS = join(PROJECT, "build/vm");

/** Reads what guest/suite.sh writes. */
export class SuiteReader {
  readonly results: MachineResult[] = [];
  readonly #say: (line: string) => void;
  #rest = "";
  #reader: TapReader | undefined;
  /** What the file said last, for one that fails without an assertion. */
  #last: string[] = [];
  /** The file that is being run. */
  current = "";

  /** @param say takes a line for a person */
  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Takes more of the text. */
  text(more: string): void {
    const lines = `${this.#rest}${more}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    const [, begin] = /^@@ begin (.*)$/.exec(line) ?? [];
    if (begin !== undefined) {
      this.current = sourceOf(begin);
      this.#reader = new TapReader(this.current);
      this.#last = [];
      return;
    }
    const [end, status, seconds] = /^@@ end (\d+) (\d+)$/.exec(line) ?? [];
    if (this.#reader === undefined || end === undefined) {
      if (this.#reader === undefined || this.#reader.line(line)) this.#say(`    ${line}`);
      this.#last = [...this.#last.slice(1 - LAST_LINES), line];
      return;
    }
    if (status !== "0" && !this.#reader.failing) for (const said of this.#last) this.#say(`    ${said}`);
    const again = this.results.at(-1)?.file === this.current;
    if (again) this.results.pop();
    const result = { ...this.#reader.end(Number(status)), seconds: Number(seconds), again };
    this.results.push(result);
    this.#say(resultLine(result, Number(status)));
    this.#reader = undefined;
    this.current = "";
  }
}

function resultLine(result: MachineResult, status: number): string {
  const { file, passed, failed, skipped, seconds, without, again } = result;
  const how =
    without === undefined ? `${passed} passed, ${failed} failed, ${skipped} skipped` : `skipped: ${without}`;
  const end = status === 124 ? `, no end after ${FILE_SECONDS} s` : "";
  return `${failed > 0 ? "not ok" : "ok"} ${file}: ${how}${end}${again ? ", at the second attempt" : ""} (${seconds} s)`;
}

/** Runs test files in a machine, telling of each when it has ended. */
export async function runSuite(
  flavour: Flavour,
  files: readonly string[],
  deadline: number,
  say: (line: string) => void,
): Promise<SuiteResult> {
  const reader = new SuiteReader(say);
  let report = "";
  const compiled = files.map((file) => join("build", file.replace(/\.ts$/, ".js")));
  const ended = await boot(
    {
      words: ["sh", "/run/vm/guest/suite.sh", String(FILE_SECONDS), ...compiled],
      folder: PROJECT,
      env: {
        TSRUN_TEST_SLOW: "1",
        TSRUN_TEST_MUTATIONS: String(MUTATIONS),
        TAP_TIMEOUT: String(FILE_SECONDS),
        ...testEnvironment(),
        ...flavour.env,
      },
      systemd: flavour.systemd,
      cgroup: "v2",
      memoryMiB: 3072,
      cpus: 1,
      diskMiB: 4096,
      deadline,
      terminal: false,
    },
    {
      out: (text) => {
        report += text;
        reader.text(text);
      },
      err: (text) => say(`    ${text.trimEnd()}`),
    },
  );
  mkdirSync(REPORTS, { recursive: true });
  writeFileSync(join(REPORTS, `${flavour.name}.tap`), report);
  const broken = brokenBy(ended, reader, files.length, deadline);
  return { flavour: flavour.name, results: reader.results, ...(broken === undefined ? {} : { broken }) };
}

/** What steers the tests here steers them in the machine. */
function testEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[0].startsWith("TSRUN_TEST_") && entry[1] !== undefined,
    ),
  );
}

function brokenBy(ended: Ended, reader: SuiteReader, count: number, deadline: number): string | undefined {
  const left = count - reader.results.length;
  const where = `${left} of ${count} files have not run to their end${reader.current === "" ? "" : `, ${reader.current} had begun`}`;
  switch (ended.end) {
    case "status":
      return left === 0 ? undefined : `the suite ended with ${ended.status}: ${where}`;
    case "deadline":
      return `no end after ${deadline} s: ${where}; the console said last:\n${ended.said}`;
    case "failed":
      return `the machine failed: ${where}; it said last:\n${ended.said}`;
    default:
      return ended satisfies never;
  }
}
