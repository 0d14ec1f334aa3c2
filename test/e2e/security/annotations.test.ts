/** Annotations, which engines fill from images: none brings a device, a mount, a hook or a file of the host. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { fakeCriu } from "../support/fake-criu.ts";
import { messageOf, openHost } from "../support/host.ts";

const host = openHost({ only: "tsrun" });
const proof = join(host.dir, "proof");
writeFileSync(join(host.dir, "program"), `#!/bin/sh\nid > ${proof}\n`, { mode: 0o755 });

/** What other programs of this field act on. */
const ACTING: Readonly<Record<string, string>> = {
  "cdi.k8s.io/device": "vendor.com/device=all",
  "io.containerd.cri.container-logger": `binary://${host.dir}/program`,
  "containerd.io/restart.loguri": `binary://${host.dir}/program`,
  "run.oci.hooks.stdout": proof,
  "run.oci.hooks.stderr": proof,
  "run.oci.handler": "krun",
  "run.oci.mount_context_type": "context",
  "run.oci.seccomp.receiver": `${host.dir}/socket`,
  "run.oci.delegate-cgroup": "x",
  "run.oci.keep_original_groups": "1",
  "io.podman.annotations.privileged": "TRUE",
  "io.kubernetes.cri-o.Devices": "/dev/kmsg:/dev/kmsg:rwm",
  "io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel": "true",
  "org.opencontainers.image.stopSignal": "SIGUSR1; id",
  "module.wasm.image/variant": "compat",
  "org.tsrun.overlay.store": "/",
  "org.tsrun.overlay.lower": "0".repeat(32),
};

t.test("CVE-2026-53488, CVE-2026-53492: names that others act on change nothing", async (t) => {
  const questions = ["devices", "mounts", "caps", "nnp"] as const;
  const plain = await host.ask(questions);
  const annotated = await host.ask(questions, (config) => {
    config.annotations = { ...ACTING };
  });
  const without = (answers: readonly unknown[]): string =>
    JSON.stringify(answers).replaceAll(/\/b[0-9]+\//g, "/b/");
  t.equal(without(annotated), without(plain));
  t.throws(() => readFileSync(proof), { code: "ENOENT" });
});

t.test(
  "CVE-2026-53492, CVE-2026-53489: what a checkpoint says beside criu's files counts for nothing",
  async (t) => {
    const bundle = host.bundle((config) => {
      config.annotations = { own: "1" };
    });
    const image = join(host.dir, "image");
    mkdirSync(image);
    const secret = join(host.dir, "secret");
    writeFileSync(secret, "secret", { mode: 0o600 });
    writeFileSync(join(image, "descriptors.json"), '["/dev/null","/dev/null","/dev/null"]');
    writeFileSync(join(image, "inventory.img"), "image");
    const acting = JSON.stringify({
      annotations: ACTING,
      hooks: { prestart: [{ path: `${host.dir}/program` }] },
    });
    for (const name of ["config.json", "spec.dump", "config.dump", "status.dump"])
      writeFileSync(join(image, name), acting);
    for (const name of ["container.log", "stats.json"]) symlinkSync(secret, join(image, name));
    const args = ["restore", "--detach", "-b", bundle.dir, "--image-path", image, host.id()];
    const outcome = await host.call(args, fakeCriu(host));
    t.match(messageOf(outcome), /^criu failed: type RESTORE .*inventory.img: image; log file: /);
    t.notMatch(readFileSync(join(image, "restore.log"), "utf8"), /secret/);
    t.equal(readFileSync(secret, "utf8"), "secret");
    t.throws(() => readFileSync(proof), { code: "ENOENT" });
  },
);

t.test("criu's configuration may lie in /etc/criu alone", async (t) => {
  for (const path of [
    join(host.dir, "program"),
    "/etc/criu/../shadow",
    "/etc/criu/a/b",
    "criu.conf",
    "/etc/criu/..",
  ]) {
    const bundle = host.bundle((config) => {
      config.annotations = { "org.criu.config": path };
    });
    const image = join(host.dir, "image");
    const args = ["restore", "--detach", "-b", bundle.dir, "--image-path", image, host.id()];
    const outcome = await host.call(args, fakeCriu(host));
    t.match(
      messageOf(outcome),
      /is not in \/etc\/criu \(config\.json#\/annotations\/org\.criu\.config\)/,
      path,
    );
  }
});

await host.end();
