/** Where mail for a domain goes: tables over a name system of tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import { silentLog } from "#base/log.ts";
import { findRoute, isPrivateAddress } from "#transport/outbound/route.ts";
import { TestSystem } from "#transport/test-kit.ts";

const system = new TestSystem();
const ctx: Ctx = { system, log: silentLog, signal: new AbortController().signal };
const names: [name: string, row: Parameters<typeof system.names.set>[1]][] = [
  ["mx.test", { mx: [{ exchange: "b.test", priority: 20 }, { exchange: "a.test.", priority: 10 }] }],
  ["a.test", { a: ["198.51.100.1"], aaaa: ["2001:db8::1"] }],
  ["b.test", { a: ["198.51.100.2"] }],
  ["six.test", { aaaa: ["2001:db8::6"] }],
  ["null.test", { mx: [{ exchange: "", priority: 0 }] }],
  ["null2.test", { mx: [{ exchange: ".", priority: 0 }] }],
  ["broken.test", { fails: true }],
  ["half.test", { mx: [{ exchange: "broken.test", priority: 1 }, { exchange: "b.test", priority: 2 }] }],
  ["hollow.test", { mx: [{ exchange: "nowhere.test", priority: 1 }] }],
  ["inner.test", { a: ["10.1.2.3", "127.0.0.1"] }],
  ["backup.test", { mx: [{ exchange: "a.test", priority: 1 }, { exchange: "MAIL.example.test.", priority: 5 }, { exchange: "b.test", priority: 5 }, { exchange: "c.test", priority: 9 }] }],
  ["ours.test", { mx: [{ exchange: "mail.example.test", priority: 5 }, { exchange: "b.test", priority: 9 }] }],
  ["xn--bcher-kva.test", { a: ["198.51.100.9"] }],
];
for (const [name, row] of names) system.names.set(name, row);

const routes: [domain: string, expected: string][] = [
  ["mx.test", "a.test 198.51.100.1 2001:db8::1, b.test 198.51.100.2"],
  ["MX.test", "a.test 198.51.100.1 2001:db8::1, b.test 198.51.100.2"],
  ["b.test", "b.test 198.51.100.2"],
  ["six.test", "six.test 2001:db8::6"],
  ["bücher.test", "xn--bcher-kva.test 198.51.100.9"],
  ["half.test", "b.test 198.51.100.2"],
  ["backup.test", "a.test 198.51.100.1 2001:db8::1"],
  ["[198.51.100.7]", "[198.51.100.7] 198.51.100.7"],
  ["[IPv6:2001:db8::7]", "[IPv6:2001:db8::7] 2001:db8::7"],
  ["null.test", "failed 5.1.10"],
  ["null2.test", "failed 5.1.10"],
  ["gone.test", "failed 5.1.2"],
  ["hollow.test", "failed 5.4.4"],
  ["ours.test", "failed 5.4.6"],
  ["inner.test", "failed 5.4.4"],
  ["[127.0.0.1]", "failed 5.1.2"],
  ["[x]", "failed 5.1.2"],
  ["broken.test", "later 4.4.3"],
];
test("routes", async () => {
  for (const [domain, expected] of routes) {
    const route = await findRoute(ctx, domain, { hostname: "mail.example.test", privateAddresses: false });
    const got = route.kind === "hosts" ? route.hosts.map(({ name, addresses }) => [name, ...addresses].join(" ")).join(", ") : `${route.kind} ${route.status}`;
    assert.equal(got, expected, domain);
  }
});

test("addresses of the inside", () => {
  const inside = ["127.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fd00::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "0:0:0:0:0:0:0:1", "nonsense"];
  const outside = ["198.51.100.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "8.8.8.8", "2001:db8::1", "2606:4700::1"];
  for (const address of inside) assert.ok(isPrivateAddress(address), address);
  for (const address of outside) assert.ok(!isPrivateAddress(address), address);
});
