/** systemd's errors as tsrun's. */
import { SystemError } from "../../error.ts";
import { BusError } from "../../sys/dbus.ts";

/** The errno for what systemd answered, as sd-bus maps its errors (sd-bus-errors(3), bus-common-errors.c). */
const ERRNOS: Readonly<Record<string, string>> = {
  "org.freedesktop.systemd1.NoSuchUnit": "ENOENT",
  "org.freedesktop.systemd1.NoSuchProcess": "ESRCH",
  "org.freedesktop.systemd1.UnitExists": "EEXIST",
  "org.freedesktop.systemd1.TransactionIsDestructive": "EDEADLK",
  "org.freedesktop.DBus.Error.AccessDenied": "EACCES",
  "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": "EACCES",
  "org.freedesktop.DBus.Error.PropertyReadOnly": "EROFS",
  "org.freedesktop.DBus.Error.NoReply": "ETIMEDOUT",
  "org.freedesktop.DBus.Error.ServiceUnknown": "ENOENT",
  "org.freedesktop.DBus.Error.UnknownMethod": "ENOSYS",
};

/** What systemd answered as the error that tsrun throws; other errors as they are. */
export function refused(verb: string, what: string, error: unknown): unknown {
  if (!(error instanceof BusError)) return error;
  const errno = ERRNOS[error.code] ?? "EINVAL";
  return new SystemError(error.code, errno, what, {
    doing: `systemd refuses to ${verb} ${what}: ${error.message}`,
    pointer: "/linux/cgroupsPath",
    hint: errno === "EACCES" ? "a user may make units with his own manager only" : undefined,
  });
}
