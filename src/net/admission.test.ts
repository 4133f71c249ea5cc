/** Counting of connections: what is one address, and that the counts come back to nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission, addressGroup, plainAddress } from "#net/admission.ts";

const groups: [address: string, group: string][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::6", "2001:db8:1:2::/64"],
  ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["2001:db8::3:4:5:6:7:8", "2001:db8:3:4::/64"],
  ["2001::2:3:4:5:6", "2001:0:0:2::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
];

test("what counts as one address", () => {
  for (const [address, group] of groups) assert.equal(addressGroup(address), group, address);
  assert.equal(plainAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(plainAddress("::1"), "::1");
});

test("in, refused, out", () => {
  const admission = new Admission({ connectionsMax: 3, connectionsPerAddressMax: 2 });
  assert.equal(admission.enter("2001:db8::1"), null);
  assert.equal(admission.enter("2001:db8::2"), null);
  assert.equal(admission.enter("2001:db8::3"), "tooManyFromAddress");
  assert.equal(admission.enter("192.0.2.1"), null);
  assert.equal(admission.enter("192.0.2.2"), "tooManyConnections");
  admission.leave("2001:db8::1");
  assert.equal(admission.enter("2001:db8::9"), null);
  for (const address of ["2001:db8::2", "2001:db8::9", "192.0.2.1"]) admission.leave(address);
  assert.equal(admission.open, 0);
  assert.equal(admission.enter("2001:db8::1"), null);
});
