/** Every command over images in which devices, pipes, huge files and folders stand in place of files, or names and programs are odd. */
import t from "tap";
import { openHost } from "../support/host.ts";
import { ODD } from "../support/hostile-images.ts";
import { outsideOf } from "../support/outside-bundle.ts";
import { some } from "../support/slow.ts";
import { unchangedBy } from "../support/verbs.ts";

const host = openHost({ only: "tsrun" });
const around = outsideOf(host);

for (const image of some(t, ODD, 5)) {
  t.test(image.name, (t) =>
    unchangedBy(t, host, around, image, (config) => {
      if (image.name.includes("/dev"))
        config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
    }),
  );
}

await host.end();
