/** Programs that cannot be executed fail in create already, in the words that engines turn into 127 and 126. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { messageOf, openHost, type TestBundle } from "./support/host.ts";

const host = openHost();

async function createFails(t: Tap, bundle: TestBundle, words: string | RegExp): Promise<void> {
  const id = host.id();
  const outcome = await host.call(["create", "-b", bundle.dir, id]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), words);
  t.equal((await host.call(["state", id])).code, 1, "nothing is left");
}

type Tap = Pick<typeof t, "equal" | "match">;

const MISSING: [string, string[], string | RegExp][] = [
  ["a name that is not in PATH", ["nosuch"], 'exec: "nosuch": executable file not found in $PATH'],
  ["an absolute path that is not there", ["/no/such"], /"\/no\/such".*no such file or directory/],
  ["a relative path that is not there", ["./nosuch"], /nosuch".*no such file or directory/],
  ["a folder", ["/etc"], /"\/etc".*(is a directory|permission denied)/],
  ["a file without the execute bit", ["/etc/passwd"], /"\/etc\/passwd".*permission denied/],
  [
    "a name in PATH without the execute bit",
    ["plain"],
    /"plain".*(executable file not found in \$PATH|permission denied)/,
  ],
];

for (const [what, args, words] of MISSING) {
  t.test(what, async (t) => {
    const bundle = host.bundle((config) => {
      config.process.args = args;
    });
    writeFileSync(join(bundle.rootfs, "bin/plain"), "#!/bin/sh\n");
    await createFails(t, bundle, words);
  });
}

t.test("a program in a folder that the user may not enter", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["/root/tool"];
    config.process.user = { uid: 1000, gid: 1000 };
    config.process.capabilities = {};
  });
  writeFileSync(join(bundle.rootfs, "root/tool"), "#!/bin/sh\n", { mode: 0o755 });
  chmodSync(join(bundle.rootfs, "root"), 0o700);
  await createFails(t, bundle, /permission denied/);
});

t.test("an empty PATH finds nothing", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["true"];
    config.process.env = ["PATH=/nowhere"];
  });
  await createFails(t, bundle, "executable file not found in $PATH");
});

t.test("a file that the kernel cannot execute fails the start, not silently", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["/bin/garbage"];
  });
  writeFileSync(join(bundle.rootfs, "bin/garbage"), "\x7fELF but not really", { mode: 0o755 });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(outcome.stderr, /exec format error/);
});

t.test("a script whose interpreter is missing", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["/bin/script"];
  });
  writeFileSync(join(bundle.rootfs, "bin/script"), "#!/no/such/interpreter\n", { mode: 0o755 });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(outcome.stderr, /no such file or directory/);
});

t.test("a working folder that cannot be entered", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.cwd = "/etc/passwd";
  });
  const id = host.id();
  const outcome = await host.call(["create", "-b", bundle.dir, id]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /not a directory/);
});

await host.end();
