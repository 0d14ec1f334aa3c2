/** The order in which the kernel and systemd learn of a living container's new device rules. */
import { TsrunError } from "../error.ts";

/** New device rules, as far as they can be prepared. */
export interface DeviceChange {
  /** Is done last, so that nothing has to bring the old rules back. @throws SystemError; then the old rules hold */
  change(): void;
  /**
   * The same where somebody else writes the rules, too, before `change`; answers what brings the old ones back, unless they allowed
   * everything, of which nobody can read the exceptions.
   */
  begin?(): () => void;
  close(): void;
}

/**
 * On v1 systemd writes its own list into the same files, and takes the folder away where it has none. So it is told only of what the
 * kernel has taken, and what is exact is written once more after it.
 *
 * @param tell tells systemd of it
 * @throws what either says; then the old rules hold
 */
export function changeWithUnit(devices: DeviceChange, tell: () => void): void {
  const putBack = devices.begin?.();
  try {
    tell();
    devices.change();
  } catch (error) {
    try {
      putBack?.();
    } catch (later) {
      if (error instanceof TsrunError && later instanceof Error) error.followedBy.push(later);
    }
    throw error;
  }
}
