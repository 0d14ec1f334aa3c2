/** What images are called: `docker.io/library/busybox:1.36`, `busybox`, `1.36`. Pure. */

/** A name with its registry and repository, and its tag. */
interface Reference {
  readonly repository: string;
  readonly tag: string;
}

/** The parts of a name, as Docker fills them up: no registry is docker.io, one word there is in library/, no tag is latest. */
export function normalize(name: string): Reference {
  const [withoutDigest = ""] = name.split("@");
  const colon = withoutDigest.lastIndexOf(":");
  const tagged = colon > withoutDigest.lastIndexOf("/");
  const path = tagged ? withoutDigest.slice(0, colon) : withoutDigest;
  const tag = tagged ? withoutDigest.slice(colon + 1) : "latest";
  const slash = path.indexOf("/");
  const first = slash < 0 ? "" : path.slice(0, slash);
  const registry = /[.:]/.test(first) || first === "localhost";
  if (registry) return { repository: path, tag };
  return { repository: `docker.io/${slash < 0 ? `library/${path}` : path}`, tag };
}

/** Whether an image that is called `name` is meant by `wanted`: the same name, or its tag alone. */
export function isNamed(name: string, wanted: string): boolean {
  if (name === wanted) return true;
  const [a, b] = [normalize(name), normalize(wanted)];
  if (a.repository === b.repository && a.tag === b.tag) return true;
  // podman puts localhost/ before what is its own.
  if (a.tag === b.tag && a.repository === `localhost/${wanted.split(":")[0]}`) return true;
  const whole = /[/:]/.test(name);
  return whole && !/[/:]/.test(wanted) && name.includes(":") && a.tag === wanted;
}
