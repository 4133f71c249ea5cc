/**
 * Signed profiles, judged by `openssl cms -verify`: with an RSA key, with elliptic curves, with a chain of two, and
 * refused when one byte of the content or the signer differs.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeAuthority, makeServerCertificate } from "#net/x509.ts";
import type { KeyAndChain } from "#net/x509.ts";
import { signContent } from "#serve/autodiscover/sign-profile.ts";

const folder = mkdtempSync(join(tmpdir(), "outpost-profile-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const openssl = (...args: string[]) => spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
const skip = openssl("version").status === 0 ? false : "needs openssl";

const nowMs = Date.now();
const times = { notBeforeMs: nowMs - 1000, notAfterMs: nowMs + 3_600_000 };
const content = Buffer.from("<plist>grüße</plist>\n".repeat(50));

/** A key and certificate that openssl made. */
function selfSigned(name: string, ...keyArguments: string[]): KeyAndChain {
  const made = openssl("req", "-x509", "-nodes", "-newkey", ...keyArguments, "-keyout", `${name}.key`, "-out",
    `${name}.pem`, "-subj", "/CN=mail.example.test", "-days", "2");
  assert.equal(made.status, 0, made.stderr);
  return { keyPem: readFileSync(join(folder, `${name}.key`), "utf8"),
    chainPem: readFileSync(join(folder, `${name}.pem`), "utf8") };
}

function verify(signed: Uint8Array, trustedPem: string): { ok: boolean; content: Buffer; why: string } {
  writeFileSync(join(folder, "signed.der"), signed);
  writeFileSync(join(folder, "trusted.pem"), trustedPem);
  rmSync(join(folder, "content"), { force: true });
  const result = openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", "signed.der", "-CAfile", "trusted.pem",
    "-purpose", "any", "-out", "content");
  const ok = result.status === 0;
  return { ok, content: ok ? readFileSync(join(folder, "content")) : Buffer.alloc(0), why: result.stderr };
}

test("with the server's own certificate and its authority", { skip }, () => {
  const authority = makeAuthority({ name: "Test CA", serial: Buffer.alloc(16, 0x81), times });
  const server = makeServerCertificate({
    authority, names: ["mail.example.test"], serial: Buffer.alloc(16, 0x42), times,
  });
  const signed = signContent(content, server, nowMs);
  const result = verify(signed, authority.chainPem);
  assert.ok(result.ok, result.why);
  assert.deepEqual(result.content, content);
  // DER wants the attributes in the order of their bytes; openssl does not insist, others do.
  const shown = openssl("asn1parse", "-inform", "DER", "-in", "signed.der");
  assert.equal(shown.status, 0, shown.stderr);
  const order = ["contentType", "signingTime", "messageDigest"].map((name) => shown.stdout.indexOf(`:${name}`));
  assert.ok(order[0]! > 0 && order[0]! < order[1]! && order[1]! < order[2]!, shown.stdout);
});

test("with every kind of key a certificate has", { skip }, () => {
  const keys: [string, string[]][] = [
    ["rsa2048", ["rsa:2048"]], ["p256", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]],
    ["p384", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]],
  ];
  for (const [name, keyArguments] of keys) {
    const signer = selfSigned(name, ...keyArguments);
    const signed = signContent(content, signer, nowMs);
    const good = verify(signed, signer.chainPem);
    assert.ok(good.ok, `${name}: ${good.why}`);
    assert.deepEqual(good.content, content);
    const changed = Buffer.from(signed);
    const at = changed.indexOf("plist");
    changed[at] = changed[at]! ^ 1;
    assert.equal(verify(changed, signer.chainPem).ok, false, `${name}: a changed byte is noticed`);
  }
  const other = selfSigned("other", "rsa:2048");
  assert.equal(verify(signContent(content, other, nowMs), readFileSync(join(folder, "p256.pem"), "utf8")).ok, false);
});

test("other keys are refused", () => {
  const keyPem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  assert.throws(() => signContent(content, { keyPem, chainPem: "" }, nowMs), /ed25519/);
});
