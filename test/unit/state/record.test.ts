import t from "tap";
import { checkId } from "../../../src/state/id.ts";
import { parseProcess, parseRecord, type Record } from "../../../src/state/record.ts";

t.test("checkId() takes what runc takes", async (t) => {
  for (const id of ["a", "A_b-c.d+9", "...", "-", "0".repeat(255)]) t.equal(checkId(id), id);
  for (const id of ["", ".", "..", "a/b", "a b", "ä", "a\n", "~a", "a\0", "0".repeat(256), "a:b"]) {
    t.throws(() => checkId(id), {
      name: "StateError",
      code: "id-invalid",
      message: `invalid container ID format: ${JSON.stringify(id)}`,
    });
  }
});

const RECORD: Record = {
  version: 1,
  ociVersion: "1.3.0",
  id: "c1",
  bundle: "/b",
  rootfs: "/b/rootfs",
  created: "2024-05-06T07:08:09.123456789Z",
  annotations: {},
  cgroups: { memory: "/sys/fs/cgroup/memory/c1" },
  newCgroups: ["/sys/fs/cgroup/memory/c1"],
  noNewKeyring: false,
  ownPidNamespace: true,
  afterStart: { from: 3, steps: [] },
  poststart: [],
  poststop: [],
};

t.test("parseRecord() gives back what was written", async (t) => {
  t.strictSame(parseRecord(JSON.stringify(RECORD), "c1"), RECORD);
});

t.test("parseRecord() says what is damaged", async (t) => {
  const hint = "tsrun delete --force c1 removes what is left of it";
  const refused = (text: string, what: string): void => {
    t.throws(
      () => parseRecord(text, "c1"),
      { name: "StateError", code: "damaged", message: `container c1: its state is damaged: ${what}`, hint },
      what,
    );
  };
  const text = JSON.stringify(RECORD);
  for (let cut = 0; cut < text.length; cut += 7) refused(text.slice(0, cut), "state.json is no JSON");
  for (const other of ["[]", "null", "1"]) refused(other, "state.json is no object");
  for (const name of Object.keys(RECORD)) {
    const { [name]: _, ...rest } = RECORD as unknown as { readonly [name: string]: unknown };
    refused(JSON.stringify(rest), `state.json has not the ${name} it should have`);
    refused(JSON.stringify({ ...rest, [name]: 7 }), `state.json has not the ${name} it should have`);
  }
  refused(JSON.stringify({ ...RECORD, version: 2 }), "state.json has not the version it should have");
  refused(
    JSON.stringify({ ...RECORD, cgroups: { memory: 1 } }),
    "state.json has not the cgroups it should have",
  );
  refused(JSON.stringify({ ...RECORD, id: "c2" }), 'state.json is that of "c2"');
});

t.test("parseProcess()", async (t) => {
  t.strictSame(parseProcess('{"pid":7,"startTime":"42","more":1}', "c1"), { pid: 7, startTime: "42" });
  for (const text of [
    "",
    "{}",
    "[]",
    '{"pid":0,"startTime":"1"}',
    '{"pid":-1,"startTime":"1"}',
    '{"pid":1.5,"startTime":"1"}',
    '{"pid":"1","startTime":"1"}',
    '{"pid":1,"startTime":1}',
  ]) {
    t.throws(
      () => parseProcess(text, "c1"),
      { code: "damaged", message: /^container c1: its state is damaged: process\.json / },
      text,
    );
  }
});
