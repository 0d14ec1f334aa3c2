/** Reads TAP as node-tap writes it: what passed, failed and was skipped in each test file, while the lines come in. */

/** A test that was skipped. */
export interface Skip {
  /** The names of the tests around it and its own. */
  readonly test: string;
  readonly reason: string;
}

/** What a test file came to. */
export interface FileResult {
  /** The path of its source, such as `test/e2e/kill.test.ts`. */
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Why the whole file was skipped. */
  readonly without?: string;
  readonly skips: readonly Skip[];
}

/** The line that begins an assertion's report. */
const ASSERTION = /^(not )?ok(?: \d+)?(?: - )?(.*?)(?: # (skip|todo|time=)\s*(.*))?$/i;

/** The assertions of one test file. */
export class TapReader {
  readonly #file: string;
  readonly #skips: Skip[] = [];
  /** The names of the open subtests, by depth. */
  readonly #names: string[] = [];
  #passed = 0;
  #failed = 0;
  #without: string | undefined;
  /** How deep the report of a failure is indented that is being read, and whether it tells something. */
  #diagnostic: { readonly indent: string; readonly tells: boolean } | undefined;
  /** Whether the last assertion was a failure, and not the end of a subtest that had one. */
  #tells = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** Whether an assertion has failed. */
  get failing(): boolean {
    return this.#failed > 0;
  }

  /** Takes a line without its end. @returns whether it belongs to the report of a failure */
  line(text: string): boolean {
    const indent = /^ */.exec(text)?.[0].length ?? 0;
    const rest = text.slice(indent);
    if (this.#diagnostic !== undefined) {
      const { tells } = this.#diagnostic;
      if (text === `${this.#diagnostic.indent}...`) this.#diagnostic = undefined;
      return tells;
    }
    if (rest === "---") {
      this.#diagnostic = { indent: " ".repeat(indent), tells: this.#tells };
      return this.#tells;
    }
    const depth = Math.floor(indent / 4);
    const subtest = /^# Subtest: (.*)$/.exec(rest)?.[1];
    if (subtest !== undefined) {
      this.#names.length = depth;
      this.#names.push(subtest);
      return false;
    }
    const nothing = /^1\.\.0 # (?:SKIP\s*)?(.*)$/i.exec(rest)?.[1];
    if (nothing !== undefined && depth === 0) this.#without = nothing;
    return this.#assertion(depth, rest);
  }

  #assertion(depth: number, text: string): boolean {
    const [match, not, name = "", directive = "", reason = ""] = ASSERTION.exec(text) ?? [];
    if (match === undefined) return false;
    const closes = this.#names.length > depth;
    const test = [...this.#names.slice(0, depth), name].join(" > ");
    this.#names.length = Math.min(this.#names.length, depth);
    this.#tells = not !== undefined && !closes;
    // The end of a subtest says again what its assertions said, unless it failed for a reason of its own.
    if (closes) return not !== undefined;
    if (/^(skip|todo)$/i.test(directive)) this.#skips.push({ test, reason });
    else if (not === undefined) this.#passed += 1;
    else this.#failed += 1;
    return not !== undefined;
  }

  /** The end of the file. @param status of the program: not zero counts as a failure where no assertion was one */
  end(status: number): FileResult {
    const whole = this.#without !== undefined;
    return {
      file: this.#file,
      passed: this.#passed,
      failed: this.#failed === 0 && status !== 0 ? 1 : this.#failed,
      skipped: this.#skips.length + (whole ? 1 : 0),
      ...(this.#without === undefined ? {} : { without: this.#without }),
      skips: this.#skips,
    };
  }
}

/** The path of a compiled test's source. */
export function sourceOf(compiled: string): string {
  return compiled.replace(/^build\//, "").replace(/\.js$/, ".ts");
}

/** The results in what `tap run` writes for several files. */
export function resultsOf(report: string): readonly FileResult[] {
  const results: FileResult[] = [];
  let reader: TapReader | undefined;
  for (const line of report.split("\n")) {
    const [, file] = /^# Subtest: (build\/.*\.test\.js)$/.exec(line) ?? [];
    if (file !== undefined) reader = new TapReader(sourceOf(file));
    else if (line.startsWith("    ")) reader?.line(line.slice(4));
    else if (reader !== undefined && /^(not )?ok /.test(line)) {
      results.push(reader.end(line.startsWith("not ok") && !/# (skip|todo)/i.test(line) ? 1 : 0));
      reader = undefined;
    }
  }
  return results;
}
