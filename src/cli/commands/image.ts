import { UsageError, visible } from "../../error.ts";
import { type ImageRow, listImages, pruneImages, removeImages, type Swept } from "../../image/manage.ts";
import { defaultStore } from "../../image/store.ts";
import { absolute } from "../../lifecycle/prepare.ts";
import { largest } from "../../lists.ts";
import { oneOf } from "../common.ts";
import { sizeText } from "../progress.ts";
import { print, printJson } from "../report.ts";
import type { Command, Options } from "../table.ts";

/** `tsrun image` */
export const command: Command = async ({ options, args }) => {
  const [verb = "", ...names] = args;
  const given = options.get("store");
  const store = given === undefined ? defaultStore() : absolute(given);
  switch (verb) {
    case "ls":
    case "list":
      list(await listImages(store), options);
      return 0;
    case "rm":
      if (names.length === 0)
        throw new UsageError("image rm requires an image", { hint: "usage: tsrun image rm IMAGE..." });
      print(told(await removeImages(store, names)));
      return 0;
    case "prune":
      print(told(await pruneImages(store)));
      return 0;
    default:
      throw new UsageError(`image has no ${JSON.stringify(verb)}`, {
        hint: "usage: tsrun image ls|rm|prune [IMAGE...]",
      });
  }
};

function list(rows: readonly ImageRow[], options: Options): void {
  const format = oneOf(options.get("format"), ["table", "json"]);
  if (options.has("quiet")) print(rows.map(({ id }) => `${visible(id)}\n`).join(""));
  else if (format === "json") printJson(`${JSON.stringify(rows)}\n`);
  else print(table(rows));
}

function table(rows: readonly ImageRow[]): string {
  const cells = [["IMAGE", "ID", "LAYERS", "SIZE", "BUNDLES"]];
  for (const { name, id, layers, bytes, bundles } of rows) {
    const short = id.replace(/^sha256:/, "").slice(0, 12);
    cells.push([
      visible(name),
      visible(short),
      String(layers.length),
      sizeText(bytes),
      String(bundles.length),
    ]);
  }
  const widths = [0, 1, 2, 3].map((column) => largest(cells.map((row) => (row[column] ?? "").length)) + 3);
  return cells.map((row) => `${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("")}\n`).join("");
}

function told({ images, layers, bytes }: Swept): string {
  const lines = images.map((name) => `removed ${visible(name)}`);
  return `${[...lines, `${layers} layers, ${sizeText(bytes)} freed`].join("\n")}\n`;
}
