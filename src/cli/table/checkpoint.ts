/** `checkpoint` and `restore`. */
import type { CommandSpec, OptionSpec } from "../table.ts";
import { BUNDLE } from "./options.ts";

const IMAGE: OptionSpec = {
  name: "image-path",
  value: "dir",
  text: "the image's folder (default: checkpoint)",
};
const WORK: OptionSpec = {
  name: "work-path",
  value: "dir",
  text: "folder of criu's log (default: the image's)",
};

/** What both have. */
const SHARED: readonly OptionSpec[] = [
  { name: "tcp-established", text: "keep open TCP connections" },
  { name: "ext-unix-sk", text: "allow connections to unix sockets outside" },
  { name: "shell-job", text: "allow the terminal of whoever started it" },
  { name: "file-locks", text: "keep locks of files" },
  {
    name: "manage-cgroups-mode",
    value: "soft|full|strict|ignore",
    text: "how criu treats cgroups (default: soft)",
  },
  {
    name: "empty-ns",
    value: "network",
    repeat: true,
    text: "network: always so, its contents are not criu's",
  },
  { name: "auto-dedup", text: "remove from parent images what later ones hold" },
  { name: "lazy-pages", text: "move memory when it is used (userfaultfd)" },
];

/** The commands. */
export const CHECKPOINT_COMMANDS: readonly CommandSpec[] = [
  {
    name: "checkpoint",
    args: "ID",
    min: 1,
    max: 1,
    text: "write a running container to files, by criu, and take it away",
    options: [
      IMAGE,
      WORK,
      { name: "parent-path", value: "dir", text: "image of a --pre-dump, seen from the image's folder" },
      { name: "leave-running", text: "let it go on" },
      { name: "pre-dump", text: "write its memory only, and let it go on" },
      { name: "page-server", value: "address:port", text: "send its memory there" },
      { name: "status-fd", value: "fd", text: "gets a NUL when lazy pages can be fetched" },
      ...SHARED,
    ],
  },
  {
    name: "restore",
    args: "ID",
    min: 1,
    max: 1,
    text: "let a container go on that was written to files; exits with its code",
    options: [
      BUNDLE,
      IMAGE,
      WORK,
      { name: "console-socket", value: "path", text: "send the container's terminal to this socket" },
      { name: "pid-file", value: "file", text: "write the first process's pid there" },
      { name: "detach", short: "d", text: "return when the container runs" },
      { name: "no-subreaper", text: "leave processes that lose their parent to others" },
      { name: "no-pivot", text: "accepted: criu enters the root its own way" },
      { name: "lsm-profile", value: "type:name", text: "another AppArmor profile or SELinux label" },
      { name: "lsm-mount-context", value: "label", text: "another SELinux label for its mounts" },
      ...SHARED,
    ],
  },
];
