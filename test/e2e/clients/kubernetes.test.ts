/** Kubernetes' side of containerd (the CRI), driven as a kubelet does it: a handler for runc and one for tsrun. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupsOf, until } from "../support/outside.ts";
import { both, type Case } from "./support/both.ts";
import type { RuntimeName } from "./support/corner.ts";
import { type ContainerWish, type Kubelet, openKubelet, type Pod } from "./support/kubelet.ts";
import { counted } from "./support/load.ts";

const kubelet = await openKubelet();
const { corner } = kubelet;
const SLEEPER: ContainerWish = { command: ["/bin/sleep", "1000"] };
const MEMORY = 4;

const script = (text: string): ContainerWish => ({ command: ["/bin/sh", "-c", text] });

/** A case about one pod. */
function inPod(
  name: string,
  expect: string | RegExp,
  use: (pod: Pod, runtime: RuntimeName) => Promise<string>,
): Case<Kubelet> {
  return { name, expect, run: (_, runtime) => kubelet.pod(runtime, (pod) => use(pod, runtime)) };
}

/** A container's end as one line: state, exit code, reason, and what it wrote. */
async function endOf(pod: Pod, wish: ContainerWish): Promise<string> {
  const id = await pod.start(wish);
  const { state, exitCode, reason } = await kubelet.ended(id);
  return `${state} ${exitCode} ${reason} ${pod.log(id)}`.trim();
}

function memoryLimit(id: string): string {
  const folder = cgroupsOf(id).find((path) => /memory/.test(path)) ?? cgroupsOf(id)[0] ?? "";
  for (const file of ["memory.limit_in_bytes", "memory.max"]) {
    try {
      return readFileSync(join(folder, file), "utf8").trim();
    } catch {
      // The other cgroup version's.
    }
  }
  return `no limit in ${folder}`;
}

const PODS: readonly Case<Kubelet>[] = [
  inPod("a container runs to its end", "exited 7 Error hi", (pod) => endOf(pod, script("echo hi; exit 7"))),
  inPod("it completes", "exited 0 Completed 1", (pod) =>
    endOf(pod, { ...script("echo $A"), env: [["A", "1"]] }),
  ),
  inPod("the first process of the pod is the pod's own", "exited 0 Completed sleep", (pod) =>
    endOf(pod, script("cat /proc/1/comm")),
  ),
  inPod("run as a user", "exited 0 Completed 1234", (pod) =>
    endOf(pod, { ...script("id -u"), security: [[5, [[1, 1234]]]] }),
  ),
  inPod("a root that cannot be written to", /^exited 1 Error .*Read-only/, (pod) =>
    endOf(pod, { ...script("touch /x 2>&1"), security: [[7, true]] }),
  ),
  inPod("exec: output and exit code", "out err 3", async (pod) => {
    const id = await pod.start(SLEEPER);
    const ended = await kubelet.call("ExecSync", [
      [1, id],
      ...["/bin/sh", "-c", "echo out; echo err >&2; exit 3"].map((word) => [2, word] as const),
      [3, 10],
    ]);
    return `${ended.text(1)?.trim()} ${ended.text(2)?.trim()} ${ended.number(3)}`;
  }),
  inPod("limits, and others later", "20971520 then 31457280", async (pod) => {
    const id = await pod.start({ ...SLEEPER, resources: [[MEMORY, 20 << 20]] });
    const first = memoryLimit(id);
    await kubelet.call("UpdateContainerResources", [
      [1, id],
      [2, [[MEMORY, 30 << 20]]],
    ]);
    return `${first} then ${memoryLimit(id)}`;
  }),
  inPod("statistics", "more than nothing", async (pod) => {
    const id = await pod.start(SLEEPER);
    const stats = (await kubelet.call("ContainerStats", [[1, id]])).message(1);
    const used = stats?.message(3)?.message(2)?.number(1) ?? 0;
    return used > 0 ? "more than nothing" : String(used);
  }),
  inPod("the memory limit", /^exited 137 (OOMKilled|Error)/, (pod) =>
    endOf(pod, { ...script("tail /dev/zero; exit 137"), resources: [[MEMORY, 20 << 20]] }),
  ),
  inPod("stop: asked, then killed", "exited 143, exited 137", async (pod) => {
    const answers: string[] = [];
    for (const trap of ["exit 143", ""]) {
      const id = await pod.start(script(`trap "${trap}" TERM; echo ready; while :; do sleep 0.1; done`));
      await until("the trap", () => pod.log(id) === "ready");
      await kubelet.call("StopContainer", [
        [1, id],
        [2, 1],
      ]);
      const { state, exitCode } = await kubelet.status(id);
      answers.push(`${state} ${exitCode}`);
    }
    return answers.join(", ");
  }),
  inPod("a program that is not there", /exec: "\/nope": stat \/nope: no such file or directory/, (pod) =>
    pod.start({ command: ["/nope"] }).catch((error: unknown) => String(error)),
  ),
];

const AT_ONCE = 10;

const LOAD: Case<Kubelet> = {
  name: `${AT_ONCE} pods at once`,
  expect: `${AT_ONCE} times exited 3 Error done`,
  run: async (_, runtime) =>
    counted(
      await Promise.all(
        Array.from({ length: AT_ONCE }, () =>
          kubelet.pod(runtime, (pod) => endOf(pod, script("echo done; exit 3"))),
        ),
      ),
    ),
};

await both(kubelet, PODS);
await both(kubelet, [LOAD]);
await corner.end(async () => {
  await until("no container's cgroup", () => cgroupsOf(`${corner.tag}/`).length === 0).catch(() => undefined);
});
