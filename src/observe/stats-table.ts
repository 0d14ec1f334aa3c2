/** `stats` as a table for people, as wide as there is room for. Pure. */
import { largest } from "../lists.ts";
import type { Sample } from "./sample.ts";

/** How to draw. */
export interface TableStyle {
  /** Characters in a line; no limit by default. */
  readonly width?: number;
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean;
}

interface Column {
  readonly header: string;
  readonly left?: true;
  /** Characters, so that the columns stand still while numbers change. */
  readonly min?: number;
  /** The lowest goes first where there is no room for all. */
  readonly worth: number;
  readonly text: (sample: Sample, style: TableStyle) => string;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** `12.5MiB`: three digits and the unit. */
export function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}${UNITS[unit]}`;
}

function percent(value: number | undefined): string {
  return value === undefined ? "-" : `${value.toFixed(value >= 99.95 ? 0 : 1)}%`;
}

const BAR = 10;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** How full something is, ten characters wide. */
export function bar(share: number, unicode: boolean): string {
  const full = Math.min(1, Math.max(0, share)) * BAR;
  if (!unicode) return `[${"#".repeat(Math.round(full)).padEnd(BAR, ".")}]`;
  const whole = Math.floor(full);
  const part = EIGHTHS[Math.floor((full - whole) * 8)] ?? "";
  const drawn = "█".repeat(whole) + part;
  return drawn + "░".repeat(BAR - [...drawn].length);
}

function ofLimit(current: string, limit: string | undefined): string {
  return `${current} / ${limit ?? "-"}`;
}

function pressureColumn(header: string, name: "cpu" | "memory" | "io"): Column {
  return { header, min: 5, worth: 2, text: ({ pressure }) => percent(pressure?.[name]) };
}

const COLUMNS: readonly Column[] = [
  { header: "ID", left: true, worth: 9, text: ({ id }) => id },
  { header: "CPU", min: 6, worth: 8, text: ({ cpuPercent }) => percent(cpuPercent) },
  {
    header: "OF QUOTA",
    worth: 4,
    text: ({ cpuPercent, cpu: { quota } }) =>
      percent(quota === undefined || cpuPercent === undefined ? undefined : cpuPercent / quota),
  },
  {
    header: "MEMORY / LIMIT",
    min: 17,
    worth: 7,
    text: ({ memory: { used, limit } }) =>
      ofLimit(humanBytes(used), limit === undefined ? undefined : humanBytes(limit)),
  },
  {
    header: "",
    left: true,
    worth: 3.5,
    text: ({ memory: { used, limit } }, { unicode }) =>
      limit === undefined || limit === 0 ? "" : bar(used / limit, unicode),
  },
  {
    header: "PIDS / LIMIT",
    worth: 6,
    text: ({ pids: { current, limit } }) =>
      ofLimit(String(current), limit === undefined ? undefined : String(limit)),
  },
  { header: "READ", min: 7, worth: 3, text: ({ io }) => humanBytes(io.read) },
  { header: "WRITTEN", worth: 3, text: ({ io }) => humanBytes(io.written) },
  pressureColumn("PSI CPU", "cpu"),
  pressureColumn("MEM", "memory"),
  pressureColumn("IO", "io"),
  { header: "OOM KILLS", worth: 5, text: ({ memory }) => String(memory.oomKills) },
];

const GAP = "  ";

/** An id is cut to this before a column is left out: engines' ids have 64 characters, of which people know the first. */
const ID_ROOM = 12;

/** The lines of the table, headers first. Columns are left out, and ids cut, until the lines fit. */
export function statsTable(samples: readonly Sample[], style: TableStyle): readonly string[] {
  let columns = COLUMNS.map((column) => ({
    ...column,
    cells: [column.header, ...samples.map((sample) => column.text(sample, style))],
  })).map((column) => ({
    ...column,
    width: largest(
      column.cells.map((cell) => [...cell].length),
      column.min,
    ),
  }));
  columns = columns.filter(({ width }) => width > 0);
  const room = style.width ?? Number.POSITIVE_INFINITY;
  const [first] = columns;
  if (first === undefined) return [];
  const others = (): number => columns.slice(1).reduce((sum, { width }) => sum + GAP.length + width, 0);
  while (columns.length > 2 && Math.min(first.width, ID_ROOM) + others() > room) {
    const least = -largest(
      columns.map(({ worth }) => -worth),
      Number.NEGATIVE_INFINITY,
    );
    columns = columns.filter(({ worth }) => worth !== least);
  }
  const idWidth = Math.max(1, Math.min(first.width, room - others()));
  const fitted = [
    { ...first, width: idWidth, cells: first.cells.map((id) => cut(id, idWidth, style)) },
    ...columns.slice(1),
  ];
  return first.cells.map((_, row) => {
    const line = fitted
      .map(({ cells, width, left }) => pad(cells[row] ?? "", width, left === true))
      .join(GAP)
      .trimEnd();
    return cut(line, room, style);
  });
}

function pad(cell: string, width: number, left: boolean): string {
  const space = " ".repeat(Math.max(0, width - [...cell].length));
  return left ? cell + space : space + cell;
}

function cut(text: string, width: number, { unicode }: TableStyle): string {
  const letters = [...text];
  return letters.length <= width ? text : `${letters.slice(0, width - 1).join("")}${unicode ? "…" : "~"}`;
}
