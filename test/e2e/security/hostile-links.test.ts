/** Every command over images in which a folder that a runtime deals with is a link. */
import t from "tap";
import { openHost } from "../support/host.ts";
import { LINKED_FOLDERS } from "../support/hostile-images.ts";
import { outsideOf } from "../support/outside-bundle.ts";
import { some } from "../support/slow.ts";
import { unchangedBy } from "../support/verbs.ts";

const host = openHost({ only: "tsrun" });
const around = outsideOf(host);

for (const image of some(t, LINKED_FOLDERS, 9)) {
  t.test(image.name, (t) =>
    unchangedBy(t, host, around, image, (config) => {
      // The image's own /dev, but for the terminals.
      config.mounts = config.mounts.filter(({ destination }) => /^\/(proc|sys|dev\/pts)$/.test(destination));
    }),
  );
}

await host.end();
