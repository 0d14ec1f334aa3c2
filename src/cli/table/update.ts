/** `update` with its many options. */
import type { CommandSpec, OptionSpec } from "../table.ts";

function limit(name: string, value: string, text: string): OptionSpec {
  return { name, value, text };
}

/** The command. */
export const UPDATE: CommandSpec = {
  name: "update",
  args: "ID",
  min: 1,
  max: 1,
  text: "change limits of a container; what is not given stays, and if one is refused, all stay",
  options: [
    {
      name: "resources",
      short: "r",
      value: "file",
      text: "linux.resources as JSON, - for standard input; then the other options are ignored",
    },
    limit("blkio-weight", "weight", "share of block devices, 10 to 1000"),
    limit("cpu-period", "us", "length of a period of --cpu-quota"),
    limit("cpu-quota", "us", "processor time in a period; -1 is no limit"),
    limit("cpu-burst", "us", "what may be saved from one period for the next"),
    limit("cpu-share", "shares", "share of the processors, 2 to 262144"),
    limit("cpu-rt-period", "us", "length of a period of --cpu-rt-runtime"),
    limit("cpu-rt-runtime", "us", "realtime processor time in a period"),
    limit("cpu-idle", "0|1", "1 gives only what nobody else wants"),
    limit("cpuset-cpus", "list", "the processors, such as 0-3,7"),
    limit("cpuset-mems", "list", "the memory nodes"),
    limit("memory", "size", "memory, such as 64M; -1 is no limit, for swap neither"),
    limit("memory-reservation", "size", "what is left to it where memory is short"),
    limit("memory-swap", "size", "memory and swap together; -1 is no limit"),
    limit("kernel-memory", "size", "ignored: kernel memory has no limit of its own"),
    limit("kernel-memory-tcp", "size", "ignored: kernel memory has no limit of its own"),
    limit("pids-limit", "n", "processes and threads; -1 is no limit"),
    limit("l3-cache-schema", "schema", "share of the L3 cache in its class of Intel RDT, such as L3:0=f"),
    limit("mem-bw-schema", "schema", "its memory bandwidth there, such as MB:0=70"),
  ],
};
