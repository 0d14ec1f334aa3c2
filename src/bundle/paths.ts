/** Paths as text: nothing here looks at a file system. */

/** An absolute path without `.`, `..`, doubled or final slashes; `..` stops at the root. */
export function cleanPath(path: string): string {
  // Nearly every path is clean already, and this runs for each mount of each container.
  if (path.startsWith("/") && !path.includes("//") && !path.includes("/.") && !path.endsWith("/"))
    return path;
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return `/${kept.join("/")}`;
}

/** A path as it is when the working folder is `dir`. */
export function pathFrom(dir: string, path: string): string {
  return cleanPath(path.startsWith("/") ? path : `${dir}/${path}`);
}
