/**
 * The HTTP front: requests over the same accepted sockets, limits and stop as the line protocols, a table of routes,
 * and clear refusals. Protocols add routes; bodies and answers are streams, and an answer may last for an hour.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { withCtx } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Listener, RefusalReason } from "#net/api.ts";
import { HttpConnection } from "#net/http-connection.ts";
import type { HttpTimeouts } from "#net/http-connection.ts";
import type { Listeners } from "#net/listeners.ts";

export interface HttpRequest {
  /** Of this request alone; stands in the log and in the answer's `x-request-id`. */
  readonly id: string;
  readonly method: string;
  /** Decoded, as the client spelled it. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly remoteAddress: string;
  readonly isTls: boolean;
  /** With the request's log fields; its signal is aborted when the client leaves before the answer is whole. */
  readonly ctx: Ctx;
  /** Aborted when the server begins to stop: long answers should end. */
  readonly stopping: AbortSignal;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
}

export type HttpHandler = (request: HttpRequest) => Promise<void> | void;

export interface HttpRoute {
  /** Begins with `/`; compared without regard to case. With a `*` at its end every path that begins like this. */
  readonly path: string;
  /** By method in upper case; GET answers HEAD too. `*` takes what no other does. */
  readonly methods: Readonly<Record<string, HttpHandler>>;
}

export interface HttpFrontOptions {
  readonly ctx: Ctx;
  readonly routes: readonly HttpRoute[];
  readonly timeouts?: Partial<HttpTimeouts>;
}

export class HttpFront {
  readonly #ctx: Ctx;
  readonly #exact = new Map<string, HttpRoute>();
  /** Longest first. */
  readonly #prefixes: { readonly start: string; readonly route: HttpRoute }[] = [];
  readonly #server: Server;
  readonly #connections = new WeakMap<Socket, HttpConnection>();
  readonly #timeouts: HttpTimeouts;

  constructor(options: HttpFrontOptions) {
    this.#ctx = options.ctx;
    this.#timeouts = { headMs: limits.httpHeadTimeoutMs, stallMs: limits.httpStallTimeoutMs, ...options.timeouts };
    for (const route of options.routes) this.addRoute(route);
    this.#server = createServer({
      maxHeaderSize: limits.httpHeadMaxBytes, requireHostHeader: true, keepAlive: false,
      // Time is kept by HttpConnection, which shares one timer with all other connections.
      headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0,
    }, (incoming, response) => void this.#answer(incoming, response));
    this.#server.on("clientError", (error: Error & { code?: string }, socket) => {
      refuseBrokenRequest(error, socket as Socket);
    });
  }

  /** Later routes take the place of earlier ones with the same path. */
  addRoute(route: HttpRoute): void {
    const path = route.path.toLowerCase();
    if (!path.endsWith("*")) {
      this.#exact.set(path, route);
      return;
    }
    const start = path.slice(0, -1);
    const others = this.#prefixes.filter((prefix) => prefix.start !== start);
    this.#prefixes.splice(0, this.#prefixes.length, ...others, { start, route });
    this.#prefixes.sort((a, b) => b.start.length - a.start.length);
  }

  listen(
    listeners: Listeners, options: { name: string; port: number; address: string; tls: "none" | "implicit" },
  ): Promise<Listener> {
    return listeners.listenSockets({
      ...options,
      alpnProtocols: ["http/1.1"],
      refusal: httpRefusal,
      onSocket: (accepted) => {
        const connection = new HttpConnection(accepted, this.#timeouts);
        this.#connections.set(accepted.socket, connection);
        this.#server.emit("connection", accepted.socket);
        return connection;
      },
    });
  }

  #find(path: string): HttpRoute | undefined {
    const lower = path.toLowerCase();
    return this.#exact.get(lower) ?? this.#prefixes.find(({ start }) => lower.startsWith(start))?.route;
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.get(incoming.socket);
    if (connection === undefined) {
      response.destroy();
      return;
    }
    const begun = connection.begin(incoming, response);
    const fields = { connection: begun.id, client: connection.remoteAddress };
    const ctx: Ctx = { ...withCtx(this.#ctx, { fields }), signal: begun.signal };
    response.setHeader("x-request-id", begun.id);
    const startedMs = ctx.system.monotonicMs();
    try {
      await this.#dispatch(incoming, response, ctx, connection, begun.id);
    } catch (error) {
      refuse(ctx, response, error);
    }
    const elapsedMs = Math.round(ctx.system.monotonicMs() - startedMs);
    const pathOnly = (incoming.url ?? "").split("?", 1)[0];
    ctx.log.debug({ method: incoming.method, path: pathOnly, status: response.statusCode, elapsedMs }, "request");
  }

  async #dispatch(
    incoming: IncomingMessage, response: ServerResponse, ctx: Ctx, connection: HttpConnection, id: string,
  ): Promise<void> {
    const target = parseTarget(incoming.url ?? "");
    if (target === null) return sendText(response, 400, "The address of the request cannot be read.");
    const route = this.#find(target.path);
    if (route === undefined) return sendText(response, 404, `Nothing is at ${target.path} on this server.`);
    const method = incoming.method ?? "GET";
    const { methods } = route;
    const handler = methods[method] ?? (method === "HEAD" ? methods["GET"] : undefined) ?? methods["*"];
    if (handler === undefined) {
      const allowed = Object.keys(methods);
      if (allowed.includes("GET")) allowed.push("HEAD");
      response.setHeader("allow", [...allowed, "OPTIONS"].join(", "));
      if (method === "OPTIONS") return sendEmpty(response, 204);
      return sendText(response, 405, `${method} is not possible here. Possible: ${allowed.join(", ")}.`);
    }
    await handler({
      id, method, path: target.path, query: target.query, remoteAddress: connection.remoteAddress,
      isTls: incoming.socket instanceof TLSSocket, ctx, stopping: connection.stopping, incoming, response,
    });
  }
}

