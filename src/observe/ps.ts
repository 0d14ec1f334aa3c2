/** `ps`: the processes of a container as a table, in the columns of ps(1). Pure. */

import { UsageError, visible } from "../error.ts";
import { append, largest } from "../lists.ts";
import type { ContainerProcess } from "./processes.ts";

/** What a column's text depends on beside the process. */
export interface PsContext {
  readonly users: ReadonlyMap<number, string>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Bytes; for `%mem`. */
  readonly hostMemory: number;
}

/** A column to show. */
export interface Column {
  readonly header: string;
  readonly field: Field;
}

interface Field {
  readonly header: string;
  readonly left?: true;
  readonly text: (process: ContainerProcess, context: PsContext) => string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");

/** `[DD-]HH:MM:SS`. */
function daysAndTime(ms: number): string {
  const time = `${two((ms % DAY) / HOUR)}:${two((ms % HOUR) / MINUTE)}:${two((ms % MINUTE) / SECOND)}`;
  return ms < DAY ? time : `${two(ms / DAY)}-${time}`;
}

/** `MM:SS` or more. */
function elapsed(ms: number): string {
  return ms < HOUR ? `${two(ms / MINUTE)}:${two((ms % MINUTE) / SECOND)}` : daysAndTime(ms);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The time of day; the day, where it was another; the year, where it was another. */
function started(at: number, now: number): string {
  const [then, today] = [new Date(at), new Date(now)];
  if (then.getFullYear() !== today.getFullYear()) return String(then.getFullYear());
  if (then.getMonth() !== today.getMonth() || then.getDate() !== today.getDate())
    return `${MONTHS[then.getMonth()]}${two(then.getDate())}`;
  return `${two(then.getHours())}:${two(then.getMinutes())}`;
}

/** Percent of the processor time since the process started. */
function cpuPercent({ cpuTime, startedAt }: ContainerProcess, { now }: PsContext): number {
  return now > startedAt ? (cpuTime * 100) / (now - startedAt) : 0;
}

/** The state's letter and what ps(1) adds to it. */
function longState({ state, nice, sid, pid, threads, foreground }: ContainerProcess): string {
  const priority = nice < 0 ? "<" : nice > 0 ? "N" : "";
  return `${state}${priority}${sid === pid ? "s" : ""}${threads > 1 ? "l" : ""}${foreground ? "+" : ""}`;
}

function command({ args, comm, state }: ContainerProcess): string {
  const words = args.join(" ");
  return words === "" ? `[${comm}]${state === "Z" ? " <defunct>" : ""}` : words;
}

const user: Field = {
  header: "USER",
  left: true,
  text: ({ uid }, { users }) => users.get(uid) ?? String(uid),
};
const args: Field = { header: "COMMAND", left: true, text: command };
const comm: Field = { header: "COMMAND", left: true, text: (process) => process.comm };
const cpu: Field = { header: "%CPU", text: (process, context) => cpuPercent(process, context).toFixed(1) };
const start: Field = { header: "STIME", text: ({ startedAt }, { now }) => started(startedAt, now) };
const time: Field = { header: "TIME", text: ({ cpuTime }) => daysAndTime(cpuTime) };
const bsdTime: Field = {
  header: "TIME",
  text: ({ cpuTime }) => `${Math.floor(cpuTime / MINUTE)}:${two((cpuTime % MINUTE) / SECOND)}`,
};
const tty: Field = { header: "TT", left: true, text: (process) => process.tty ?? "?" };
const rss: Field = { header: "RSS", text: (process) => String(process.rss / 1024) };
const vsz: Field = { header: "VSZ", text: ({ vsize }) => String(Math.floor(vsize / 1024)) };
const state: Field = { header: "S", left: true, text: (process) => process.state };
const nice: Field = { header: "NI", text: (process) => String(process.nice) };
const threads: Field = { header: "NLWP", text: (process) => String(process.threads) };

/** By the names that `-o` takes, ps(1)'s. */
const FIELDS: Readonly<Record<string, Field>> = {
  pid: { header: "PID", text: ({ pid }) => String(pid) },
  ppid: { header: "PPID", text: ({ ppid }) => String(ppid) },
  pgid: { header: "PGID", text: ({ pgid }) => String(pgid) },
  sid: { header: "SID", text: ({ sid }) => String(sid) },
  user,
  euser: { ...user, header: "EUSER" },
  uid: { header: "UID", text: ({ uid }) => String(uid) },
  gid: { header: "GID", text: ({ gid }) => String(gid) },
  c: {
    header: "C",
    text: (process, context) => String(Math.min(99, Math.floor(cpuPercent(process, context)))),
  },
  pcpu: cpu,
  "%cpu": cpu,
  "%mem": {
    header: "%MEM",
    text: (process, { hostMemory }) => ((process.rss * 100) / Math.max(1, hostMemory)).toFixed(1),
  },
  rss,
  rssize: rss,
  vsz,
  vsize: vsz,
  stat: { header: "STAT", left: true, text: longState },
  state,
  s: state,
  ni: nice,
  nice,
  nlwp: threads,
  thcount: threads,
  stime: start,
  etime: { header: "ELAPSED", text: ({ startedAt }, { now }) => elapsed(Math.max(0, now - startedAt)) },
  etimes: {
    header: "ELAPSED",
    text: ({ startedAt }, { now }) => String(Math.max(0, Math.floor((now - startedAt) / SECOND))),
  },
  time,
  cputime: time,
  bsdtime: bsdTime,
  tty,
  tt: tty,
  tname: { ...tty, header: "TTY" },
  comm,
  ucmd: comm,
  args,
  cmd: { ...args, header: "CMD" },
  command: args,
};

/** The columns of `ps -ef`, the default. */
const FULL = "user=UID pid ppid c stime tname time cmd";
/** Of `ps -e`. */
const SHORT = "pid tname time ucmd=CMD";
/** Of `ps aux`. */
const BSD = "user pid %cpu %mem vsz rss tname stat stime=START bsdtime command";

function columnsOf(list: string): readonly Column[] {
  return list.split(" ").map((word) => {
    const [name = "", header] = word.split("=");
    const field = FIELDS[name] ?? args;
    return { field, header: header ?? field.header };
  });
}

/**
 * The columns that the options after the id ask for: none or `-ef`, `-e`, `aux`, and `-o FIELD[=HEADER],...`, which may be
 * repeated and written together with the letters of the others (`-eo pid,comm`).
 *
 * @throws UsageError for any other option of ps(1)
 */
export function psColumns(given: readonly string[]): readonly Column[] {
  const chosen: Column[] = [];
  let shape = given.length === 0 ? FULL : undefined;
  for (let at = 0; at < given.length; at++) {
    const word = given[at] ?? "";
    const long = /^--format(?:=(.*))?$/s.exec(word);
    const letters = /^-?(?=[aAefuxwo])([aAefuxw]*)(?:o(.*))?$/s.exec(word);
    if (long === null && letters === null) throw unknownOption(word);
    const list = long === null ? letters?.[2] : (long[1] ?? "");
    if (list !== undefined) append(chosen, parseFields(list === "" ? (given[++at] ?? "") : list));
    const letter = letters?.[1] ?? "";
    if (letter.includes("u")) shape = BSD;
    else if (letter.includes("f")) shape = FULL;
    else if (letter !== "") shape ??= SHORT;
  }
  return chosen.length > 0 ? chosen : columnsOf(shape ?? FULL);
}

function unknownOption(word: string): UsageError {
  return new UsageError(`ps does not know the option ${JSON.stringify(word)}`, {
    hint: "after the id it takes -ef, -e, aux and -o FIELD,...; its own options, such as --format, go before the id",
  });
}

/** `pid,user=WHO comm`. As in ps(1), a header goes on to the end of its list, commas included. */
function parseFields(list: string): readonly Column[] {
  const equals = list.indexOf("=");
  const names = (equals < 0 ? list : list.slice(0, equals)).split(/[ ,]+/).filter((name) => name !== "");
  // `pid=,comm=` is how scripts leave every header out.
  const rest = equals < 0 ? "" : list.slice(equals + 1);
  const more = rest.startsWith(",") ? parseFields(rest.slice(1)) : [];
  const header = equals < 0 ? undefined : more.length > 0 ? "" : rest;
  if (names.length === 0) throw unknownField(list);
  const columns = names.map((name, index) => {
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (field === undefined) throw unknownField(name);
    const last = index === names.length - 1;
    return { field, header: last && header !== undefined ? header : field.header };
  });
  return [...columns, ...more];
}

function unknownField(name: string): UsageError {
  return new UsageError(`ps does not know the field ${JSON.stringify(name)}`, {
    hint: `-o takes: ${Object.keys(FIELDS).join(",")}`,
  });
}

/** The table: a line of headers, unless all are empty, and a line a process. */
export function psTable(
  processes: readonly ContainerProcess[],
  columns: readonly Column[],
  context: PsContext,
): string {
  const rows = processes.map((process) => columns.map(({ field }) => visible(field.text(process, context))));
  const headers = columns.map(({ header }) => visible(header));
  if (headers.some((header) => header !== "")) rows.unshift(headers);
  const widths = columns.map((_, index) => largest(rows.map((row) => [...(row[index] ?? "")].length)));
  const lines = rows.map((row) =>
    row
      .map((cell, index) => {
        const space = " ".repeat((widths[index] ?? 0) - [...cell].length);
        return columns[index]?.field.left === true ? cell + space : space + cell;
      })
      .join(" ")
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}
