import t from "tap";
import {
  isUsersRoot,
  managerAddresses,
  parseAddress,
  patience,
} from "../../../../src/cgroup/systemd/address.ts";

t.test("parseAddress()", (t) => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["", []],
    ["unix:path=/run/user/1/bus", ["/run/user/1/bus"]],
    ["unix:path=/a%20b%2c,guid=0123", ["/a b,"]],
    ["unix:abstract=/tmp/dbus-x,guid=1", ["@/tmp/dbus-x"]],
    ["tcp:host=localhost,port=1;unix:path=/b", ["/b"]],
    ["unix:guid=1", []],
    ["unix:path=/a%zz", ["/a%zz"]],
  ];
  for (const [address, sockets] of table) {
    t.same(
      parseAddress(address).map(({ socket }) => socket),
      sockets,
      address,
    );
  }
  t.ok(parseAddress("unix:path=/b").every(({ broker }) => broker));
  t.end();
});

t.test("a manager's own socket comes before the message bus", (t) => {
  const list = (user: boolean, env: Record<string, string>) =>
    managerAddresses(user, env, 1000).map(({ socket, broker }) => `${socket}${broker ? " (bus)" : ""}`);
  t.same(list(false, {}), ["/run/systemd/private", "/run/dbus/system_bus_socket (bus)"]);
  t.same(list(false, { DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/x" }), ["/x (bus)"]);
  t.same(list(false, { DBUS_SESSION_BUS_ADDRESS: "unix:path=/x" })[0], "/run/systemd/private");
  t.same(list(true, { XDG_RUNTIME_DIR: "/run/user/1000", DBUS_SESSION_BUS_ADDRESS: "unix:path=/x" }), [
    "/run/user/1000/systemd/private",
    "/x (bus)",
    "/run/user/1000/bus (bus)",
  ]);
  t.same(list(true, { XDG_RUNTIME_DIR: "/y" }), [
    "/y/systemd/private",
    "/y/bus (bus)",
    "/run/user/1000/systemd/private",
  ]);
  t.same(list(true, { XDG_RUNTIME_DIR: "" })[0], "/run/user/1000/systemd/private");
  t.end();
});

t.test("root of a user namespace", (t) => {
  // What the kernel shows of an owner that the namespace does not know.
  const UNKNOWN = 65_534;
  const table: readonly (readonly [env: Record<string, string>, init: number | undefined, users: boolean])[] =
    [
      [{ USER: "alice" }, UNKNOWN, true],
      [{ USER: "alice" }, 0, true],
      [{}, UNKNOWN, true],
      [{ USER: "root" }, UNKNOWN, true],
      [{ USER: "" }, undefined, true],
      [{}, 0, false],
      [{ USER: "root" }, 0, false],
    ];
  for (const [env, init, users] of table)
    t.equal(isUsersRoot(env, init), users, `${JSON.stringify(env)}, process 1 is ${init}'s`);
  t.end();
});

t.test("patience() in milliseconds", (t) => {
  const table = { "": 30000, "5": 5000, "2s": 2000, "0.25": 250, "0": 30000, "5min": 30000, x: 30000 };
  for (const [text, ms] of Object.entries(table)) t.equal(patience({ SYSTEMD_BUS_TIMEOUT: text }), ms, text);
  t.equal(patience({}), 30000);
  t.end();
});
