/** Everything that can be told of a tree, for comparing two: names, modes, owners, times, links, devices, attributes, content. */
import { execFileSync } from "node:child_process";

const LIST = `
import hashlib, json, os, stat, sys
top = os.fsencode(sys.argv[1]); found = {}
inodes = {}
for at, dirs, files in os.walk(top):
    for name in [b"."] + dirs + files:
        path = os.path.join(at, name); facts = os.lstat(path)
        if name == b"." and at != top: continue
        rel = os.fsdecode(os.path.relpath(path, top))
        line = [oct(facts.st_mode), facts.st_uid, facts.st_gid, facts.st_mtime_ns, facts.st_rdev]
        if not stat.S_ISDIR(facts.st_mode): line += [facts.st_size, facts.st_nlink]
        if stat.S_ISLNK(facts.st_mode): line.append(os.fsdecode(os.readlink(path)))
        if stat.S_ISREG(facts.st_mode): line.append(hashlib.sha256(open(path, "rb").read()).hexdigest())
        for key in sorted(os.listxattr(path, follow_symlinks=False)):
            line.append([key, os.getxattr(path, key, follow_symlinks=False).hex()])
        found[rel] = line
json.dump(found, sys.stdout)
`;

/** A line a path, by path. */
export function treeOf(dir: string): Readonly<Record<string, readonly unknown[]>> {
  const options = { encoding: "utf8", maxBuffer: 256 << 20 } as const;
  return JSON.parse(execFileSync("python3", ["-c", LIST, dir], options)) as Record<
    string,
    readonly unknown[]
  >;
}
