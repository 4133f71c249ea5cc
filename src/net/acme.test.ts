/**
 * Certificates over ACME against an authority written for the tests, which proves names over real connections: both
 * kinds of proof, every protocol with the new certificate and old connections alive, renewal, troubles of every kind
 * with their back-off, a crash between request and certificate, and what lies on the disk.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import type { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { Acme } from "#net/acme.ts";
import type { AcmeConfig } from "#net/acme.ts";
import { acmeFiles, readAcmeState } from "#net/acme-state.ts";
import { Certificates } from "#net/certificates.ts";
import { parseClientHello } from "#net/client-hello.ts";
import { HttpFront, sendText } from "#net/http.ts";
import { Listeners } from "#net/listeners.ts";
import { acmeChallengeRoute } from "#serve/http/routes.ts";
import { AcmeServer } from "../../test/support/acme-server.ts";
import { realCtx, temporaryFolder, until } from "../../test/support/real-ctx.ts";
import type { TestCtx } from "../../test/support/real-ctx.ts";

const dayMs = 24 * 3_600_000;
const hostname = "mail.example.test";

interface Setup {
  readonly ctx: TestCtx;
  readonly server: AcmeServer;
  readonly certificates: Certificates;
  readonly folder: string;
  readonly ports: { http: number; https: number; imaps: number };
  /** Opened anew, as after a restart. */
  open(config?: Partial<AcmeConfig>): Promise<Acme>;
  /** The clock is ahead by so much. */
  passMs(ms: number): void;
}

async function setUp(t: TestContext, domains: readonly string[] = []): Promise<Setup> {
  const real = realCtx();
  let aheadMs = 0;
  const here = { [hostname]: ["192.0.2.1"], "autodiscover.example.test": ["192.0.2.1"], "example.test": ["192.0.2.9"] };
  const ctx: TestCtx = { ...real, system: {
    ...real.system, nowMs: () => real.system.nowMs() + aheadMs,
    resolver: { ...real.system.resolver, aaaa: () => Promise.resolve([]),
      a: (name) => Promise.resolve((here as Record<string, string[]>)[name] ?? []) },
  } };
  const folder = temporaryFolder(t);
  const directory = join(folder, "tls", "acme");
  const issuing = join(folder, "authority");
  await mkdir(issuing, { recursive: true });
  const server = await AcmeServer.start(issuing);
  t.after(() => server.stop());
  const certificates = await Certificates.open(ctx, {
    directory: join(folder, "tls"), hostname, domains, issuedFile: acmeFiles(directory).bundle,
  });
  const listeners = new Listeners({ ctx, credentials: certificates, limits: { stopTimeoutMs: 200 } });
  t.after(() => listeners.stop());
  let current: Acme | null = null;
  const front = new HttpFront({ ctx, securePort: 443, routes: [
    acmeChallengeRoute((token) => current?.answerTo(token) ?? null),
    { path: "/", methods: { GET: ({ response }) => sendText(response, 200, "front") } },
  ] });
  const at = { port: 0, address: "127.0.0.1" };
  const { port: http } = await front.listen(listeners, { ...at, name: "http", tls: "none" });
  const { port: https } = await front.listen(listeners, { ...at, name: "https", tls: "implicit" });
  const { port: imaps } = await listeners.listen({ ...at, name: "imaps", tls: "implicit", refusal: () => "",
    handler: async (connection) => {
      for (let chunk; (chunk = await connection.read(20_000)) !== null;) await connection.write("<", chunk, ">");
    } });
  server.ports = { http, https };
  return {
    ctx, server, certificates, folder: directory, ports: { http, https, imaps },
    async open(config = {}) {
      current = await Acme.open(ctx, {
        config: { termsOfServiceAgreed: true, directory: server.directory, ...config },
        directory, certificates, hostname, domains: () => Promise.resolve(domains), pollMs: 20,
      });
      return current;
    },
    passMs(ms) { aheadMs += ms; },
  };
}

