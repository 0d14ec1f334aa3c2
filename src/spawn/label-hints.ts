/** What to do about a label that the kernel refused: read only after a failure. */
import { PLAN } from "../sys/constants.gen.ts";

const APPARMOR: { readonly [errno: string]: string } = {
  ENOENT: "the profile is not loaded: apparmor_parser -r FILE loads it, and aa-status lists those that are",
  EACCES: "the profile that tsrun runs under does not allow it to change to this one (change_profile)",
  EPERM: "the profile that tsrun runs under does not allow it to change to this one (change_profile)",
  EINVAL: "this is no name of a profile",
};

const SELINUX: { readonly [errno: string]: string } = {
  EINVAL:
    "the policy of this host does not know the label: it looks like system_u:system_r:container_t:s0:c1,c2",
  EACCES: "the policy does not let tsrun's own label do this",
  EPERM: "the policy does not let tsrun's own label do this",
  EOPNOTSUPP: "this filesystem keeps no labels",
};

/** For the label of a program or a keyring; `attribute` is one of `PLAN.labels`. */
export function labelHint(attribute: number, errno: string): string | undefined {
  return (attribute === PLAN.labels.apparmorExec ? APPARMOR : SELINUX)[errno];
}

/** For the label of what is mounted. */
export function mountLabelHint(errno: string): string | undefined {
  return SELINUX[errno];
}
