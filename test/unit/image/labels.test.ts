/** Labels of images that become no annotations. */
import t from "tap";
import { isObeyed, leftOut } from "../../../src/image/labels.ts";

t.test("what somebody obeys is told from what an image says of itself", async (t) => {
  for (const name of [
    "org.tsrun.overlay.store",
    "org.systemd.property.ExecStartPre",
    "ORG.systemd.Property.KillSignal",
    "org.criu.config",
    "run.oci.handler",
    "Run.OCI.keep_original_groups",
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri-o.Devices",
    "io.kubernetes.pod.name",
    "io.containerd.runc.v2.group",
    "io.podman.annotations.privileged",
    "io.containers.trace-syscall",
    "io.katacontainers.config.hypervisor.path",
    "module.wasm.image/variant",
    "krun.use_passt",
    "dev.gvisor.spec.mount.a.source",
    "cdi.k8s.io/gpu",
    "nvidia.cdi.k8s.io/gpu",
    "container.apparmor.security.beta.kubernetes.io/x",
    "cpu-quota.crio.io",
    "irq-load-balancing.crio.io/pod",
    "devices.nri.io/container.x",
  ]) {
    t.ok(isObeyed(name), name);
  }
  for (const name of [
    "maintainer",
    "org.opencontainers.image.title",
    "org.opencontainers.image.stopSignal",
    "org.label-schema.name",
    "org.tsrunner.x",
    "com.example.run.oci.x",
    "com.nvidia.cudnn.version",
    "io.buildah.version",
    "io.k8s.description",
    "io.openshift.tags",
    "__proto__",
    "",
  ]) {
    t.notOk(isObeyed(name), name);
  }
});

t.test("the line names them, not too many and none too long", async (t) => {
  t.equal(leftOut([]), undefined);
  t.match(leftOut(["run.oci.x"]), /^1 label of the image was left out, .*: run\.oci\.x$/);
  const many = Array.from({ length: 5000 }, (_, index) => `run.oci.${index}.${"x".repeat(500)}`);
  const line = leftOut(many) ?? "";
  t.ok(line.length < 1300, `${line.length} characters`);
  t.match(line, /^5000 labels of the image were left out.* and 4990 more$/);
});
