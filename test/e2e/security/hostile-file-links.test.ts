/** Every command over images in which a file that a runtime deals with is a link. */
import t from "tap";
import { openHost } from "../support/host.ts";
import { LINKED_FILES } from "../support/hostile-images.ts";
import { outsideOf } from "../support/outside-bundle.ts";
import { some } from "../support/slow.ts";
import { unchangedBy } from "../support/verbs.ts";

const host = openHost({ only: "tsrun" });
const around = outsideOf(host);

for (const image of some(t, LINKED_FILES, 6)) {
  t.test(image.name, (t) =>
    unchangedBy(t, host, around, image, (config) => {
      // The image's own /dev, but for the terminals.
      config.mounts = config.mounts.filter(({ destination }) => /^\/(proc|sys|dev\/pts)$/.test(destination));
    }),
  );
}

await host.end();