function subjectOf(port: number, caFile: string, name: string): Promise<{ ok: boolean; names: string }> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({
      port, host: "127.0.0.1", servername: name, ca: readFileSync(caFile), rejectUnauthorized: false,
    }, () => {
      resolve({ ok: socket.authorized, names: socket.getPeerX509Certificate()?.subjectAltName ?? "" });
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

for (const type of ["http-01", "tls-alpn-01"] as const) {
  test(`${type}: a certificate is issued, kept safely and used by all protocols at once`, async (t) => {
    const { server, open, certificates, folder, ports, ctx } = await setUp(t);
    const acme = await open({ challenges: [type], names: ["autodiscover.example.test"], email: "a@example.test" });
    assert.notEqual(certificates.authorityFile, null);
    const before = await subjectOf(ports.imaps, server.caFile, hostname);
    assert.ok(!before.ok, "self-made until then");
    const old = connectTls({ port: ports.imaps, host: "127.0.0.1", rejectUnauthorized: false });
    let said = "";
    old.on("data", (chunk: Buffer) => { said += chunk.toString(); });
    t.after(() => old.destroy());
    old.write("one");
    await until(() => said === "<one>", "echo");
    await acme.look();
    assert.deepEqual(server.requests.filter((line) => !line.startsWith("newAccount")),
      [`newOrder ${hostname} autodiscover.example.test`, `issued ${hostname} autodiscover.example.test`]);
    assert.deepEqual(server.proofs.toSorted(), [`${type} autodiscover.example.test`, `${type} ${hostname}`]);
    for (const port of [ports.https, ports.imaps]) {
      assert.ok((await subjectOf(port, server.caFile, hostname)).ok, "new certificate without restart");
    }
    const elsewhere = await subjectOf(ports.https, server.caFile, "localhost");
    assert.match(elsewhere.names, /DNS:localhost/, "names it does not hold are answered by the self-made one");
    old.write("two");
    await until(() => said === "<one><two>", "the connection from before lives on");
    assert.equal(certificates.authorityFile, null);
    assert.deepEqual(readdirSync(folder).sort(), ["account-key.pem", "certificate.pem", "state.json"]);
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    execFileSync("openssl", ["verify", "-CAfile", server.caFile, "-verify_hostname", hostname,
      join(folder, "certificate.pem")]);
    assert.deepEqual(ctx.errors(), []);
    const count = server.requests.length;
    await (await open({ challenges: [type], names: ["autodiscover.example.test"] })).look();
    assert.equal(server.requests.length, count, "nothing is due after a restart");
    assert.equal(server.accountCount, 1);
  });
}

test("names of domains are asked for when they lead here; later ones are added", async (t) => {
  const { server, open } = await setUp(t, ["example.test", "nowhere.test"]);
  await (await open()).look();
  assert.ok(server.requests.includes(`issued ${hostname} autodiscover.example.test`), server.requests.join("\n"));
  await (await open({ names: ["mta-sts.example.test", "autodiscover.example.test"] })).look();
  assert.ok(server.requests.includes(`issued ${hostname} mta-sts.example.test autodiscover.example.test`));
});

test("renewed when a third of its life is left, and when its authority wants it replaced", async (t) => {
  const { server, open, folder, passMs, certificates } = await setUp(t);
  const acme = await open();
  const issued = (): number => server.requests.filter((line) => line.startsWith("issued")).length;
  await acme.look();
  passMs(59 * dayMs);
  await acme.look();
  assert.equal(issued(), 1);
  const first = certificates.notAfterMs;
  passMs(2 * dayMs);
  server.lifetimeDays = 160;
  await acme.look();
  assert.equal(issued(), 2);
  assert.notEqual(certificates.notAfterMs, first, "the new one is in use");
  await acme.look();
  assert.equal(issued(), 2);
  const bundle = readFileSync(acmeFiles(folder).bundle, "latin1");
  server.revoke(new X509Certificate(bundle.slice(bundle.indexOf("-----BEGIN CERT"))));
  await acme.look();
  assert.equal(issued(), 3);
});

test("a nonce that is refused is asked for again", async (t) => {
  const { server, open, ctx } = await setUp(t);
  server.troubles.badNonces = 2;
  await (await open()).look();
  assert.ok(server.requests.includes(`issued ${hostname}`));
  assert.deepEqual(ctx.errors(), []);
});

test("failures: a clear line, the next attempt later each time, kept over a restart, the other kind of proof", async (t) => {
  const { server, open, ctx, folder, passMs, certificates, ports } = await setUp(t);
  server.troubles.unreachable = [hostname];
  const acme = await open();
  const startedMs = ctx.system.nowMs();
  await acme.look();
  assert.equal(acme.state.failures, 1);
  assert.match(acme.state.lastError ?? "", /mail\.example\.test could not be proved: .*no route/);
  const wait = acme.state.nextAttemptMs - startedMs;
  assert.ok(wait > 4 * 60_000 && wait < 6 * 60_000);
  assert.equal(ctx.errors().length, 1);
  assert.match(ctx.errors()[0]!.message, /no certificate from the authority/);
  const again = await open();
  await again.look();
  assert.equal(server.requests.filter((line) => line.startsWith("newOrder")).length, 1, "not before its time");
  assert.deepEqual(await readAcmeState(folder), again.state);
  for (let attempt = 2; attempt <= 9; attempt++) {
    passMs(again.state.nextAttemptMs - ctx.system.nowMs() + 1);
    await again.look();
    assert.equal(again.state.failures, attempt);
  }
  assert.ok(again.state.nextAttemptMs - ctx.system.nowMs() <= 12 * 3_600_000, "bounded");
  assert.ok(!(await subjectOf(ports.https, server.caFile, hostname)).ok);
  assert.notEqual(certificates.authorityFile, null);
  server.troubles.unreachable = [];
  passMs(12 * 3_600_000);
  await again.look();
  assert.deepEqual(server.proofs, [`tls-alpn-01 ${hostname}`], "the ninth failure, so the second kind");
  assert.equal(again.state.failures, 0);
  assert.ok((await subjectOf(ports.https, server.caFile, hostname)).ok);
});

test("a name that cannot be proved does not hold up the others", async (t) => {
  const { server, open, ctx, passMs } = await setUp(t);
  server.troubles.unreachable = ["autodiscover.example.test"];
  const acme = await open({ names: ["autodiscover.example.test", "mta-sts.example.test"] });
  await acme.look();
  assert.ok(server.requests.includes(`issued ${hostname} mta-sts.example.test`), server.requests.join("\n"));
  assert.match(acme.state.leftOut["autodiscover.example.test"]?.why ?? "", /no route/);
  assert.equal(ctx.errors().length, 0);
  const count = server.requests.length;
  await acme.look();
  assert.equal(server.requests.length, count, "not asked again at once");
  server.troubles.unreachable = [];
  passMs(25 * 3_600_000);
  await acme.look();
  assert.ok(server.requests.includes(`issued ${hostname} autodiscover.example.test mta-sts.example.test`));
});

test("a rate limit is kept to", async (t) => {
  const { server, open, ctx } = await setUp(t);
  server.troubles.rateLimitSeconds = 7 * 3600;
  const acme = await open();
  await acme.look();
  assert.match(acme.state.lastError ?? "", /too many certificates/);
  const waitMs = acme.state.nextAttemptMs - ctx.system.nowMs();
  assert.ok(waitMs > 6.9 * 3_600_000 && waitMs <= 7 * 3_600_000, `${waitMs}`);
});

test("an authority that wants years of silence is asked again all the same", async (t) => {
  const { server, open, ctx } = await setUp(t);
  server.troubles.rateLimitSeconds = 10 * 365 * 24 * 3600;
  const acme = await open();
  await acme.look();
  const waitMs = acme.state.nextAttemptMs - ctx.system.nowMs();
  assert.ok(waitMs > 3_600_000 && waitMs <= 7 * 24 * 3_600_000, `${waitMs}`);
});

test("an authority that is down, and one that is gone after it issued: the order goes on", async (t) => {
  const { server, open, ctx, folder, passMs } = await setUp(t);
  server.troubles.down = true;
  const acme = await open();
  await acme.look();
  assert.equal(acme.state.failures, 1);
  server.troubles.down = false;
  server.troubles.dropFinalize = true;
  passMs(3_600_000);
  await acme.look();
  assert.equal(acme.state.failures, 2);
  assert.equal(server.requests.filter((line) => line.startsWith("issued")).length, 1);
  assert.ok(readdirSync(folder).includes("pending-key.pem"));
  server.troubles.down = false;
  passMs(3_600_000);
  await (await open()).look();
  assert.equal(server.requests.filter((line) => line.startsWith("issued")).length, 1, "the one that was issued is used");
  assert.ok(readFileSync(acmeFiles(folder).bundle, "latin1").includes("BEGIN CERTIFICATE"));
  assert.equal(ctx.errors().length, 2);
});

test("while a proof is under way, everybody else's handshake goes as always", async (t) => {
  const { certificates, ports, ctx } = await setUp(t);
  certificates.challenges.set("other.example.test", certificates.contextFor(null));
  const { stdout } = await promisify(execFile)("curl",
    ["-sS", "--max-time", "5", "-k", `https://localhost:${ports.https}/`]);
  assert.equal(stdout, "front\n");
  assert.match((await subjectOf(ports.https, certificates.authorityFile!, hostname)).names, /mail\.example\.test/);
  assert.deepEqual(ctx.errors(), []);
});

test("a ClientHello in pieces and records, and what is none", () => {
  const name = Buffer.from("a.b", "latin1");
  const sni = Buffer.concat([Buffer.from("000000080006000003", "hex"), name]);
  const alpn = Buffer.from("0010000d000b0a61636d652d746c732f31", "hex");
  const extensions = Buffer.concat([sni, alpn]);
  const body = Buffer.concat([Buffer.from("0303", "hex"), Buffer.alloc(32), Buffer.from("00" + "00021301" + "0100", "hex"),
    Buffer.from([extensions.length >> 8, extensions.length & 255]), extensions]);
  const message = Buffer.concat([Buffer.from([1, 0, 0, body.length]), body]);
  const record = (part: Buffer): Buffer => Buffer.concat([Buffer.from([0x16, 3, 1, 0, part.length]), part]);
  const hello = { serverName: "a.b", alpnProtocols: ["acme-tls/1"] };
  const whole = record(message);
  assert.deepEqual(parseClientHello(whole), hello);
  assert.deepEqual(parseClientHello(Buffer.concat([record(message.subarray(0, 9)), record(message.subarray(9))])), hello);
  for (let size = 0; size < whole.length; size++) assert.equal(parseClientHello(whole.subarray(0, size)), null, `${size}`);
  assert.equal(parseClientHello(Buffer.from("GET / HTTP/1.1\r\n")), "other");
  assert.equal(parseClientHello(record(Buffer.from([2, 0, 0, 0]))), "other");
});
