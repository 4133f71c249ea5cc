/**
 * The HTTP front: HTTP/1.1 and HTTP/2 requests over the same accepted sockets, limits and stop as the line protocols, a
 * table of routes, and clear refusals. Protocols add routes; bodies and answers are streams, and an answer may last for
 * an hour.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { isIP } from "node:net";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { withCtx } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { assert, Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { AddressList } from "#net/addresses.ts";
import type { Listener, RefusalReason } from "#net/api.ts";
import { clientBehindProxies, parseHost } from "#net/forwarded.ts";
import type { HostAndPort } from "#net/forwarded.ts";
import { HttpRefusal, neverCompress, sendEmpty, sendText } from "#net/http-answer.ts";
import { bodyTooLarge } from "#net/http-body.ts";
import { HttpConnection } from "#net/http-connection.ts";
import type { ActiveRequest, HttpTimeouts } from "#net/http-connection.ts";
import type { Accepted, Listeners } from "#net/listeners.ts";

export { sendBody, sendJson, sendText } from "#net/http-answer.ts";

export interface HttpRequest {
  /** Of this request alone; stands in the log and in the answer's `x-request-id`. */
  readonly id: string;
  readonly method: string;
  /** Decoded, as the client spelled it. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The client's, also behind proxies that the administrator trusts. */
  readonly remoteAddress: string;
  /** Whether the client's own connection is TLS, to us or to a trusted proxy. */
  readonly isTls: boolean;
  /** The name the client used: lower case, no trailing dot, no port, IPv6 in brackets. Syntax is checked, no more. */
  readonly host: string;
  /** The port the client named; null for the scheme's own. */
  readonly hostPort: number | null;
  /** `https://host[:port]` as the client spells this server; what answers build their addresses from. */
  readonly origin: string;
  /** Who holds the connection: the client or a proxy, trusted or not. */
  readonly peerAddress: string;
  /** The route's bound, for `readBody` of `http-body.ts`. */
  readonly bodyMaxBytes: number;
  readonly takesCompressedBody: boolean;
  /** With the request's log fields; its signal is aborted when the client leaves before the answer is whole. */
  readonly ctx: Ctx;
  /** Aborted when the server begins to stop: long answers should end. */
  readonly stopping: AbortSignal;
  /**
   * On HTTP/2 these two are the same interfaces over a stream. Reading the body sends `100 Continue` when the client
   * waits for it; answering without reading refuses the upload.
   */
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
}

export type HttpHandler = (request: HttpRequest) => Promise<void> | void;

export interface HttpRoute {
  /** Begins with `/`; compared without regard to case. With a `*` at its end every path that begins like this. */
  readonly path: string;
  /** By method in upper case; GET answers HEAD too. `*` takes what no other does. */
  readonly methods: Readonly<Record<string, HttpHandler>>;
  /** Larger bodies are refused with 413, by Content-Length before the handler runs. 1 MiB when left out. */
  readonly bodyMaxBytes?: number;
  /** Time the whole body may take, else 408. Five minutes when left out. */
  readonly bodyTimeoutMs?: number;
  /** `readBody` opens gzip, deflate and br; the bound holds for what comes out too. */
  readonly takesCompressedBody?: boolean;
  /** Answered without TLS where the front sends everything else to https. */
  readonly servesPlain?: boolean;
  /** False for answers that mix secrets with what strangers can choose. */
  readonly compress?: boolean;
}

export interface HttpFrontOptions {
  readonly ctx: Ctx;
  readonly routes: readonly HttpRoute[];
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Stands for the name of a client that names none (HTTP/1.0). */
  readonly hostname?: string;
  /** Whose Forwarded and X-Forwarded fields are believed. */
  readonly trustedProxies?: AddressList;
  /** Send requests that came without TLS to this port with TLS, except on routes that serve plain. */
  readonly securePort?: number;
  /** Strict-Transport-Security of answers over TLS, seconds; 0 for none. RFC 6797 §6.1 */
  readonly hstsSeconds?: number;
}

/** A request on either version of the protocol before it is looked at. */
interface Arrived {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: HttpConnection;
  readonly stream: ServerHttp2Stream | null;
}

