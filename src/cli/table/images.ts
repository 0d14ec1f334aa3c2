/** The commands about images. */
import type { CommandSpec, OptionSpec } from "../table.ts";

const STORE: OptionSpec = {
  name: "store",
  value: "dir",
  text: "where layers are kept (default: /var/lib/tsrun, of an ordinary user $XDG_DATA_HOME/tsrun)",
};

const BUNDLE_OPTIONS: readonly OptionSpec[] = [
  { name: "image", short: "i", value: "name", text: "which image, where SOURCE holds several" },
  { name: "tag", value: "name", text: "the same" },
  { name: "platform", value: "os/arch", text: "for which platform (default: this host's)" },
  {
    name: "args",
    value: "word",
    repeat: true,
    emptyCounts: true,
    text: "a word of what is run, in the place of the image's Cmd",
  },
  { name: "entrypoint", value: "word", text: "what is run, in the place of the image's Entrypoint and Cmd" },
  { name: "env", short: "e", value: "name=value", repeat: true, text: "add to the environment" },
  {
    name: "user",
    short: "u",
    value: "user[:group]",
    text: "who runs it, as the image's /etc/passwd has it, or in digits",
  },
  { name: "cwd", short: "w", value: "dir", text: "where it runs" },
  { name: "hostname", value: "name", text: "the host name (default: tsrun)" },
  { name: "cap", short: "c", value: "name", repeat: true, text: "a further capability, such as CAP_CHOWN" },
  { name: "tty", short: "t", text: "give it a terminal" },
  { name: "readonly", text: "make the root read-only; the image's volumes become a tmpfs each" },
  { name: "memory", short: "m", value: "size", text: "limit of memory, such as 64M" },
  { name: "pids", value: "n", text: "limit of processes and threads" },
  { name: "cpus", value: "n", text: "how many processors' time, such as 1.5" },
  {
    name: "userns",
    value: "id:size",
    text: "in a user namespace whose ids are these of the host, such as 100000:65536",
  },
  { name: "no-devices", text: "leave the image's device nodes out; an ordinary user cannot make them" },
  {
    name: "max-size",
    value: "size",
    text: "unpack no more than this (default: what the filesystem has free)",
  },
  {
    name: "overlay",
    text: "keep the layers in the store, shared, and make the root an overlay of them; runc cannot run that",
  },
  STORE,
  { name: "quiet", short: "q", text: "say nothing that is no error" },
];

/** bundle and image. */
export const IMAGE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "bundle",
    args: "SOURCE DIR",
    min: 2,
    max: 2,
    text: "make a bundle of an image: a saved image, an OCI layout, or a root filesystem, as an archive or a folder, - for standard input",
    options: BUNDLE_OPTIONS,
  },
  {
    name: "image",
    args: "ls|rm|prune [IMAGE...]",
    min: 1,
    max: Number.POSITIVE_INFINITY,
    text: "list the images whose layers are kept, remove some, or remove all that no bundle uses",
    options: [
      STORE,
      { name: "format", short: "f", value: "format", text: "of ls: table or json (default: table)" },
      { name: "quiet", short: "q", text: "of ls: only the ids" },
    ],
  },
];
