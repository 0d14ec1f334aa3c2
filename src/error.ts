/**
 * The error classes of tsrun and their codes. Every failure that a caller can meet is one of these; anything else that
 * is thrown is a defect of tsrun. This file imports nothing.
 */

/** A place in config.json as a JSON pointer (RFC 6901), for example `/mounts/2/destination`; `""` is the whole file. */
export type Pointer = string;

/** What is known about a failure beside its sentence. */
export interface ErrorFacts {
  /** The place in config.json that asked for what failed. */
  readonly pointer?: Pointer | undefined;
  /** The system call that the kernel refused, for example `mount_setattr`. */
  readonly syscall?: string | undefined;
  /** The name of the kernel's answer, for example `EPERM`. */
  readonly errno?: string | undefined;
  /** What the reader can do about it: one clause, no full stop. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** The base of every error that tsrun throws on purpose. */
export abstract class TsrunError extends Error {
  /** Tells errors of one class apart; stable, for programs. */
  abstract readonly code: string;
  pointer: Pointer | undefined;
  /** The JSON text that {@link TsrunError.pointer} is a place in, where it is not the bundle's. */
  document = "config.json";
  readonly syscall: string | undefined;
  readonly errno: string | undefined;
  readonly hint: string | undefined;
  /** What the place is called where it is no place in a text: an option of the command line. */
  place: string | undefined;
  /** Failures of the clean-up that followed; they never replace the first error. */
  readonly followedBy: Error[] = [];

  constructor(sentence: string, facts: ErrorFacts = {}) {
    super(sentence, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.pointer = facts.pointer;
    this.syscall = facts.syscall;
    this.errno = facts.errno;
    this.hint = facts.hint;
  }
}

/**
 * How a config.json can be wrong: `syntax` (not JSON), `type` (another JSON type than wanted), `missing` (a required
 * field), `range` (a number or name outside what is allowed), `format` (a string of the wrong shape), `conflict` (two
 * fields that cannot go together), `unsupported` (understood, but tsrun cannot do it), `limit` (the file is too large or
 * too deep).
 */
export type BundleCode =
  | "syntax"
  | "type"
  | "missing"
  | "range"
  | "format"
  | "conflict"
  | "unsupported"
  | "limit";

/** config.json asks for something that cannot be done; {@link TsrunError.pointer} says where. */
export class BundleError extends TsrunError {
  override readonly name = "BundleError";
  override readonly code: BundleCode;

  constructor(code: BundleCode, pointer: Pointer, sentence: string, hint?: string) {
    super(sentence, { pointer, hint });
    this.code = code;
  }
}

/** The kernel refused a call. `code` is the errno name. */
export class SystemError extends TsrunError {
  override readonly name = "SystemError";
  override readonly code: string;
  /** What the call was about: a path, a pid, a name. */
  readonly subject: string;

  constructor(
    syscall: string,
    errno: string,
    subject: string,
    facts: Omit<ErrorFacts, "syscall" | "errno"> & { doing?: string } = {},
  ) {
    super(
      `${facts.doing ?? `${syscall} ${subject}`}: ${facts.doing === undefined ? "" : `${syscall}: `}${errno}: ${errnoText(errno)}`,
      {
        ...facts,
        syscall,
        errno,
      },
    );
    this.code = errno;
    this.subject = subject;
  }
}

/** Why a verb cannot be applied to a container. */
export type StateCode =
  | "id-invalid"
  | "exists"
  | "not-found"
  | "not-stopped"
  | "not-running"
  | "not-created"
  | "not-paused"
  | "paused"
  | "stopped"
  | "busy"
  | "damaged";

/** The container is not in a state that allows the verb. The sentence keeps runc's wording, which engines parse. */
export class StateError extends TsrunError {
  override readonly name = "StateError";
  override readonly code: StateCode;

  constructor(code: StateCode, sentence: string, facts: ErrorFacts = {}) {
    super(sentence, facts);
    this.code = code;
  }
}

/**
 * Setting up the container failed after its first process existed: `op` (an operation of the plan), `hook` (a hook
 * failed or took too long), `died` (the process ended early), `exec` (the program could not be executed), `protocol`. `criu`:
 * criu could not checkpoint or restore it. `interrupted`: tsrun was asked to end while it waited.
 */
export type LaunchCode = "op" | "hook" | "died" | "exec" | "protocol" | "criu" | "interrupted";

/** The container's set-up failed. */
export class LaunchError extends TsrunError {
  override readonly name = "LaunchError";
  override readonly code: LaunchCode;

