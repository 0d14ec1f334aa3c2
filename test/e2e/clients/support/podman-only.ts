/** What podman has and Docker has not: pods, files of Kubernetes, mappings of users, checks of health by hand. */
import { mkdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { call, IMAGE, inside, inspect, lineOf, run, running } from "./engine.ts";
import type { Podman } from "./podman.ts";

const SLEEPER = [IMAGE, "sleep", "1000"];

/** All of them. */
export const PODMAN_ONLY: readonly Case<Podman>[] = [
  inside(
    "--uidmap",
    ["--uidmap", "0:100000:65536"],
    "cat /proc/self/uid_map | tr -s ' '; id -u",
    "0 0 100000 65536\n0",
  ),
  inside(
    "--uidmap with --user, a tmpfs and a volume",
    ["--uidmap", "0:100000:65536", "--user", "1000", "--tmpfs", "/mnt:mode=1777", "-v", "/made-by-podman"],
    "touch /mnt/x; stat -c %u /mnt/x; df /made-by-podman | wc -l",
    "0 1000\n2",
  ),
  {
    name: "-v idmap",
    expect: /^1 65534 65534 .*Permission denied/,
    otherwise: { expect: "0 0 0\n0", why: "runc 1.1 takes the option for the filesystem's" },
    run: async (podman, runtime) => {
      const folder = join(podman.corner.dir, podman.corner.name());
      mkdirSync(folder);
      const options = ["--rm", "--uidmap", "0:100000:65536", "-v", `${folder}:/mnt:idmap`];
      const script = "stat -c '%u %g' /mnt; touch /mnt/made && stat -c %u /mnt/made";
      return lineOf(await run(podman, runtime, [...options, IMAGE, "sh", "-c", script]));
    },
  },
  inside(
    "--annotation with what names folders of the host",
    ({ corner }) => [
      ...["--annotation", `org.tsrun.overlay.store=${corner.dir}`],
      ...["--annotation", `org.tsrun.overlay.lower=${"a".repeat(32)}`],
    ],
    "echo ok",
    "0 ok",
  ),
  inside("--userns host", ["--userns", "host"], "tr -s ' ' < /proc/self/uid_map", "0 0 0 4294967295"),
  {
    name: "--userns container",
    expect: "the same",
    run: (podman, runtime) =>
      running(podman, runtime, ["--uidmap", "0:100000:65536", ...SLEEPER], async (name) => {
        const pid = await inspect(podman, name, "{{.State.Pid}}");
        const words = ["--rm", "--userns", `container:${name}`, IMAGE, "readlink", "/proc/self/ns/user"];
        const seen = lineOf(await run(podman, runtime, words));
        return seen === `0 ${readlinkSync(`/proc/${pid}/ns/user`)}` ? "the same" : seen;
      }),
  },
  inside(
    "--security-opt mask and unmask",
    ["--security-opt", "mask=/etc", "--security-opt", "unmask=/proc/timer_list"],
    "ls /etc | wc -w; head -n 1 /proc/timer_list | wc -l",
    "0 0\n1",
  ),
  inside(
    "--security-opt proc-opts",
    ["--security-opt", "proc-opts=hidepid=2"],
    "grep -c '^proc /proc proc .*hidepid=' /proc/mounts",
    "0 1",
  ),
  inside("--umask", ["--umask", "0077"], "umask; touch /x; stat -c %a /x", "0 0077\n600"),
  inside("--timeout", ["--timeout", "1"], "sleep 100", "255"),
  {
    name: "--preserve-fds",
    expect: "0 given",
    run: async (podman, runtime) => {
      const words = [
        ...podman.making(runtime, "run"),
        "--rm",
        "--preserve-fds",
        "1",
        IMAGE,
        "sh",
        "-c",
        "cat <&3",
      ];
      const file = podman.corner.file(podman.corner.name(), "given");
      return lineOf(await podman.corner.call("sh", ["-c", 'exec 3<"$0"; exec podman "$@"', file, ...words]));
    },
  },
  {
    name: "--rootfs",
    expect: "0 ok",
    run: async (podman, runtime) =>
      lineOf(
        await podman.corner.call("podman", [
          ...podman.making(runtime, "run"),
          "--rm",
          "--rootfs",
          `${podman.corner.rootfs}:O`,
          "echo",
          "ok",
        ]),
      ),
  },
  {
    name: "--restart on-failure",
    expect: "2 restarts",
    run: (podman, runtime) =>
      running(podman, runtime, ["--restart", "on-failure:2", IMAGE, "false"], async (name) =>
        until("the restarts", async () => {
          const count = await inspect(podman, name, "{{.RestartCount}} {{.State.Status}}");
          return count === "2 exited" && "2 restarts";
        }),
      ),
  },
  {
    name: "--userns auto",
    expect: /^0 1024$/,
    lacking: /subuid ranges/,
    run: async (podman, runtime) =>
      lineOf(
        await run(podman, runtime, [
          "--rm",
          "--userns",
          "auto:size=1024",
          IMAGE,
          "sh",
          "-c",
          "tr -s ' ' < /proc/self/uid_map | cut -d' ' -f4",
        ]),
      ),
  },
  inside("--privileged", ["--privileged"], "grep -c CapEff /proc/self/status", "0 1"),
  {
    name: "healthcheck run",
    expect: "0 then 1",
    run: (podman, runtime) =>
      running(
        podman,
        runtime,
        ["--health-cmd", "test ! -e /ill", "--health-interval", "disable", ...SLEEPER],
        async (c) => {
          const well = await call(podman, ["healthcheck", "run", c]);
          await call(podman, ["exec", c, "touch", "/ill"]);
          const ill = await call(podman, ["healthcheck", "run", c]);
          return `${well.code} then ${ill.code}`;
        },
      ),
  },
  {
    name: "init, and start later",
    expect: "initialized, started",
    run: async (podman, runtime) => {
      const name = podman.corner.name();
      await podman.corner.must("podman", [
        ...podman.making(runtime, "create"),
        "--name",
        name,
        IMAGE,
        "echo",
        "started",
      ]);
      try {
        await podman.corner.must("podman", [...podman.chosen(runtime), "init", name]);
        const state = await inspect(podman, name, "{{.State.Status}}");
        return `${state}, ${await podman.corner.must("podman", [...podman.chosen(runtime), "start", "-a", name])}`;
      } finally {
        await call(podman, ["rm", "-f", name]);
      }
    },
  },
  {
    name: "--pidfile",
    expect: /^0 [1-9]/,
    run: async (podman, runtime) => {
      const file = join(podman.corner.dir, `${podman.corner.name()}.pid`);
      const { readFileSync } = await import("node:fs");
      return running(
        podman,
        runtime,
        ["--pidfile", file, ...SLEEPER],
        async () => `0 ${readFileSync(file, "utf8")}`,
      );
    },
  },
];
