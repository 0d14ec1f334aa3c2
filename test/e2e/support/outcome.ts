/** What a call of the runtime answers, and how tests read it. */
import type { AnswersTo, Question } from "./answers.ts";

/** How a call of the runtime ended. */
export interface Outcome {
  readonly args: readonly string[];
  /** The exit code; 128 + the signal's number is not made here: see `signal`. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What has been written so far: a container created by the call may still be writing. */
  readonly stdout: string;
  readonly stderr: string;
}

/** What `state` prints (runtime-spec runtime.md, State), with what runc adds. */
export interface State {
  readonly ociVersion: string;
  readonly id: string;
  readonly pid: number;
  readonly status: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly owner: string;
  readonly annotations?: Record<string, string>;
}

/** The probe's lines as answers. @throws Error when the container did not answer each question */
export function answersOf<const Q extends readonly Question[]>(questions: Q, outcome: Outcome): AnswersTo<Q> {
  const lines = outcome.stdout.split("\n").filter((line) => line !== "");
  if (lines.length !== questions.length) {
    throw new Error(
      `${lines.length} answers to ${questions.length} questions (exit ${outcome.code})\n${outcome.stderr}${outcome.stdout}`,
    );
  }
  return lines.map((line): unknown => JSON.parse(line)) as AnswersTo<Q>;
}

/** The message of the error line that the runtime wrote: the text format's msg, or the bare line. */
export function messageOf(outcome: Outcome): string {
  const line = outcome.stderr.trimEnd().split("\n").at(-1) ?? "";
  const quoted = /level=(?:error|fatal) msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  return quoted === undefined ? line : unquoted(quoted);
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}
