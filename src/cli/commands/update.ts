import { SystemError, UsageError } from "../../error.ts";
import { type UpdateOptions, updateContainer } from "../../lifecycle/update.ts";
import { readDescriptor } from "../../sys/files.ts";
import { id, readGiven, root } from "../common.ts";
import { reportWarning } from "../report.ts";
import { parseSize } from "../sizes.ts";
import type { Command, Options } from "../table.ts";

/** How an option's value becomes the JSON value of its field. */
type Reader = (name: string, value: string) => string;

/** The options that set a field of linux.resources: the field's pointer and how its value is read. */
const FIELDS: Readonly<Record<string, readonly [pointer: string, read: Reader]>> = {
  "blkio-weight": ["/blockIO/weight", whole],
  "cpu-period": ["/cpu/period", whole],
  "cpu-quota": ["/cpu/quota", signed],
  "cpu-burst": ["/cpu/burst", whole],
  "cpu-share": ["/cpu/shares", whole],
  "cpu-rt-period": ["/cpu/realtimePeriod", whole],
  "cpu-rt-runtime": ["/cpu/realtimeRuntime", signed],
  "cpu-idle": ["/cpu/idle", signed],
  "cpuset-cpus": ["/cpu/cpus", quoted],
  "cpuset-mems": ["/cpu/mems", quoted],
  memory: ["/memory/limit", size],
  "memory-reservation": ["/memory/reservation", size],
  "memory-swap": ["/memory/swap", size],
  "pids-limit": ["/pids/limit", signed],
};

/** A resources object is a few kilobytes. */
const RESOURCES_MAX = 1 << 20;

/** `tsrun update` */
export const command: Command = (call) => {
  const { options } = call;
  const file = options.get("resources");
  if (file === undefined) {
    updateContainer(root(call), id(call), fromOptions(options), { optionAt, rdt: schemas(options) });
    return 0;
  }
  const ignored = [...Object.keys(FIELDS), ...SCHEMAS].filter((name) => options.has(name));
  if (ignored.length > 0) {
    reportWarning(`with --resources other options are ignored: --${ignored.join(", --")}`);
  }
  const document = file === "-" ? "standard input" : file;
  updateContainer(root(call), id(call), readResources(file), {
    document,
    warn: ({ pointer, text, hint }) =>
      reportWarning(`${text} (${document}#${pointer})${hint === undefined ? "" : `; hint: ${hint}`}`),
  });
  return 0;
};

/** The options that change a class of service. */
const SCHEMAS = ["l3-cache-schema", "mem-bw-schema"];

function schemas(options: Options): NonNullable<UpdateOptions["rdt"]> {
  const memBwSchema = options.get("mem-bw-schema");
  if (memBwSchema !== undefined && !memBwSchema.startsWith("MB:")) {
    return invalid("mem-bw-schema", `${JSON.stringify(memBwSchema)} does not begin with MB:`);
  }
  return { l3CacheSchema: options.get("l3-cache-schema"), memBwSchema };
}

function readResources(file: string): string {
  try {
    return file === "-" ? readDescriptor(0, RESOURCES_MAX) : readGiven(file, RESOURCES_MAX);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    // runc's words, `open FILE: no such file or directory`, stay in it.
    throw new SystemError(error.code === "ENOENT" ? "open" : (error.syscall ?? "read"), error.code, file, {
      doing: `cannot read the resources from ${file === "-" ? "standard input" : file}`,
      hint: error.code === "EFBIG" ? `they are ${RESOURCES_MAX} bytes long at most` : undefined,
    });
  }
}

/** The options as the JSON text of a resources object, so that both ways go through the same checks. */
function fromOptions(options: Options): string {
  const sections = new Map<string, string[]>();
  for (const name of Object.keys(FIELDS)) {
    const value = options.get(name);
    const [pointer, read] = FIELDS[name] ?? [];
    if (value === undefined || pointer === undefined || read === undefined) continue;
    const [, section = "", field = ""] = pointer.split("/");
    const members = sections.get(section) ?? [];
    members.push(`"${field}":${read(name, value)}`);
    sections.set(section, members);
  }
  for (const name of ["kernel-memory", "kernel-memory-tcp"]) {
    const value = options.get(name);
    // runc's words. The value is read all the same, as runc does.
    if (value !== undefined && size(name, value) !== "0") {
      reportWarning("Kernel memory settings are ignored and will be removed");
    }
  }
  return `{${[...sections].map(([section, members]) => `"${section}":{${members.join(",")}}`).join(",")}}`;
}

/** The option that set a field, or the first one in a section. */
function optionAt(pointer: string): string | undefined {
  const names = Object.keys(FIELDS);
  const name = names.find((each) => FIELDS[each]?.[0] === pointer);
  return name === undefined ? undefined : `--${name}`;
}

function whole(name: string, value: string): string {
  if (/^[0-9]{1,20}$/.test(value)) return String(BigInt(value));
  return invalid(name, `${JSON.stringify(value)} is not a whole number`);
}

function signed(name: string, value: string): string {
  return value.startsWith("-") ? `-${whole(name, value.slice(1))}` : whole(name, value);
}

function quoted(_name: string, value: string): string {
  return JSON.stringify(value);
}

function size(name: string, value: string): string {
  if (value === "-1") return value;
  const bytes = parseSize(value);
  // runc's words.
  if (bytes === undefined)
    return invalid(name, `invalid size: '${value}'`, "sizes look like 64M, 1.5G or -1");
  return String(bytes);
}

function invalid(name: string, what: string, hint?: string): never {
  throw new UsageError(`invalid value for ${name}: ${what}`, { hint });
}
