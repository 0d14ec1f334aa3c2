/** Why an image cannot become a bundle. */
import { type ErrorFacts, SystemError, TsrunError } from "../error.ts";

/**
 * `format` (not what it should be), `digest` (other bytes than the image promises), `missing` (named, but not there),
 * `choice` (several fit, or none), `unsupported`, `limit` (more than there is room for), `unsafe` (an entry that would leave
 * the folder), `exists`, `in-use`.
 */
export type ImageCode =
  | "format"
  | "digest"
  | "missing"
  | "choice"
  | "unsupported"
  | "limit"
  | "unsafe"
  | "exists"
  | "in-use";

/** An image, a layer or the store is not what is needed. */
export class ImageError extends TsrunError {
  override readonly name = "ImageError";
  override readonly code: ImageCode;

  constructor(code: ImageCode, sentence: string, hint?: string, facts: Omit<ErrorFacts, "hint"> = {}) {
    super(sentence, { ...facts, hint });
    this.code = code;
  }
}

/** A name for a message: bytes as text, and not too much of it. */
export function shownName(name: string): string {
  const text = Buffer.from(name, "latin1").toString("utf8");
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}...` : text);
}

/** An error of node:fs as tsrun's own, with the call and what it was about; any other as it is. */
export function asSystemError(error: unknown): unknown {
  if (error instanceof TsrunError || !(error instanceof Error)) return error;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new SystemError(syscall, code, path ?? "the image", { cause: error });
}
