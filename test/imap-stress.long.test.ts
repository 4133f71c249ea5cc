/**
 * The same as `imap-stress.test.ts` for half a minute: fifty connections with random commands in one folder, each checked
 * against its own model of it.
 */
import { test } from "node:test";
import { randomInt } from "node:crypto";
import { stress } from "./support/imap-model.ts";
import { TestServer, password } from "./support/server.ts";

test("fifty connections in one folder", { timeout: 400_000 }, async (context) => {
  const server = await TestServer.start({ users: ["alice"], config: { logLevel: "warn" } });
  try {
    const commands = await stress({
      address: { port: server.ports.imaps, tls: true }, user: "alice", password, connections: 50, durationMs: 30_000,
      seed: randomInt(1, 1_000_000),
    });
    context.diagnostic(`${commands} commands`);
  } finally {
    await server.dispose();
  }
});