export class HttpFront {
  readonly #ctx: Ctx;
  readonly #options: HttpFrontOptions;
  readonly #trusted: AddressList;
  readonly #exact = new Map<string, HttpRoute>();
  /** Longest first. */
  readonly #prefixes: { readonly start: string; readonly route: HttpRoute }[] = [];
  readonly #server: Server;
  readonly #server2: Http2Server;
  readonly #connections = new WeakMap<object, HttpConnection>();
  readonly #timeouts: HttpTimeouts;

  constructor(options: HttpFrontOptions) {
    this.#ctx = options.ctx;
    this.#options = options;
    this.#trusted = options.trustedProxies ?? new AddressList([]);
    this.#timeouts = { headMs: limits.httpHeadTimeoutMs, stallMs: limits.httpStallTimeoutMs, ...options.timeouts };
    for (const route of options.routes) this.addRoute(route);
    this.#server = createServer({
      maxHeaderSize: limits.httpHeadMaxBytes, requireHostHeader: true, keepAlive: false,
      // Time is kept by HttpConnection, which shares one timer with all other connections.
      headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0,
    });
    // Beyond a count node drops fields in silence; they are counted here instead.
    this.#server.maxHeadersCount = 0;
    this.#server.on("clientError", (error: Error & { code?: string }, socket) => {
      refuseBrokenRequest(error, socket as Socket);
    });
    this.#server2 = createHttp2Server({
      settings: {
        maxConcurrentStreams: limits.http2StreamsMax, initialWindowSize: limits.http2WindowBytes,
        maxHeaderListSize: limits.httpHeadMaxBytes,
      },
      maxHeaderListPairs: limits.httpFieldsMax, maxSessionMemory: limits.http2MemoryMaxMegabytes,
      maxOutstandingPings: limits.http2PingsMax, maxSessionInvalidFrames: limits.http2InvalidFramesMax,
      maxSessionRejectedStreams: limits.http2RejectedStreamsMax,
      streamResetBurst: limits.http2ResetBurst, streamResetRate: limits.http2ResetsPerSecond,
    });
    this.#takeRequests();
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
      alpnProtocols: ["h2", "http/1.1"],
      refusal: httpRefusal,
      onSocket: (accepted) => this.#connect(accepted),
    });
  }

  #connect(accepted: Accepted): HttpConnection {
    const { socket } = accepted;
    const connection = new HttpConnection(accepted, this.#timeouts);
    if (!(socket instanceof TLSSocket) || socket.alpnProtocol !== "h2") {
      this.#connections.set(socket, connection);
      this.#server.emit("connection", socket);
      return connection;
    }
    // node:tls leaves this set on sockets that no server of its own accepted, and node:http2 would wait for ever.
    Object.assign(socket, { secureConnecting: false });
    let adopted = false;
    this.#server2.once("session", (session: ServerHttp2Session) => {
      adopted = true;
      this.#connections.set(session, connection);
      session.on("error", (error) => this.#ctx.log.debug({ error: error.message }, "HTTP/2 connection broke"));
      connection.adopt(session);
    });
    this.#server2.emit("connection", socket);
    assert(adopted, "a session begins with its connection");
    return connection;
  }

  #takeRequests(): void {
    const take = (expects: boolean) => (incoming: IncomingMessage, response: ServerResponse): void => {
      const connection = this.#connections.get(incoming.socket);
      if (connection === undefined) response.destroy();
      else void this.#answer({ incoming, response, connection, stream: null }, expects);
    };
    this.#server.on("request", take(false));
    this.#server.on("checkContinue", take(true));
    const take2 = (expects: boolean) => (
      incoming: IncomingMessage & { stream: ServerHttp2Stream }, response: ServerResponse,
    ): void => {
      const { stream } = incoming;
      const connection = stream.session === undefined ? undefined : this.#connections.get(stream.session);
      if (connection === undefined) response.destroy();
      else void this.#answer({ incoming, response, connection, stream }, expects);
    };
    // The compatibility classes of node:http2 have the methods of those of node:http, though not their types.
    const untyped: NodeJS.EventEmitter = this.#server2;
    untyped.on("request", take2(false));
    untyped.on("checkContinue", take2(true));
    untyped.on("sessionError", (error: Error) => this.#ctx.log.debug({ error: error.message }, "HTTP/2 broke"));
  }

  #find(path: string): HttpRoute | undefined {
    const lower = path.toLowerCase();
    return this.#exact.get(lower) ?? this.#prefixes.find(({ start }) => lower.startsWith(start))?.route;
  }

  async #answer(arrived: Arrived, expectsContinue: boolean): Promise<void> {
    const { incoming, response, connection, stream } = arrived;
    const active = connection.begin(incoming, response, stream, expectsContinue);
    if (!await active.turn || active.signal.aborted) return;
    response.setHeader("x-request-id", active.id);
    let ctx: Ctx = this.#ctx;
    const startedMs = ctx.system.monotonicMs();
    try {
      const request = this.#understand(arrived, active);
      ctx = request.ctx;
      await this.#dispatch(request, active);
    } catch (error) {
      refuse(ctx, response, error);
    }
    const elapsedMs = Math.round(ctx.system.monotonicMs() - startedMs);
    const pathOnly = (incoming.url ?? "").split("?", 1)[0];
    ctx.log.debug({ method: incoming.method, path: pathOnly, status: response.statusCode, elapsedMs }, "request");
  }

  /** Everything that is known before a route is looked for. Throws HttpRefusal for what cannot be understood. */
  #understand({ incoming, response, connection, stream }: Arrived, active: ActiveRequest): HttpRequest {
    const peer = { address: connection.remoteAddress, isTls: connection.isTls };
    const client = clientBehindProxies(peer, incoming.headers, this.#trusted);
    const fields = { connection: active.id, client: client.remoteAddress };
    const ctx: Ctx = { ...withCtx(this.#ctx, { fields }), signal: active.signal };
    if (incoming.httpVersionMajor < 1) throw new HttpRefusal(400, "HTTP/0.9 is not spoken here.");
    if (incoming.rawHeaders.length / 2 > limits.httpFieldsMax) {
      throw new HttpRefusal(431, `More than ${limits.httpFieldsMax} fields are not read.`);
    }
    const target = parseTarget(incoming.url ?? "");
    if (target === null) throw new HttpRefusal(400, "The address of the request cannot be read.");
    const named = client.host ?? this.#hostOf(incoming, stream, target.authority);
    const hostPort = named.port === (client.isTls ? 443 : 80) ? null : named.port;
    return {
      id: active.id, method: incoming.method ?? "GET", path: target.path, query: target.query,
      remoteAddress: client.remoteAddress, isTls: client.isTls, host: named.host, hostPort,
      origin: `${client.isTls ? "https" : "http"}://${named.host}${hostPort === null ? "" : `:${hostPort}`}`,
      peerAddress: peer.address, bodyMaxBytes: limits.httpBodyMaxBytes, takesCompressedBody: false,
      ctx, stopping: connection.stopping, incoming, response,
    };
  }

  /** One name, well formed, the same wherever it stands. RFC 9112 §3.2, RFC 9113 §8.3.1 */
  #hostOf(incoming: IncomingMessage, stream: ServerHttp2Stream | null, ofTarget: string | null): HostAndPort {
    const { headers, rawHeaders } = incoming;
    let count = 0;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      if (rawHeaders[index]!.toLowerCase() === "host") count++;
    }
    const pseudo = stream === null ? undefined : headers[":authority"]?.toString();
    const field = headers.host;
    if (count > 1 || (pseudo !== undefined && field !== undefined && pseudo.toLowerCase() !== field.toLowerCase())) {
      throw new HttpRefusal(400, "The request names more than one host.");
    }
    const text = ofTarget ?? pseudo ?? field ?? "";
    // Handlers find the name in the same place on both versions.
    if (pseudo !== undefined) headers.host = pseudo;
    if (text === "") return { host: this.#options.hostname ?? "localhost", port: null };
    const named = parseHost(text);
    if (named === null) throw new HttpRefusal(400, "The Host field is not the name of a host.");
    return named;
  }

  async #dispatch(request: HttpRequest, active: ActiveRequest): Promise<void> {
    const { response, method } = request;
    const route = this.#find(request.path);
    const { securePort, hstsSeconds } = this.#options;
    if (securePort !== undefined && !request.isTls && route?.servesPlain !== true) {
      return redirectToTls(request, securePort);
    }
    if (request.isTls && hstsSeconds !== undefined && hstsSeconds > 0 && isPublicName(request.host)) {
      response.setHeader("strict-transport-security", `max-age=${hstsSeconds}`);
    }
    if (route === undefined) return sendText(response, 404, `Nothing is at ${request.path} on this server.`);
    const { methods } = route;
    const handler = methods[method] ?? (method === "HEAD" ? methods["GET"] : undefined) ?? methods["*"];
    if (handler === undefined) {
      const allowed = Object.keys(methods);
      if (allowed.includes("GET")) allowed.push("HEAD");
      response.setHeader("allow", [...allowed, "OPTIONS"].join(", "));
      if (method === "OPTIONS") return sendEmpty(response, 204);
      return sendText(response, 405, `${method} is not possible here. Possible: ${allowed.join(", ")}.`);
    }
    const bodyMaxBytes = route.bodyMaxBytes ?? limits.httpBodyMaxBytes;
    if (Number(request.incoming.headers["content-length"] ?? 0) > bodyMaxBytes) throw bodyTooLarge(bodyMaxBytes);
    active.boundBody({
      maxBytes: bodyMaxBytes, timeoutMs: route.bodyTimeoutMs ?? limits.httpBodyTimeoutMs,
      refuse: (why) => refuse(request.ctx, response, why === "tooLarge"
        ? bodyTooLarge(bodyMaxBytes) : new HttpRefusal(408, "The request took too long to arrive.")),
    });
    if (route.compress === false) neverCompress(response);
    await handler({ ...request, bodyMaxBytes, takesCompressedBody: route.takesCompressedBody === true });
  }
}

