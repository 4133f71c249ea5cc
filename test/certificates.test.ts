/**
 * The administrator's certificate is replaced while the server runs: IMAP, POP3, SMTP and HTTPS show the new one to the
 * next client, with TLS from the first byte and by STARTTLS as `openssl s_client` asks for it, and what was connected
 * before goes on. A whole server gets a certificate over ACME, and what port 80 answers besides.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes, X509Certificate } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeAuthority, makeServerCertificate } from "#net/x509.ts";
import { AcmeServer } from "./support/acme-server.ts";
import { ImapClient } from "./support/imap-client.ts";
import { pause } from "./support/real-ctx.ts";
import { password, TestServer } from "./support/server.ts";
import type { PortName } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";

const doors: [port: PortName, startTls: string | null][] = [
  ["https", null], ["imaps", null], ["pop3s", null], ["submissions", null], ["imap", "imap"], ["pop3", "pop3"],
  ["smtp", "smtp"], ["submission", "smtp"],
];

/** The certificate that `openssl s_client` is shown. */
function shownBy(server: TestServer, port: PortName, startTls: string | null): Promise<X509Certificate | null> {
  return new Promise((resolve) => {
    const child = execFile("openssl", ["s_client", "-connect", `127.0.0.1:${server.ports[port]}`, "-servername",
      "mail.example.test", ...startTls === null ? [] : ["-starttls", startTls]], { timeout: 10_000 }, (_, stdout) => {
      const pem = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(stdout)?.[0];
      resolve(pem === undefined ? null : new X509Certificate(pem));
    });
    child.stdin!.end();
  });
}

test("a replaced certificate is shown by every protocol without a restart", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "outpost-certificates-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const nowMs = Date.now();
  const times = { notBeforeMs: nowMs - 86_400_000, notAfterMs: nowMs + 10 * 86_400_000 };
  const authority = makeAuthority({ name: "Test CA", serial: randomBytes(16), times });
  const files = { certificateFile: join(folder, "chain.pem"), keyFile: join(folder, "key.pem") };
  const replace = (): string => {
    const made = makeServerCertificate({ authority, names: ["localhost"], serial: randomBytes(16), times });
    for (const [path, text] of [[files.keyFile, made.keyPem], [files.certificateFile, made.chainPem]] as const) {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    }
    return new X509Certificate(made.chainPem).serialNumber;
  };
  const first = replace();
  const server = await TestServer.start({ config: { certificates: [files] } });
  t.after(() => server.dispose());
  assert.equal(server.ready.ca, null);
  const shown = async (port: PortName, startTls: string | null): Promise<string> =>
    (await shownBy(server, port, startTls))?.serialNumber ?? "none";
  const everywhere = async (expected: string, when: string): Promise<void> => {
    const serials = await Promise.all(doors.map(([port, startTls]) => shown(port, startTls)));
    assert.deepEqual(serials, doors.map(() => expected), when);
  };
  await everywhere(first, "at first");
  const at = (port: PortName) => ({ port: server.ports[port], servername: "localhost", tls: true });
  const imap = await ImapClient.signedIn(at("imaps"), "alice", password);
  const smtp = await SmtpClient.greeted(at("submissions"));
  const second = replace();
  process.kill(server.pid, "SIGHUP");
  for (let look = 0; look < 100 && await shown("imaps", null) !== second; look++) await pause(50);
  await everywhere(second, "after the change");
  await imap.ok("SELECT INBOX");
  assert.equal((await smtp.command("NOOP")).code, 250);
  imap.close();
  smtp.close();
  writeFileSync(files.keyFile, "damaged");
  process.kill(server.pid, "SIGHUP");
  await pause(500);
  await everywhere(second, "what cannot be read changes nothing");
  assert.match(server.log(), /certificates could not be reloaded/);
});

test("a whole server gets its certificate over ACME and shows it at every door; port 80 sends browsers on", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "outpost-authority-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const authority = await AcmeServer.start(folder);
  t.after(() => authority.stop());
  const server = await TestServer.start({ config: {
    hostname: "mail.example.test",
    acme: { termsOfServiceAgreed: true, directory: authority.directory, names: ["mta-sts.example.test"],
      challenges: ["http-01"] },
  } });
  t.after(() => server.dispose());
  authority.ports = { http: server.ports.http, https: server.ports.https };
  const issuer = "CN=Test issuing authority";
  for (let look = 0; look < 300 && !authority.requests.some((line) => line.startsWith("issued")); look++) await pause(50);
  for (let look = 0; look < 100 && (await shownBy(server, "https", null))?.issuer !== issuer; look++) await pause(50);
  for (const [port, startTls] of doors) {
    const certificate = await shownBy(server, port, startTls);
    assert.equal(certificate?.issuer, issuer, port);
    assert.equal(certificate.subjectAltName, "DNS:mail.example.test, DNS:mta-sts.example.test", port);
  }
  assert.deepEqual(server.errors(), []);

  const plain = `http://127.0.0.1:${server.ports.http}`;
  const page = await fetch(`${plain}/some/page?x=1`, { redirect: "manual" });
  assert.equal(page.status, 302);
  assert.equal(page.headers.get("location"), `https://127.0.0.1:${server.ports.https}/some/page?x=1`);
  assert.equal((await fetch(`${plain}/healthz`)).status, 200);
  assert.equal((await fetch(`${plain}/metrics`)).status, 200);
  assert.equal((await fetch(`${plain}/metrics`, { headers: { "x-forwarded-for": "192.0.2.1" } })).status, 403);
});
