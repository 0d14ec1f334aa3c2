/** Which of an image's platforms is wanted (image-spec image-index.md, platform). Pure. */
import { ImageError } from "./error.ts";

/** A platform as Go names it. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** Go's names of architectures by those of JavaScript engines. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  arm64: "arm64",
  arm: "arm",
  ppc64: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
};

/** The platform of an engine's `process.arch`. */
export function hostPlatform(arch: string): Platform {
  return { os: "linux", architecture: ARCHITECTURES[arch] ?? arch };
}

/** Reads `linux/arm64`, `linux/arm/v7` or `arm64`. @throws ImageError `format` */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw new ImageError(
      "format",
      `${JSON.stringify(text)} is no platform`,
      "one is written linux/amd64 or linux/arm/v7",
    );
  }
  if (parts.length === 1) return { os: "linux", architecture: parts[0] ?? "" };
  const [os = "", architecture = "", variant] = parts;
  return { os, architecture, variant };
}

/** Whether an image's platform will do for the wanted one; variants count where both are given. */
export function fits(wanted: Platform, offered: Platform): boolean {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return false;
  return wanted.variant === undefined || offered.variant === undefined || wanted.variant === offered.variant;
}

/** A platform in a message. */
export function platformText({ os, architecture, variant }: Platform): string {
  return variant === undefined || variant === ""
    ? `${os}/${architecture}`
    : `${os}/${architecture}/${variant}`;
}
