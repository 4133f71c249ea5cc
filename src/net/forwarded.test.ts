/** Host fields, what proxies say and whether they are believed, address lists, PROXY headers: tables of good and bad. */
import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { AddressList, isLoopbackAddress } from "#net/addresses.ts";
import { parseClientHello } from "#net/client-hello.ts";
import { clientBehindProxies, parseForwarded, parseHost } from "#net/forwarded.ts";
import { parseProxyHeader } from "#net/proxy-protocol.ts";

const hosts: [field: string, expected: string | null][] = [
  ["example.test", "example.test null"], ["EXAMPLE.Test", "example.test null"], ["example.test.", "example.test null"],
  ["example.test.:8443", "example.test 8443"], ["example.test:", "example.test null"], ["192.0.2.1:80", "192.0.2.1 80"],
  ["[2001:DB8::1]:443", "[2001:db8::1] 443"], ["[::1]", "[::1] null"], ["bücher.example", "bücher.example null"],
  ["a_b.example", "a_b.example null"],
  ["", null], [".", null], ["a b", null], ["a/b", null], ["a@b", null], ["a:b", null], ["a:70000", null], ["a:0", null],
  ["[::1", null], ["::1", null], ["[1.2.3.4]", null], ["a,b:1:2", null], ["a\0", null], ["a?b", null], ["a#b", null],
  ["a\\b", null], ["x".repeat(301), null], ["<script>", null], ["a:1:2", null], ["a\"b", null],
];

test("Host fields", () => {
  for (const [field, expected] of hosts) {
    const parsed = parseHost(field);
    assert.equal(parsed === null ? null : `${parsed.host} ${parsed.port}`, expected, JSON.stringify(field));
  }
});

