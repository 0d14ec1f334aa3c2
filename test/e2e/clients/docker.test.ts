/** dockerd with its own containerd: what its commands do with runc and with tsrun. */
import { both } from "./support/both.ts";
import { openDocker } from "./support/docker.ts";
import { DOCKER_ONLY } from "./support/docker-only.ts";
import { ENDS } from "./support/ends.ts";
import { KILLING } from "./support/killing.ts";
import { LIVING } from "./support/living.ts";
import { LOAD } from "./support/load.ts";
import { LOOKING } from "./support/looking.ts";
import { OPTIONS } from "./support/options.ts";
import { SECURITY } from "./support/security.ts";

const docker = await openDocker();
await both(docker, SECURITY);
await both(docker, OPTIONS);
await both(docker, ENDS);
await both(docker, LIVING);
await both(docker, LOOKING);
await both(docker, DOCKER_ONLY);
await both(docker, LOAD);
await both(docker, KILLING, "apart");
await docker.corner.end(async () => undefined);
