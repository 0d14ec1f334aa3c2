/** `list`: every container below a state root; a damaged one is shown as such and hides none of the others. */

import { StateError, TsrunError, visible } from "../error.ts";
import { largest } from "../lists.ts";
import { listIds, load } from "../state/store.ts";
import { status } from "../sys/files.ts";
import { type ContainerState, describe } from "./state.ts";
import { userNames } from "./users.ts";

/** One row: a container, or what could not be read as one. */
export type Listed =
  | ContainerState
  | { readonly id: string; readonly status: "damaged"; readonly error: string; readonly owner: string };

/** The containers below a root, by id. One that vanishes meanwhile is left out. */
export function list(root: string): readonly Listed[] {
  const rows: Listed[] = [];
  let users: ReadonlyMap<number, string> | undefined;
  for (const id of listIds(root)) {
    const folder = status(`${root}/${id}`);
    if (folder === undefined) continue;
    users ??= userNames();
    const owner = users.get(folder.uid) ?? String(folder.uid);
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
  const cells = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]];
  for (const row of rows) {
    cells.push(
      "pid" in row
        ? [row.id, String(row.pid), row.status, row.bundle, row.created, row.owner]
        : [row.id, "-", row.status, "-", "-", row.owner],
    );
  }
  // Go's tabwriter as runc sets it: 12 characters at least, 3 of them between the columns.
  const widths = [0, 1, 2, 3, 4].map((column) =>
    largest(
      cells.map((row) => width(row[column]) + 3),
      12,
    ),
  );
  const lines = cells.map((row) => row.map((cell, column) => pad(visible(cell), widths[column])).join(""));
  return lines.map((line) => `${line}\n`).join("");
}

/** Characters, not JavaScript's units. */
function width(cell = ""): number {
  return [...visible(cell)].length;
}

function pad(cell: string, to = 0): string {
  return cell + " ".repeat(Math.max(0, to - [...cell].length));
}
