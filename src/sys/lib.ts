/** libtsrun's functions (native/lib/lib.h and functions.h), and how their answers become errors. */
import { SystemError } from "../error.ts";
import { ERRNO, SIGNATURES } from "./constants.gen.ts";
import { type Native, open } from "./ffi.ts";
import { nativeDir } from "./place.ts";

type Name = keyof typeof SIGNATURES;
let functions: Readonly<Record<Name, Native>> | undefined;

/** The library, opened at the first call. */
export function lib(): Readonly<Record<Name, Native>> {
  functions ??= open(nativeDir, SIGNATURES);
  return functions;
}

/** The name of an errno number: `EPERM` for 1. */
export function errnoName(number: number): string {
  return ERRNO[number] ?? `errno ${number}`;
}

/** Gives a native answer back, or throws what a negative one says. @throws SystemError */
export function checked(answer: number, syscall: string, subject: string): number {
  if (answer < 0) throw new SystemError(syscall, errnoName(-answer), subject);
  return answer;
}