  constructor(code: LaunchCode, sentence: string, facts: ErrorFacts = {}) {
    super(sentence, facts);
    this.code = code;
  }
}

/** The command line or a library call was used wrongly. */
export class UsageError extends TsrunError {
  override readonly name = "UsageError";
  override readonly code = "usage";
}

/**
 * The one line a person reads: the sentence, the place in config.json, the hint, and what failed while cleaning up.
 * Control characters are shown escaped, since parts of the text come from bundles.
 */
export function errorLine(error: unknown): string {
  if (!(error instanceof TsrunError)) {
    return visible(`internal error: ${error instanceof Error ? error.message : String(error)}`);
  }
  let line = error.message;
  const place = error.pointer === undefined ? undefined : `${error.document}#${error.pointer}`;
  if (error.place !== undefined || place !== undefined) line += ` (${error.place ?? place})`;
  if (error.hint !== undefined) line += `; hint: ${error.hint}`;
  for (const later of error.followedBy) line += `; then, cleaning up: ${errorLine(later)}`;
  return visible(line);
}

/** What a terminal obeys or hides, from U+007F on: controls, line breaks, marks of direction (CVE-2021-42574), no width, no shape. */
const HIDDEN =
  "[\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e" +
  "\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb]|\\ud834[\\udd73-\\udd7a]|\\udb40[\\udc00-\\udfff]|" +
  "[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]";

let inText: RegExp | undefined;
let inJson: RegExp | undefined;

/**
 * Keeps a line one line, and what it says what is seen: everything that a terminal would obey or hide becomes an escape. Each text
 * that others made, a name of an image or a command line, passes this before it is shown.
 */
export function visible(text: string): string {
  if (!/[^ -~]/.test(text)) return text;
  inText ??= new RegExp(`[\\u0000-\\u001f]|${HIDDEN}`, "g");
  return text.replace(inText, escapes);
}

/** The same for JSON, which stays the same value: within its strings every character may be an escape. */
export function visibleJson(json: string): string {
  if (!/[^\n\r\t -~]/.test(json)) return json;
  inJson ??= new RegExp(HIDDEN, "g");
  return json.replace(inJson, escapes);
}

function escapes(hidden: string): string {
  return hidden.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The C library's words for the errno names that runtimes meet; the name itself for others. */
export function errnoText(errno: string): string {
  return ERRNO_TEXT[errno] ?? errno;
}

const ERRNO_TEXT: Readonly<Record<string, string>> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  ESRCH: "no such process",
  EINTR: "interrupted system call",
  EIO: "input/output error",
  ENXIO: "no such device or address",
  E2BIG: "argument list too long",
  ENOEXEC: "exec format error",
  EBADF: "bad file descriptor",
  ECHILD: "no child processes",
  EAGAIN: "resource temporarily unavailable",
  ENOMEM: "cannot allocate memory",
  EACCES: "permission denied",
  EFAULT: "bad address",
  ENOTBLK: "block device required",
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  EXDEV: "invalid cross-device link",
  ENODEV: "no such device",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EINVAL: "invalid argument",
  ENFILE: "too many open files in system",
  EMFILE: "too many open files",
  ENOTTY: "inappropriate ioctl for device",
  ETXTBSY: "text file busy",
  EFBIG: "file too large",
  ENOSPC: "no space left on device",
  ESPIPE: "illegal seek",
  EROFS: "read-only file system",
  EMLINK: "too many links",
  EPIPE: "broken pipe",
  ERANGE: "numerical result out of range",
  EDEADLK: "resource deadlock would occur",
  ENAMETOOLONG: "file name too long",
  ENOSYS: "function not implemented",
  ENOTEMPTY: "directory not empty",
  ELOOP: "too many levels of symbolic links",
  ENODATA: "no data available",
  ETIMEDOUT: "timed out",
  EOVERFLOW: "value too large",
  EOPNOTSUPP: "operation not supported",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EUSERS: "too many users",
  EADDRINUSE: "address already in use",
  EKEYREJECTED: "key was rejected by service",
  EDQUOT: "disk quota exceeded",
  ESTALE: "stale file handle",
};
