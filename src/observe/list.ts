/** `list`: every container below a state root; a damaged one is shown as such and hides none of the others. */

import { StateError, TsrunError, visible } from "../error.ts";
import { largest } from "../lists.ts";
import { listIds, load } from "../state/store.ts";
import { isPrintable } from "../sys/bytes.ts";
import { status } from "../sys/files.ts";
import { type ContainerState, describe } from "./state.ts";
import { userName } from "./users.ts";

/** One row: a container, or what could not be read as one. */
export type Listed =
  | ContainerState
  | { readonly id: string; readonly status: "damaged"; readonly error: string; readonly owner: string };

/** The containers below a root, by id. One that vanishes meanwhile is left out. */
export function list(root: string): readonly Listed[] {
  const rows: Listed[] = [];
  const owners = new Map<number, string>();
  for (const id of listIds(root)) {
    const folder = status(`${root}/${id}`);
    if (folder === undefined) continue;
    const owner = owners.get(folder.uid) ?? userName(folder.uid) ?? String(folder.uid);
    owners.set(folder.uid, owner);
    try {
      rows.push({ ...describe(load(root, id)), owner });
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      if (error instanceof StateError && error.code === "not-found") continue;
      rows.push({ id, status: "damaged", error: error.message, owner });
    }
  }
  return rows;
}

/** The table that `list` prints, column by column as runc's. */
export function table(rows: readonly Listed[]): string {
  const raw: (readonly string[])[] = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]];
  for (const row of rows) {
    const { id, status, owner } = row;
    raw.push(
      "pid" in row
        ? [id, String(row.pid), status, row.bundle, row.created, owner]
        : [id, "-", status, "-", "-", owner],
    );
  }
  // Nearly always there is nothing to be escaped, and no character takes two of JavaScript's units.
  const plain = isPrintable(raw.map((row) => row.join(" ")).join(" "));
  const cells = plain ? raw : raw.map((row) => row.map(visible));
  const width = (cell = ""): number => (plain ? cell.length : [...cell].length);
  // Go's tabwriter as runc sets it: 12 characters at least, 3 of them between the columns.
  const widths = [0, 1, 2, 3, 4].map((column) =>
    largest(
      cells.map((row) => width(row[column]) + 3),
      12,
    ),
  );
  const padded = (cell: string, column: number): string =>
    cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - width(cell)));
  return cells.map((row) => `${row.map(padded).join("")}\n`).join("");
}
