/** linux.resources.blockIO (config-linux.md, block IO). */
import type { Fields } from "../fields.ts";
import type { BlockIO, Throttle } from "../types.ts";
import { decodeDeviceNumbers } from "./devices.ts";

/** @throws BundleError */
export function decodeBlockIO(fields: Fields): BlockIO {
  return {
    weight: decodeWeight(fields, "weight"),
    leafWeight: decodeWeight(fields, "leafWeight"),
    weightDevice: fields.objects("weightDevice", (at) => ({
      ...decodeDeviceNumbers(at),
      weight: decodeWeight(at, "weight"),
      leafWeight: decodeWeight(at, "leafWeight"),
    })),
    throttleReadBpsDevice: fields.objects("throttleReadBpsDevice", decodeThrottle),
    throttleWriteBpsDevice: fields.objects("throttleWriteBpsDevice", decodeThrottle),
    throttleReadIOPSDevice: fields.objects("throttleReadIOPSDevice", decodeThrottle),
    throttleWriteIOPSDevice: fields.objects("throttleWriteIOPSDevice", decodeThrottle),
  };
}

/** From 10 to 1000, and 0 is "not set": engines write it. @throws BundleError `range` */
function decodeWeight(fields: Fields, name: string): number | undefined {
  const weight = fields.int(name, 0, 1000);
  if (weight === 0 || weight === undefined) return undefined;
  if (weight < 10) fields.fail("range", name, `${name} must be from 10 to 1000, not ${weight}`);
  return weight;
}

function decodeThrottle(fields: Fields): Throttle {
  return { ...decodeDeviceNumbers(fields), rate: fields.must("rate", fields.u64("rate")) };
}
