import t from "tap";
import { parseBundle } from "../../../../src/bundle/parse.ts";
import { looseLabel, wantedProfile } from "../../../../src/lifecycle/criu/labels.ts";
import { baseConfig } from "../../../e2e/support/config.ts";

t.test("the profile that is wanted", (t) => {
  const { bundle } = parseBundle(JSON.stringify(baseConfig("unit")), "/bundle");
  t.equal(wantedProfile(bundle, undefined), undefined, "none");
  t.equal(wantedProfile(bundle, "selinux:a:b:c:s0"), undefined, "SELinux's labels are no profiles");
  for (const wrong of ["", "x", "apparmor", "apparmor:", "smack:x", "x:apparmor:y"]) {
    const message = `invalid argument ${JSON.stringify(wrong)} for --lsm-profile`;
    t.throws(() => wantedProfile(bundle, wrong), { code: "usage", message });
  }
  t.end();
});

t.test("the label that there is", (t) => {
  const config = { name: "p", pointer: "/process/apparmorProfile" };
  const option = { name: "p", pointer: undefined };
  for (const label of [
    "p (enforce)\n",
    "p//child (complain)\n",
    "other (enforce)\n",
    "unconfined-not (enforce)\n",
    "unconfined//x (enforce)",
    "x (unconfined) (enforce)\n",
    "p//&unconfined (mixed)\n",
    ":ns:p (enforce)\n",
    "p (unconfined)\n",
    "kernel\0",
  ]) {
    t.equal(looseLabel(config, label), undefined, `${JSON.stringify(label)}: a profile, or another module's`);
  }
  for (const label of [
    "unconfined\n",
    "unconfined",
    "unconfined\n\0",
    "unconfined (unconfined)\n",
    "other (unconfined)\n",
    "x (enforce) (unconfined)\n",
    ":ns:unconfined\n",
    ":ns://unconfined\n",
  ]) {
    t.equal(looseLabel(config, label), "one has no apparmor profile", JSON.stringify(label));
  }
  t.equal(looseLabel(config, ""), "the label of one cannot be read");
  t.match(looseLabel(option, "unconfined\n"), /^one had no apparmor profile, for which --lsm-profile/);
  t.equal(looseLabel(undefined, "unconfined\n"), undefined, "nobody asked for one");
  t.end();
});
