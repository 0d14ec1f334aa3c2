/** Paths as text. Nothing here looks at a filesystem, so nothing here decides what is safe: tsrun-init does. */

/**
 * An absolute path without empty parts, `.` and `..`, for comparing what config.json says with what it could have said.
 * Never for opening a file: with symbolic links, `a/..` is not always where `a` is.
 */
export function cleanPath(path: string): string {
  // Most are clean as they are.
  const slashed = `${path}/`;
  if (path.startsWith("/") && path !== "/" && !slashed.includes("//") && !slashed.includes("/.")) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folder that holds a path; `/` for what lies directly there. */
export function dirName(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** Joins a folder and a relative path or name. */
export function join(folder: string, rest: string): string {
  if (rest === "" || rest === ".") return folder;
  return folder.endsWith("/") ? folder + rest : `${folder}/${rest}`;
}
