/**
 * Which unit of systemd a container's cgroup is, and where that lies: `slice:prefix:name` (runc's form of
 * linux.cgroupsPath for its systemd driver; systemd.unit(5), systemd.slice(5)). Pure.
 */
import { BundleError } from "../../error.ts";

/** The unit to be. */
export interface UnitPlace {
  /** A scope, or a slice where the name is one's. */
  readonly kind: "scope" | "slice";
  /** Its name, such as `docker-0123.scope`. */
  readonly unit: string;
  /** The slice it is put in; for a slice the one that its name says. */
  readonly slice: string;
  /** Its cgroup below that of the manager: `/a.slice/a-b.slice/p-n.scope`. */
  readonly folder: string;
}

/** systemd's longest name of a unit (UNIT_NAME_MAX is 256 with the NUL). */
const NAME_MAX = 255;

/**
 * The unit for a container.
 *
 * @param user whether it is made by a user's manager, whose containers are in `user.slice` unless something else is asked for
 * @throws BundleError `format` for what is no such path. The sentences hold runc's words
 */
export function unitPlace(cgroupsPath: string | undefined, id: string, user: boolean): UnitPlace {
  const usual = user ? "user.slice" : "system.slice";
  if (cgroupsPath === undefined || cgroupsPath === "") return place(usual, `tsrun-${escaped(id)}.scope`);
  const [slice, prefix, name, ...rest] = cgroupsPath.split(":");
  if (slice === undefined || prefix === undefined || name === undefined || rest.length > 0) {
    throw wrong(
      `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ${JSON.stringify(cgroupsPath)} instead`,
      "write for example system.slice:tsrun:NAME, or leave --systemd-cgroup out for a path",
    );
  }
  const parent = slice === "" ? usual : slice;
  sliceFolder(parent);
  if (name.endsWith(".slice")) {
    const folder = sliceFolder(name);
    if (name !== "-.slice") return { kind: "slice", unit: name, slice: above(name), folder };
  }
  return place(parent, `${prefix}-${name}.scope`);
}

function place(slice: string, unit: string): UnitPlace {
  const name = unit.slice(0, -".scope".length);
  if (name === "-" || unit.length > NAME_MAX || !/^[A-Za-z0-9:_.\\@-]+$/.test(name)) {
    throw wrong(
      `invalid unit name: ${unit}`,
      `a unit's name has letters, digits, and any of : - _ . \\ @, and is ${NAME_MAX} characters long at most`,
    );
  }
  return { kind: "scope", unit, slice, folder: `${sliceFolder(slice)}/${unit}` };
}

/**
 * The folder of a slice: `/a.slice/a-b.slice` for `a-b.slice`, empty for `-.slice`.
 * @throws BundleError `format`
 */
export function sliceFolder(slice: string): string {
  if (slice === "-.slice") return "";
  const name = slice.endsWith(".slice") ? slice.slice(0, -".slice".length) : "";
  const parts = name.split("-");
  const ordinary = parts.every((part) => /^[A-Za-z0-9:_.\\@]+$/.test(part));
  if (!ordinary || slice.length > NAME_MAX) {
    throw wrong(
      `invalid slice name: ${slice}`,
      "a slice is called NAME.slice, and one below it NAME-OTHER.slice",
    );
  }
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("-")}.slice`).join("");
}

/** The slice that holds another, by its name. */
function above(slice: string): string {
  const dash = slice.lastIndexOf("-");
  return dash < 0 ? "-.slice" : `${slice.slice(0, dash)}.slice`;
}

/** What a container's id may have and a unit's name may not, as systemd-escape(1) writes it. */
function escaped(id: string): string {
  return id.replaceAll("+", "\\x2b");
}

function wrong(sentence: string, hint: string): BundleError {
  return new BundleError("format", "/linux/cgroupsPath", sentence, hint);
}
