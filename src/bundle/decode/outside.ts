/** linux.netDevices and linux.intelRdt (config-linux.md). */
import { Fields } from "../fields.ts";
import type { IntelRdt, NetDevice } from "../types-outside.ts";

/** The devices in config.json's order. @throws BundleError `type` */
export function decodeNetDevices(fields: Fields, name: string): readonly NetDevice[] {
  const members = fields.members(name);
  if (members.length === 0) return [];
  const devices = new Fields(fields.decoding, Object.fromEntries(members), name, fields);
  return members.map(([hostName]) => ({
    hostName,
    name: devices.section(hostName, (device) => device.string("name")),
  }));
}

/** @throws BundleError `type` */
export function decodeIntelRdt(fields: Fields): IntelRdt {
  for (const old of ["enableCMT", "enableMBM"]) {
    if (fields.bool(old) !== true) continue;
    const text = `${old} is no more since version 1.3 of the specification, and is ignored`;
    fields.decoding.warn(fields.at(old), text, "enableMonitoring makes a monitoring group for the container");
  }
  return {
    closID: fields.string("closID"),
    l3CacheSchema: fields.string("l3CacheSchema"),
    memBwSchema: fields.string("memBwSchema"),
    schemata: fields.strings("schemata"),
    enableMonitoring: fields.bool("enableMonitoring") ?? false,
  };
}