const proxies = new AddressList(["10.0.0.0/8", "2001:db8:1::/48"]);
type View = [address: string, isTls: boolean, host: string | null];
const views: [name: string, peer: string, headers: IncomingHttpHeaders, expected: View][] = [
  ["nothing said", "10.0.0.1", {}, ["10.0.0.1", false, null]],
  ["not trusted", "192.0.2.9", { "x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "https", forwarded: "for=1.1.1.1" },
    ["192.0.2.9", false, null]],
  ["one proxy", "10.0.0.1", { "x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "https",
    "x-forwarded-host": "Mail.Example.Test:8443" }, ["198.51.100.1", true, "mail.example.test"]],
  ["what the client itself wrote is not believed", "10.0.0.1", { "x-forwarded-for": "6.6.6.6, 198.51.100.1" },
    ["198.51.100.1", false, null]],
  ["two proxies", "10.0.0.1", { "x-forwarded-for": "6.6.6.6, 198.51.100.1, 10.0.0.2", "x-forwarded-proto": "https" },
    ["198.51.100.1", true, null]],
  ["one value for each hop", "10.0.0.1", { "x-forwarded-for": "198.51.100.1, 10.0.0.2", "x-forwarded-proto": "https, http" },
    ["198.51.100.1", true, null]],
  ["a client inside", "10.0.0.1", { "x-forwarded-for": "10.9.9.9" }, ["10.9.9.9", false, null]],
  ["with a port", "10.0.0.1", { "x-forwarded-for": "198.51.100.1:4711" }, ["198.51.100.1", false, null]],
  ["IPv6 with a port", "10.0.0.1", { "x-forwarded-for": "[2001:DB8::7]:4711" }, ["2001:db8::7", false, null]],
  ["IPv6 bare, mapped peer", "::ffff:10.0.0.1", { "x-forwarded-for": "2001:db8::7" }, ["2001:db8::7", false, null]],
  ["no address", "10.0.0.1", { "x-forwarded-for": "unknown", "x-forwarded-proto": "https" }, ["10.0.0.1", true, null]],
  ["garbage", "10.0.0.1", { "x-forwarded-for": "1.2.3.4.5, <x>" }, ["10.0.0.1", false, null]],
  ["only the protocol", "10.0.0.1", { "x-forwarded-proto": "https" }, ["10.0.0.1", true, null]],
  ["bad host", "10.0.0.1", { "x-forwarded-for": "198.51.100.1", "x-forwarded-host": "a b" }, ["198.51.100.1", false, null]],
  ["RFC 7239 §4", "10.0.0.1", { forwarded: 'for=192.0.2.60;proto=https;by=203.0.113.43;host="Example.Test"' },
    ["192.0.2.60", true, "example.test"]],
  ["RFC 7239 §4, IPv6", "2001:db8:1::5", { forwarded: 'For="[2001:db8:cafe::17]:4711"' },
    ["2001:db8:cafe::17", false, null]],
  ["RFC 7239 §7.1", "10.0.0.1", { forwarded: 'for=192.0.2.43, for="[2001:db8:1::17]"' }, ["192.0.2.43", false, null]],
  ["hidden", "10.0.0.1", { forwarded: "for=_hidden;proto=https" }, ["10.0.0.1", true, null]],
  ["broken", "10.0.0.1", { forwarded: 'for="192.0.2.43' }, ["10.0.0.1", false, null]],
  ["both agree", "10.0.0.1", { forwarded: "for=192.0.2.60;proto=https", "x-forwarded-for": "192.0.2.60" },
    ["192.0.2.60", true, null]],
  ["both differ: nobody is believed", "10.0.0.1", { forwarded: "for=127.0.0.1;proto=https", "x-forwarded-for": "192.0.2.60" },
    ["10.0.0.1", false, null]],
  ["endless", "10.0.0.1", { "x-forwarded-for": "1.1.1.1, ".repeat(1000) + "2.2.2.2" }, ["10.0.0.1", false, null]],
];

test("who the client is behind proxies", () => {
  for (const [name, address, headers, expected] of views) {
    const view = clientBehindProxies({ address, isTls: false }, headers, proxies);
    assert.deepEqual([view.remoteAddress, view.isTls, view.host?.host ?? null], expected, name);
  }
  const plain = { "x-forwarded-for": "198.51.100.1", "x-forwarded-proto": "http" };
  assert.equal(clientBehindProxies({ address: "10.0.0.1", isTls: true }, plain, proxies).isTls, false,
    "TLS between the proxy and us is not the client's");
});

test("lists of addresses", () => {
  const list = new AddressList(["192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "::1"]);
  for (const address of ["192.0.2.1", "10.255.0.1", "::ffff:10.0.0.1", "2001:db8:1::1", "::1"]) {
    assert.ok(list.has(address), address);
  }
  for (const address of ["192.0.2.2", "11.0.0.1", "2001:db9::1", "::2", "", "x"]) assert.ok(!list.has(address), address);
  for (const entry of ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "x", "10.0.0/8", "fe80::1%eth0", "::/129", "a/8/9"]) {
    assert.throws(() => new AddressList([entry]), Fault, entry);
  }
  assert.ok(isLoopbackAddress("127.9.9.9") && isLoopbackAddress("::1") && isLoopbackAddress("::ffff:127.0.0.1"));
  assert.ok(!isLoopbackAddress("128.0.0.1") && !isLoopbackAddress("127.example.test"));
});

const v2 = "0d0a0d0a000d0a515549540a";
const headers: [name: string, bytes: Buffer, expected: string][] = [
  ["v1 TCP4", Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nrest"), "192.0.2.1 42"],
  ["v1 TCP6", Buffer.from("PROXY TCP6 2001:DB8::1 ::1 1 2\r\n"), "2001:db8::1 32"],
  ["v1 UNKNOWN", Buffer.from("PROXY UNKNOWN ffff:f...f\r\n"), "null 26"],
  ["v1 wrong family", Buffer.from("PROXY TCP4 ::1 ::1 1 2\r\n"), "broken"],
  ["v1 without ports", Buffer.from("PROXY TCP4 1.1.1.1 2.2.2.2\r\n"), "broken"],
  ["v1 too long", Buffer.from(`PROXY TCP4 ${"1".repeat(100)}`), "broken"],
  ["v1 half", Buffer.from("PROXY TC"), "more"],
  ["v2 TCP4", Buffer.from(`${v2}2111000cc0000201c0000202dc0401bb`, "hex"), "192.0.2.1 28"],
  ["v2 TCP6", Buffer.from(`${v2}21210024${"20010db8".padEnd(31, "0")}1${"0".repeat(32)}00010002`, "hex"), "2001:db8::1 52"],
  ["v2 LOCAL", Buffer.from(`${v2}20000000`, "hex"), "null 16"],
  ["v2 with more fields", Buffer.from(`${v2}21110010c0000201c0000202dc0401bb04000100`, "hex"), "192.0.2.1 32"],
  ["v2 half", Buffer.from(`${v2}2111000cc0`, "hex"), "more"],
  ["v2 too short", Buffer.from(`${v2}21110004c0000201`, "hex"), "broken"],
  ["v2 other version", Buffer.from(`${v2}3111000cc0000201c0000202dc0401bb`, "hex"), "broken"],
  ["v2 too long", Buffer.from(`${v2}2111ffff`, "hex"), "broken"],
  ["no header", Buffer.from("GET / HTTP/1.1\r\n"), "broken"],
  ["nothing yet", Buffer.alloc(0), "more"],
];

test("PROXY headers", () => {
  for (const [name, bytes, expected] of headers) {
    const parsed = parseProxyHeader(bytes);
    const text = parsed === null ? "more" : parsed === "broken" ? "broken" : `${parsed.address} ${parsed.size}`;
    assert.equal(text, expected, name);
  }
});

test("any bytes and any fields give an answer", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    parseProxyHeader(Buffer.from(bytes));
    parseProxyHeader(Buffer.concat([Buffer.from(v2, "hex"), bytes]));
    parseClientHello(Buffer.from(bytes));
    parseClientHello(Buffer.concat([Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 190]), bytes]));
  }));
  fc.assert(fc.property(fc.string({ maxLength: 100 }), (text) => {
    parseHost(text);
    parseForwarded(text);
    clientBehindProxies({ address: "10.0.0.1", isTls: true },
      { "x-forwarded-for": text, "x-forwarded-host": text, forwarded: text }, proxies);
  }));
});
