/** podman with conmon: what its commands do with runc and with tsrun. */
import { both } from "./support/both.ts";
import { ENDS } from "./support/ends.ts";
import { call } from "./support/engine.ts";
import { KILLING } from "./support/killing-podman.ts";
import { LIVING } from "./support/living.ts";
import { LOAD } from "./support/load.ts";
import { LOOKING } from "./support/looking.ts";
import { OPTIONS } from "./support/options.ts";
import { openPodman } from "./support/podman.ts";
import { PODMAN_ONLY } from "./support/podman-only.ts";
import { PODS } from "./support/pods.ts";
import { SECURITY } from "./support/security.ts";

const podman = await openPodman();
await both(podman, SECURITY);
await both(podman, OPTIONS);
await both(podman, ENDS);
await both(podman, LIVING);
await both(podman, LOOKING);
await both(podman, PODMAN_ONLY);
await both(podman, PODS);
await both(podman, LOAD);
await both(podman, KILLING);
await podman.corner.end(async () => void (await call(podman, ["rm", "-f", "-a", "-t", "0"])));
