/** podman's pods, its own and those that Kubernetes' files describe. */
import { until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { hasSeccomp, type RuntimeName } from "./corner.ts";
import { call, IMAGE, inspect, must } from "./engine.ts";
import { removeCgroups } from "./leftovers.ts";
import type { Podman } from "./podman.ts";

/** A call with a runtime chosen for whatever it makes. */
function chosen(podman: Podman, runtime: RuntimeName, ...words: readonly string[]): Promise<string> {
  return podman.corner.must("podman", [...podman.chosen(runtime), ...words]);
}

async function pod(podman: Podman, runtime: RuntimeName): Promise<string> {
  const [name, member] = [podman.corner.name(), podman.corner.name()];
  const parent = ["--cgroup-parent", `/${podman.corner.tag}`];
  await chosen(podman, runtime, "pod", "create", "--name", name, ...parent);
  try {
    for (const each of [member, `${member}-2`]) {
      await chosen(podman, runtime, ...["run", "-d", "--pod", name, "--name", each], ...SLEEPER);
    }
    const [one, two] = await Promise.all(
      [member, `${member}-2`].map((each) =>
        chosen(
          podman,
          runtime,
          "exec",
          each,
          "sh",
          "-c",
          "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc",
        ),
      ),
    );
    const infra = await chosen(
      podman,
      runtime,
      "pod",
      "inspect",
      "--format",
      "{{.State}} {{.NumContainers}}",
      name,
    );
    await chosen(podman, runtime, "pod", "pause", name);
    await chosen(podman, runtime, "pod", "unpause", name);
    await chosen(podman, runtime, "pod", "stop", "-t", "0", name);
    await chosen(podman, runtime, "pod", "start", name);
    const again = await inspect(podman, member, "{{.State.Status}}");
    return `${infra}, ${one === two ? "one network" : `${one} and ${two}`}, again ${again}`;
  } finally {
    await removePod(podman, name);
  }
}

/** Removes a pod. podman removes its cgroup in the controllers it knows; runc leaves it in the other hierarchies. */
async function removePod(podman: Podman, name: string): Promise<void> {
  const id = await must(podman, ["pod", "inspect", "--format", "{{.ID}}", name]);
  await call(podman, ["pod", "rm", "-f", "-t", "0", name]);
  removeCgroups(id);
}

const SLEEPER = [IMAGE, "sleep", "1000"];

/** A pod as Kubernetes writes it. */
function kubernetes(name: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      annotations: hasSeccomp() ? {} : { "seccomp.security.alpha.kubernetes.io/pod": "unconfined" },
    },
    spec: {
      restartPolicy: "Never",
      containers: [
        {
          name: "main",
          image: `localhost/${IMAGE}`,
          command: [
            "/bin/sh",
            "-c",
            'echo "$WORD $(/bin/id -u)"; /bin/cat /sys/fs/cgroup/memory/memory.limit_in_bytes',
          ],
          env: [{ name: "WORD", value: "played" }],
          resources: { limits: { memory: "32Mi" } },
          securityContext: { runAsUser: 1000, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
        },
      ],
    },
  });
}

async function playKube(podman: Podman, runtime: RuntimeName): Promise<string> {
  const name = podman.corner.name();
  const file = podman.corner.file(`${name}.json`, kubernetes(name));
  await chosen(podman, runtime, "play", "kube", "--network", "none", file);
  try {
    const state = await until("the pod's end", async () => {
      const status = await inspect(podman, `${name}-main`, "{{.State.Status}} {{.State.ExitCode}}");
      return status.startsWith("exited") && status;
    });
    return `${state}: ${(await call(podman, ["logs", `${name}-main`])).stdout.trim()}`;
  } finally {
    await removePod(podman, name);
  }
}

/** All of them. */
export const PODS: readonly Case<Podman>[] = [
  { name: "a pod", expect: "Running 3, one network, again running", run: pod },
  { name: "play kube", expect: "exited 0: played 1000\n33554432", run: playKube },
];
