/** checkpoint and restore where criu is missing or does not do its work: they say so, and change nothing. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { counter, counting } from "./support/checkpoint.ts";
import { messageOf, openHost } from "./support/host.ts";
import { cgroupsOf, namesIn } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });

/** A folder for PATH with this criu in it, or with none. */
function path(name: string, text?: string): { readonly env: Record<string, string> } {
  const folder = join(host.dir, name);
  mkdirSync(folder);
  if (text !== undefined) writeFileSync(join(folder, "criu"), text, { mode: 0o755 });
  return { env: { PATH: folder, TSRUN_TEST: host.tag } };
}

t.test("criu is missing, or is no criu", async (t) => {
  const program = counter(host, "program");
  const id = await counting(host, program);
  const image = join(host.dir, "image");
  mkdirSync(image);
  writeFileSync(join(image, "descriptors.json"), "[]");
  const other = host.id();
  const calls = [
    ["checkpoint", "--image-path", image, id],
    ["restore", "--detach", "--bundle", program.bundle.dir, "--image-path", image, other],
  ];
  const kinds = [
    [path("none"), /executable file not found in \$PATH; hint:.*install the package criu/],
    [
      path("ends", "#!/bin/sh\nexit 1\n"),
      /CRIU version check failed: .*ended during VERSION without an answer; hint: /,
    ],
    // It stays for a moment: the end of one that has not read its request may overtake its answer.
    [path("odd", "#!/bin/sh\nprintf x >&3\nexec /bin/sleep 1\n"), /criu's answer cannot be read: /],
  ] as const;
  for (const [options, words] of kinds) {
    for (const args of calls) {
      const outcome = await host.call(args, options);
      t.equal(outcome.code, 1);
      t.match(messageOf(outcome), words, args[0] ?? "");
    }
  }
  t.equal((await host.state(id)).status, "running", "it runs on");
  await program.counts();
  t.notOk(namesIn(host.stateRoot).includes(other), "nothing is left of a restore");
  t.same(cgroupsOf(other), []);
  await host.delete(id);
});

t.test("help ends with 0, without criu too", async (t) => {
  for (const command of ["checkpoint", "restore"]) {
    t.equal((await host.call([command, "--help"], path(`help-${command}`))).code, 0, command);
  }
});

host.end();
