/** The real system: timers that can be taken back, clocks, and a resolver against a small name server of the test. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { makeSystem } from "#main/system.ts";
import { pause } from "../../test/support/real-ctx.ts";

test("timers and clocks", async () => {
  const system = makeSystem();
  const fired: string[] = [];
  const cancel = system.setTimer(10, () => fired.push("cancelled"));
  system.setTimer(10, () => fired.push("fired"));
  system.setTimer(2 ** 40, () => fired.push("far"));
  cancel();
  const before = system.monotonicMs();
  await pause(40);
  assert.deepEqual(fired, ["fired"]);
  assert.ok(system.monotonicMs() - before > 30);
  assert.ok(Math.abs(system.nowMs() - Date.now()) < 1000);
  assert.equal(system.randomBytes(12).length, 12);
});

test("names without records are empty, a failing server throws", async (t) => {
  const server = createSocket("udp4");
  t.after(() => server.close());
  server.on("message", (query, peer) => {
    const answer = Buffer.from(query);
    answer[2] = 0x81;
    const name = query.toString("latin1");
    // NXDOMAIN, SERVFAIL, or no error and no records.
    answer[3] = 0x80 | (name.includes("missing") ? 3 : name.includes("broken") ? 2 : 0);
    server.send(answer, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  const { resolver } = makeSystem({ nameServers: [`127.0.0.1:${server.address().port}`] });
  for (const ask of [resolver.mx, resolver.a, resolver.aaaa, resolver.txt, resolver.srv]) {
    assert.deepEqual(await ask("missing.example"), []);
    assert.deepEqual(await ask("empty.example"), []);
    await assert.rejects(ask("broken.example"));
  }
});
