/**
 * Proves that 10,000 idle connections cost little and hold nobody up: 9,000 that never say a word, spread over SMTP,
 * IMAP and POP3, and 1,000 people in IDLE over TLS, who all hear of a new message. When they leave
 * the server is as before. OUTPOST_IDLE_CONNECTIONS sets the count.
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { ImapClient } from "./support/imap-client.ts";
import { sampleMessage } from "./support/load.ts";
import { TestServer, domain, password } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";
import { WireSocket } from "./support/wire-socket.ts";

const total = Number(process.env["OUTPOST_IDLE_CONNECTIONS"] ?? 10_000);
const idlers = Math.floor(total / 10);
const openFiles = Number(spawnSync("sh", ["-c", "ulimit -Hn"],
  { encoding: "utf8" }).stdout.trim().replace("unlimited", "1e9"));
const skip = openFiles > total + 500 ? false : `needs ${total + 500} open files, the limit is ${openFiles}`;

test(`${total} idle connections`, { skip, timeout: 600_000 }, async (t) => {
  const server = await TestServer.start();
  t.after(() => server.dispose());
  const emptyBytes = server.memory().nowBytes;
  const began = performance.now();

  const inIdle: { client: ImapClient; idle: Awaited<ReturnType<ImapClient["idle"]>> }[] = [];
  for (let from = 0; from < idlers; from += 50) {
    inIdle.push(...await Promise.all(Array.from({ length: 50 }, async () => {
      const client = await ImapClient.signedIn(server.at("imaps"), "alice", password);
      await client.ok("SELECT INBOX");
      return { client, idle: await client.idle() };
    })));
  }
  const signedInBytes = server.memory().nowBytes;
  const silent: WireSocket[] = [];
  const ports = (["smtp", "imap", "pop3"] as const).map((name) => server.ports[name]);
  for (let from = 0; from < total - idlers; from += 200) {
    silent.push(...await Promise.all(Array.from({ length: 200 }, async (_, index) => {
      const socket = await WireSocket.open({ port: ports[index % 3]! });
      await socket.line();
      return socket;
    })));
  }
  const fullBytes = server.memory().nowBytes;
  const each = (bytes: number, count: number): string => `${Math.round(bytes / 1024 / count)} KB each`;
  const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;
  t.diagnostic(`open in ${Math.round(performance.now() - began)} ms; resident: empty ${megabytes(emptyBytes)}, ` +
    `${idlers} in IDLE over TLS ${each(signedInBytes - emptyBytes, idlers)}, ` +
    `${silent.length} silent ${each(fullBytes - signedInBytes, silent.length)}, all ${megabytes(fullBytes)}`);

  const sender = await SmtpClient.greeted(server.at("smtp"));
  const woken = inIdle.map(({ idle }) => idle.next(/^\* 1 EXISTS/));
  const reply = await sender.send({ from: "a@outside.example", to: [`alice@${domain}`], bytes: sampleMessage("wake") });
  assert.equal(reply.code, 250, reply.text);
  const acceptedAt = performance.now();
  await woken[0];
  const firstMs = performance.now() - acceptedAt;
  await Promise.all(woken);
  const lastMs = performance.now() - acceptedAt;
  t.diagnostic(`the first of ${idlers} in IDLE was told after ${Math.round(firstMs)} ms, ` +
    `the last after ${Math.round(lastMs)} ms`);
  assert.ok(firstMs < 1000);
  assert.ok(lastMs < 5000);

  for (const { client } of inIdle) client.close();
  for (const socket of silent) socket.close();
  sender.close();
  const after = await ImapClient.signedIn(server.at("imaps"), "alice", password);
  await after.ok("SELECT INBOX");
  after.close();
  assert.deepEqual(server.errors(), []);
  const stopMs = await server.stop();
  t.diagnostic(`stopped in ${Math.round(stopMs)} ms`);
});

test("stopping with clients connected tells each of them and takes less than ten seconds", async (t) => {
  const server = await TestServer.start();
  t.after(() => server.dispose());
  const client = await ImapClient.signedIn(server.at("imaps"), "alice", password);
  await client.ok("SELECT INBOX");
  const idle = await client.idle();
  const bye = idle.next(/^\* BYE/);
  const smtp = await SmtpClient.greeted(server.at("smtp"));
  const goodbye = smtp.reply();
  const stopMs = await server.stop();
  assert.ok(stopMs < 10_000);
  await bye;
  assert.equal((await goodbye).code, 421);
  assert.deepEqual(server.errors(), []);
});