/** Path and query of a request target in origin or absolute form; null when it cannot be read. RFC 9112 §3.2 */
export function parseTarget(target: string): { path: string; query: URLSearchParams } | null {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? "";
  const tail = target.slice(absolute.length);
  const rest = absolute !== "" && !tail.startsWith("/") ? `/${tail}` : tail;
  if (!rest.startsWith("/")) return rest === "*" ? { path: "*", query: new URLSearchParams() } : null;
  const mark = rest.indexOf("?");
  const rawPath = mark < 0 ? rest : rest.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : rest.slice(mark + 1));
  if (!rawPath.includes("%")) return { path: rawPath, query };
  try {
    const path = decodeURIComponent(rawPath);
    return path.includes("\0") ? null : { path, query };
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** A short answer of plain text. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  sendBody(response, status, "text/plain; charset=utf-8", `${text}\n`);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendBody(response, status, "application/json; charset=utf-8", `${JSON.stringify(value)}\n`);
}

/** A whole answer of the given type, not to be cached. */
export function sendBody(
  response: ServerResponse, status: number, contentType: string, body: string | Uint8Array,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}

function sendEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status);
  response.end();
}

/** What a handler threw, as an answer. Once the answer has begun the only honest end is to break it off. */
function refuse(ctx: Ctx, response: ServerResponse, error: unknown): void {
  if (!(error instanceof Fault)) ctx.log.error({ error }, "request ended by an error");
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (error instanceof Fault) sendText(response, error.row.http, error.message);
  else sendText(response, 500, "Something went wrong in the server; its log has more under the x-request-id.");
}

function httpRefusal(reason: RefusalReason): string {
  const status = reason === "tooManyFromAddress" ? "429 Too Many Requests" : "503 Service Unavailable";
  return `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\nretry-after: 10\r\n\r\n`;
}

/** Bytes that are no request: one clear line, then the end. RFC 9112 §3 */
function refuseBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  if (!socket.writable || socket.bytesWritten > 0 || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
