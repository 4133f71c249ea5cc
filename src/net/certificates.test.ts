/**
 * Certificates on disk: what is made on first start satisfies `openssl verify` for every name and for no other, keys
 * are readable by their owner only, restarts keep everything, changed names and a near end renew the server's
 * certificate under the same authority, damaged files are refused or replaced, own files are taken and reloaded.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { Certificates } from "#net/certificates.ts";
import { makeAuthority, makeServerCertificate, subjectAltName } from "#net/x509.ts";
import { realCtx, temporaryFolder } from "../../test/support/real-ctx.ts";
import type { TestCtx } from "../../test/support/real-ctx.ts";

const dayMs = 24 * 3_600_000;
const names = { hostname: "mail.example.test", domains: ["example.test", "bücher.example"] };

function read(directory: string, name: string): string {
  return readFileSync(join(directory, name), "latin1");
}

function openssl(...args: string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** The same context with a clock that is `days` ahead. */
function later(ctx: TestCtx, days: number): TestCtx {
  return { ...ctx, system: { ...ctx.system, nowMs: () => ctx.system.nowMs() + days * dayMs } };
}

test("openssl verifies the chain for each name, and for no other", async (t) => {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  const certificates = await Certificates.open(ctx, { directory, ...names });
  assert.equal(certificates.authorityFile, join(directory, "ca.pem"));
  const verify = (...args: string[]): string => openssl(
    "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", join(directory, "ca.pem"), ...args,
    join(directory, "server.pem"),
  );
  const hosts = ["mail.example.test", "localhost", "example.test", "autodiscover.example.test",
    "autoconfig.example.test", "xn--bcher-kva.example", "autodiscover.xn--bcher-kva.example",
    "autoconfig.xn--bcher-kva.example"];
  for (const host of hosts) assert.match(verify("-verify_hostname", host), /: OK/, host);
  for (const address of ["127.0.0.1", "::1"]) assert.match(verify("-verify_ip", address), /: OK/, address);
  assert.throws(() => verify("-verify_hostname", "other.example.test"));
  assert.throws(() => verify("-verify_ip", "127.0.0.2"));
  const ca = join(directory, "ca.pem");
  assert.match(openssl("verify", "-x509_strict", "-CAfile", ca, ca), /: OK/);
  const text = openssl("x509", "-in", ca, "-noout", "-text");
  assert.match(text, /CA:TRUE, pathlen:0/);
  assert.match(text, /Subject: CN = Outpost local CA/);
  const days = (new X509Certificate(read(directory, "ca.pem")).validToDate.getTime() - ctx.system.nowMs()) / dayMs;
  assert.ok(days > 3_640 && days < 3_660);
});

test("keys are their owner's only, nothing else is left in the folder", async (t) => {
  const directory = temporaryFolder(t);
  await Certificates.open(realCtx(), { directory, ...names });
  assert.deepEqual(readdirSync(directory).sort(), ["ca-key.pem", "ca.pem", "server-key.pem", "server.pem"]);
  for (const name of ["ca-key.pem", "server-key.pem"]) {
    assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
  }
  for (const name of ["ca.pem", "server.pem"]) assert.ok(!read(directory, name).includes("PRIVATE"), name);
});

test("a restart keeps everything; new names and a near end renew under the same authority", async (t) => {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  const options = { directory, ...names };
  const certificates = await Certificates.open(ctx, options);
  const files = (): string[] => ["ca-key.pem", "ca.pem", "server-key.pem"].map((name) => read(directory, name));
  const [caKey, ca, server] = files();
  await Certificates.open(ctx, options);
  await Certificates.open(later(ctx, 300), options);
  assert.deepEqual(files(), [caKey, ca, server]);
  const context = certificates.contextFor("example.test");
  await certificates.update(ctx, { ...names, domains: [...names.domains, "third.example"] });
  assert.notEqual(certificates.contextFor("example.test"), context);
  assert.deepEqual(files().slice(0, 2), [caKey, ca]);
  assert.match(new X509Certificate(read(directory, "server.pem")).subjectAltName ?? "", /autodiscover\.third\.example/);
  const renewed = await Certificates.open(later(ctx, 380), options);
  assert.ok(renewed.notAfterMs > ctx.system.nowMs() + 700 * dayMs);
  assert.deepEqual(files().slice(0, 2), [caKey, ca]);
});

