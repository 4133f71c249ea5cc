/** A front on real sockets with certificates of its own, for the tests of this room. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { TestContext } from "node:test";
import { Certificates } from "#net/certificates.ts";
import { HttpFront } from "#net/http.ts";
import type { HttpFrontOptions, HttpRoute } from "#net/http.ts";
import { Listeners } from "#net/listeners.ts";
import type { ListenersOptions } from "#net/listeners.ts";
import { realCtx, temporaryFolder } from "../../test/support/real-ctx.ts";
import type { TestCtx } from "../../test/support/real-ctx.ts";

export interface TestFront {
  readonly ctx: TestCtx;
  readonly listeners: Listeners;
  readonly port: number;
  readonly securePort: number;
  readonly caFile: string;
}

export async function startFront(t: TestContext, routes: readonly HttpRoute[], options: {
  front?: Partial<HttpFrontOptions>; listeners?: Partial<ListenersOptions>;
} = {}): Promise<TestFront> {
  const ctx = realCtx();
  const directory = temporaryFolder(t);
  const credentials = await Certificates.open(ctx, {
    directory, hostname: "mail.example.test", domains: ["example.test"],
  });
  const listeners = new Listeners({ ctx, credentials, limits: { stopTimeoutMs: 300 }, ...options.listeners });
  t.after(() => listeners.stop());
  const front = new HttpFront({ ctx, routes, hostname: "mail.example.test", ...options.front });
  const { port } = await front.listen(listeners, { name: "http", port: 0, address: "127.0.0.1", tls: "none" });
  const secure = await front.listen(listeners, { name: "https", port: 0, address: "127.0.0.1", tls: "implicit" });
  return { ctx, listeners, port, securePort: secure.port, caFile: `${directory}/ca.pem` };
}

export type RawClient = Socket & { text(): string; ended(): boolean };

/** A client that sends what it is told and keeps what it gets. */
export function rawClient(t: TestContext, port: number): RawClient {
  const socket = connect({ port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  let ended = false;
  socket.on("data", (chunk: Buffer) => { chunks.push(chunk); });
  for (const event of ["end", "close"]) socket.on(event, () => { ended = true; });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return Object.assign(socket, { text: () => Buffer.concat(chunks).toString("latin1"), ended: () => ended });
}
