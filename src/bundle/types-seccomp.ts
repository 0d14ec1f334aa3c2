/** linux.seccomp, decoded (config-linux.md, Seccomp). */
import type { SeccompAction, SeccompArch, SeccompFlag, SeccompOperator } from "./vocabulary-seccomp.ts";

/** A filter of system calls. */
export interface Seccomp {
  readonly defaultAction: SeccompAction;
  /** With SCMP_ACT_ERRNO the errno, with SCMP_ACT_TRACE what a tracer gets; else without meaning. */
  readonly defaultErrno: number;
  /** Beside the machine's own. */
  readonly architectures: readonly SeccompArch[];
  readonly flags: readonly SeccompFlag[];
  /** Where the listener of SCMP_ACT_NOTIFY is sent to; absolute. */
  readonly listenerPath: string | undefined;
  readonly listenerMetadata: string | undefined;
  readonly rules: readonly SeccompRule[];
}

/** What is done with some system calls; where it has conditions, with those that meet them all. */
export interface SeccompRule {
  /** As config.json has them; one that nobody knows has no effect. */
  readonly names: readonly string[];
  readonly action: SeccompAction;
  /** As {@link Seccomp.defaultErrno}. */
  readonly errno: number;
  readonly args: readonly SeccompArg[];
}

/** A condition on one argument of a system call. */
export interface SeccompArg {
  /** 0 to 5. */
  readonly index: number;
  /** With SCMP_CMP_MASKED_EQ the mask. */
  readonly value: bigint;
  /** With SCMP_CMP_MASKED_EQ what the masked argument must be. */
  readonly valueTwo: bigint;
  readonly op: SeccompOperator;
}