test("an authority that ends is followed by another; certificates never outlive theirs", async (t) => {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  await Certificates.open(ctx, { directory, ...names });
  const ca = read(directory, "ca.pem");
  const authorityEndMs = new X509Certificate(ca).validToDate.getTime();
  const late = await Certificates.open(later(ctx, 3600), { directory, ...names });
  assert.equal(read(directory, "ca.pem"), ca);
  assert.equal(late.notAfterMs, authorityEndMs);
  await Certificates.open(later(ctx, 3650), { directory, ...names });
  assert.notEqual(read(directory, "ca.pem"), ca);
});

test("damage: a server key is made anew, an authority is never replaced in silence", async (t) => {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  await Certificates.open(ctx, { directory, ...names });
  const ca = read(directory, "ca.pem");
  writeFileSync(join(directory, "server-key.pem"), "half a ke");
  writeFileSync(join(directory, "ca.pem"), "");
  await Certificates.open(ctx, { directory, ...names });
  assert.equal(read(directory, "ca.pem"), ca);
  assert.match(read(directory, "server-key.pem"), /PRIVATE/);
  writeFileSync(join(directory, "ca-key.pem"), read(directory, "ca-key.pem").slice(0, 100));
  await assert.rejects(Certificates.open(ctx, { directory, ...names }),
    (error: unknown) => error instanceof Fault && error.code === "corrupt" && error.message.includes("ca-key.pem"));
});

test("two first starts at once end with one authority", async (t) => {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  const both = await Promise.all([1, 2, 3].map(() => Certificates.open(ctx, { directory, ...names })));
  assert.equal(both.length, 3);
  openssl("verify", "-CAfile", join(directory, "ca.pem"), join(directory, "server.pem"));
  const inKeyFile = read(directory, "ca-key.pem");
  assert.ok(inKeyFile.endsWith(read(directory, "ca.pem")));
});

test("own certificates: chosen by name, reloaded on change, kept when the change is bad", async (t) => {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  const nowMs = ctx.system.nowMs();
  const times = { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + dayMs };
  const authority = makeAuthority({ name: "Test CA", serial: ctx.system.randomBytes(16), times });
  const write = (name: string): { certificateFile: string; keyFile: string } => {
    const made = makeServerCertificate({ authority, names: [name], serial: ctx.system.randomBytes(16), times });
    const files = { certificateFile: join(directory, `${name}.pem`), keyFile: join(directory, `${name}.key`) };
    writeFileSync(files.certificateFile, made.chainPem);
    writeFileSync(files.keyFile, made.keyPem);
    return files;
  };
  const own = [write("one.example"), write("two.example")];
  const timers: (() => void)[] = [];
  const watching = { ...ctx, system: { ...ctx.system, setTimer: (_: number, body: () => void) => {
    timers.push(body);
    return () => {};
  } } };
  const certificates = await Certificates.open(ctx, { directory, ...names, own });
  const end = certificates.watch(watching);
  assert.equal(certificates.authorityFile, null);
  const [one, two] = [certificates.contextFor("one.example"), certificates.contextFor("two.example")];
  assert.notEqual(one, two);
  assert.equal(certificates.contextFor("three.example"), one);
  assert.equal(certificates.contextFor(null), one);
  const look = async (): Promise<void> => {
    const before = timers.length;
    timers.at(-1)!();
    while (timers.length === before) await new Promise((resolve) => setImmediate(resolve));
  };
  await look();
  assert.equal(certificates.contextFor("two.example"), two, "nothing changed");
  write("two.example");
  utimesSync(own[1]!.certificateFile, 1, 1);
  await look();
  assert.notEqual(certificates.contextFor("two.example"), two, "reloaded");
  const kept = certificates.contextFor("two.example");
  writeFileSync(own[1]!.keyFile, "broken");
  await look();
  assert.equal(certificates.contextFor("two.example"), kept, "kept");
  assert.equal(ctx.errors().length, 1);
  end();
});

const altNames: [name: string, names: string[], hex: string][] = [
  ["a name", ["a.b"], "300e0603551d110407300582" + "03612e62"],
  ["an address", ["1.2.3.4"], "300f0603551d1104083006" + "870401020304"],
  ["IPv6", ["2001:db8::1"], "301b0603551d11041430128710" + "20010db8000000000000000000000001"],
  ["IPv6 with a dotted tail", ["::ffff:1.2.3.4"], "301b0603551d11041430128710" + "00000000000000000000ffff01020304"],
  ["not a name", ["a b", "x.y"], "300e0603551d110407300582" + "03782e79"],
];

test("subjectAltName bytes", () => {
  for (const [name, input, hex] of altNames) {
    assert.equal(Buffer.from(subjectAltName(input)).toString("hex"), hex, name);
  }
});
