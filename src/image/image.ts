/** An image as the rest of this room sees it, whatever it was stored in. */
import type { Content } from "./content.ts";
import type { Node } from "./json.ts";

/** A layer. */
export interface Layer {
  /** As it is stored, perhaps compressed. */
  readonly content: Content;
  /** Of what is stored, where the image says so. */
  readonly digest: string | undefined;
  /** Of the tar archive inside (image-spec config.md, rootfs.diff_ids); `undefined` of a root filesystem that is no image. */
  readonly diffId: string | undefined;
}

/** What becomes a bundle. */
export interface Image {
  /** What it is called, for messages and `image ls`. */
  readonly name: string;
  /** What it is: the digest of its configuration. */
  readonly id: string | undefined;
  /** The image's configuration (image-spec config.md); `undefined` of a root filesystem that is no image. */
  readonly config: Node | undefined;
  /** The lowest first. */
  readonly layers: readonly Layer[];
}

/** Which image of several. */
export interface Choice {
  /** `--image` */
  readonly image: string | undefined;
  /** `--platform` */
  readonly platform: string | undefined;
}
