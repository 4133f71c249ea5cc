/**
 * Sign-ins per second: IMAP LOGIN and HTTP Basic with the sign-in remembered, and with a password nobody showed before;
 * SCRAM; an access token. Over loopback, against one server in this process.
 *
 *   node bench/sign-in.ts [SECONDS]
 */
import { Agent, request } from "node:https";
import { makeSystem } from "#main/system.ts";
import { silentLog } from "#base/log.ts";
import { PasswordHasher } from "#directory/password.ts";
import { Lines, plainClient, scramClient, signInBy, startTestServer, tokenClient } from "#main/sign-in-test-kit.ts";
import type { LineProtocol, TestServer } from "#main/sign-in-test-kit.ts";

const seconds = Number(process.argv[2] ?? 3);
const people = 200;
const system = makeSystem();
const ctx = { system, log: silentLog, signal: new AbortController().signal };

/** Runs `work` on so many lanes for a while; how often it was done per second. */
async function rate(lanes: number, work: (lane: number, round: number) => Promise<unknown>): Promise<string> {
  const endMs = system.monotonicMs() + seconds * 1000;
  let done = 0;
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    for (let round = 0; system.monotonicMs() < endMs; round++) {
      await work(lane, round);
      done++;
    }
  }));
  return `${Math.round(done / seconds)}/s`;
}

function httpGet(server: TestServer, agent: Agent, authorization: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({
      agent, host: "localhost", port: server.running.ports.https, method: "POST",
      path: "/autodiscover/autodiscover.xml",
      ca: server.ca, headers: { authorization, "content-type": "text/xml", "content-length": 2 },
    }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    call.on("error", reject);
    call.end("<>");
  });
}

const server = await startTestServer(41_000);
const { directory } = server.running.opened;
const hasher = new PasswordHasher();
const kept = await directory.newPassword(ctx, "u0@example.test", "secret", hasher);
for (let index = 0; index < people; index++) await server.addUser(`u${index}@example.test`, "secret");
const results: [string, string][] = [];

results.push(["the directory, remembered", await rate(8, () => directory.authenticate(ctx,
  { name: "u0@example.test", password: "secret", protocol: "imap", clientAddress: "127.0.0.1" }))]);
results.push(["argon2id alone, two at once", await rate(4, () => hasher.verify("secret", kept.phc))]);
const lane = async (protocol: LineProtocol, make: Parameters<typeof signInBy>[2]): Promise<void> => {
  const { said, lines } = await signInBy(server, protocol, make);
  lines.close();
  if (said !== "in") throw new Error(said);
};
results.push(["IMAP, TLS handshake and greeting only", await rate(4, async () => {
  const lines = new Lines(server.running.ports.imaps);
  await lines.until(/OK.*\r\n/);
  lines.close();
})]);
results.push(["IMAP, PLAIN, remembered", await rate(4, () => lane("imap", plainClient("u0", "secret")))]);
results.push(["IMAP, SCRAM-SHA-256 (the client's 4096 rounds included)",
  await rate(4, () => lane("imap", scramClient("u1", "secret")))]);
const appPassword = await server.credentials.addAppPassword(ctx, { address: "u2@example.test", by: "bench" }, "x", []);
results.push(["IMAP, app password", await rate(4, () => lane("imap", plainClient("u2", appPassword.secret)))]);
results.push(["IMAP, a token that is refused", await rate(4, async () => {
  const { lines } = await signInBy(server, "imap", tokenClient("XOAUTH2", "u0", "nonsense"));
  lines.close();
})]);
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const basic = (name: string): string => `Basic ${Buffer.from(`${name}:secret`).toString("base64")}`;
results.push(["HTTP Basic, remembered, kept connections", await rate(8, () => httpGet(server, agent, basic("u0")))]);
let next = 3;
results.push(["HTTP Basic, first time for each person (hash renewed, SCRAM keys made)",
  await rate(4, () => httpGet(server, agent, basic(`u${next++ % people}`)))]);
agent.destroy();
for (const [name, value] of results) process.stdout.write(`${name.padEnd(76)}${value}\n`);
await server.stop();
