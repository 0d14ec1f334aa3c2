/** checkpoint and restore where criu is missing or does not do its work: they say so, and change nothing. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { StateError, TsrunError } from "../../src/error.ts";
import { Runtime } from "../../src/runtime.ts";
import { counter, counting } from "./support/checkpoint.ts";
import { messageOf, openHost } from "./support/host.ts";
import { cgroupsOf, namesIn } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });
const criu = spawnSync("criu", ["check"]);
const CRIU_REFUSES = criu.error === undefined && criu.status !== 0;

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

/** What the library throws. */
async function thrown(call: Promise<unknown>): Promise<object> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    const { name, code, message, hint } = error;
    return { name, code, message, hint };
  }
  throw new Error("nothing was thrown");
}

t.test("the library's methods", async (t) => {
  const runtime = new Runtime({ root: join(host.dir, "library") });
  const { bundle, counts } = counter(host, "library");
  const [id, other, imagePath] = [host.id(), host.id(), join(host.dir, "library-image")];
  t.match(await thrown(runtime.checkpoint(id)), { name: StateError.name, code: "not-found" });
  await runtime.create({ id, bundle: bundle.dir });
  t.match(
    await thrown(runtime.checkpoint(id, { imagePath })),
    { name: StateError.name, code: "not-running", hint: /^start it first/ },
    "one that was not started",
  );
  await runtime.start(id);
  await counts();
  t.match(
    await thrown(runtime.restore({ id, bundle: bundle.dir, imagePath })),
    { name: StateError.name, code: "exists" },
    "an id that is there",
  );
  t.match(await thrown(runtime.restore({ id: "a/b", bundle: bundle.dir })), { code: "id-invalid" });
  const before = process.env["PATH"];
  process.env["PATH"] = join(host.dir, "nowhere");
  const wanted = { code: "criu", message: /executable file not found/, hint: /install the package criu/ };
  t.match(await thrown(runtime.checkpoint(id, { imagePath })), wanted);
  t.match(await thrown(runtime.restore({ id: other, bundle: bundle.dir, imagePath })), wanted);
  process.env["PATH"] = before;
  t.equal((await runtime.state(id)).status, "running", "it runs on");
  await counts();
  t.match(await thrown(runtime.state(other)), { code: "not-found" }, "nothing is left of a restore");
  await runtime.delete(id, { force: true });
});

t.test(
  "a criu that does not know this kernel",
  { skip: !CRIU_REFUSES && "needs a criu that is there, and does not know the kernel" },
  async (t) => {
    const runtime = new Runtime({ root: join(host.dir, "refused") });
    const { bundle, counts } = counter(host, "refused");
    const id = host.id();
    await runtime.create({ id, bundle: bundle.dir });
    await runtime.start(id);
    await counts();
    const error = await thrown(runtime.checkpoint(id, { imagePath: join(host.dir, "refused-image") }));
    t.match(error, { name: "LaunchError", code: "criu", hint: /./ });
    await counts();
    t.equal((await runtime.state(id)).status, "running", "it runs on");
    await runtime.delete(id, { force: true });
  },
);

t.test("help ends with 0, without criu too", async (t) => {
  for (const command of ["checkpoint", "restore"]) {
    t.equal((await host.call([command, "--help"], path(`help-${command}`))).code, 0, command);
  }
});

host.end();