/** To the same place with TLS; the method is kept where it is not one of looking (RFC 9110 §15.4.9). */
function redirectToTls({ response, host, path, method, incoming }: HttpRequest, securePort: number): void {
  const target = parseTarget(incoming.url ?? "")?.raw ?? path;
  const port = securePort === 443 ? "" : `:${securePort}`;
  response.setHeader("location", `https://${host}${port}${target}`);
  const status = method === "GET" || method === "HEAD" ? 302 : 308;
  sendText(response, status, "This server is spoken to with https only.");
}

/** Names that browsers may remember something about; `localhost` belongs to other programs too. */
function isPublicName(host: string): boolean {
  return isIP(host) === 0 && !host.startsWith("[") && host.includes(".") && !host.endsWith(".localhost");
}

/** What a request target says; `raw` is path and query as they were sent. */
export interface RequestTarget {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly raw: string;
  /** Of the absolute form, which counts more than the Host field; null in the others. */
  readonly authority: string | null;
}

/** A request target in origin, absolute or asterisk form; null when it cannot be read. RFC 9112 §3.2 */
export function parseTarget(target: string): RequestTarget | null {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? "";
  const tail = target.slice(absolute.length);
  const rest = absolute !== "" && !tail.startsWith("/") ? `/${tail}` : tail;
  const authority = absolute === "" ? null : absolute.slice(absolute.indexOf("//") + 2);
  const shape = { raw: rest, authority };
  if (!rest.startsWith("/")) return rest === "*" ? { path: "*", query: new URLSearchParams(), ...shape } : null;
  const mark = rest.indexOf("?");
  const rawPath = mark < 0 ? rest : rest.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : rest.slice(mark + 1));
  if (!rawPath.includes("%")) return { path: rawPath, query, ...shape };
  try {
    const path = decodeURIComponent(rawPath);
    return path.includes("\0") ? null : { path, query, ...shape };
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** What a handler threw, as an answer. Once the answer has begun the only honest end is to break it off. */
function refuse(ctx: Ctx, response: ServerResponse, error: unknown): void {
  const expected = error instanceof Fault || error instanceof HttpRefusal;
  // An answer that is whole, or nobody there to read it: what the handler then stumbles over is no trouble of ours.
  const isOver = response.writableEnded || response.destroyed || ctx.signal.aborted;
  if (!expected && isOver) ctx.log.debug({ error }, "request ended early");
  else if (!expected) ctx.log.error({ error }, "request ended by an error");
  if (response.writableEnded) return;
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) {
    if (/^content-/.test(name)) response.removeHeader(name);
  }
  if (error instanceof Fault) sendText(response, error.row.http, error.message);
  else if (error instanceof HttpRefusal) {
    for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    sendText(response, error.status, error.message);
  } else sendText(response, 500, "Something went wrong in the server; its log has more under the x-request-id.");
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
