/** Answers: short ones in one go, long ones as a stream, both compressed where the client takes it. */
import type { ServerResponse } from "node:http";
import { brotliCompressSync, constants, createBrotliCompress, createGzip, gzipSync } from "node:zlib";
import type { BrotliCompress, Gzip } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";

/** A refusal with a status that no Fault has, and fields that go with it. */
export class HttpRefusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = "HttpRefusal";
    this.status = status;
    this.headers = headers;
  }
}

/** A short answer of plain text. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  sendBody(response, status, "text/plain; charset=utf-8", `${text}\n`);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendBody(response, status, "application/json; charset=utf-8", `${JSON.stringify(value)}\n`);
}

/** An answer without a body. */
export function sendEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status);
  response.end();
}

/**
 * A page for people, with the fields that keep others from framing it or running code in it. `contentSecurityPolicy`
 * takes the place of one that allows nothing but the page's own styles.
 */
export function sendPage(response: ServerResponse, status: number, html: string, contentSecurityPolicy?: string): void {
  response.setHeader("content-security-policy", contentSecurityPolicy ??
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; " +
    "frame-ancestors 'none'");
  response.setHeader("x-frame-options", "DENY");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("permissions-policy", "camera=(), geolocation=(), microphone=()");
  sendBody(response, status, "text/html; charset=utf-8", html);
}

/** A whole answer of the given type, not to be cached unless a field set before says otherwise. */
export function sendBody(
  response: ServerResponse, status: number, contentType: string, body: string | Uint8Array,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  let bytes = body;
  const coding = codingFor(response, contentType, body.length);
  if (coding !== null) {
    if (body.length > limits.httpCompressAtOnceMaxBytes) {
      writeInPieces(asBytes(body), openAnswer(response, status, contentType, coding).writable);
      return;
    }
    bytes = coding === "br" ? brotliCompressSync(body, brotliOptions) : gzipSync(body, gzipOptions);
    response.setHeader("content-encoding", coding);
  }
  writeHead(response, status, contentType, typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length);
  if (bytes.length <= limits.httpPieceBytes) response.end(bytes);
  else writeInPieces(asBytes(bytes), response);
}

/** A long answer, written as its parts come. */
export interface AnswerStream {
  /** Waits while the client is slow; rejects with Fault `cancelled` when it is gone. */
  write(chunk: Uint8Array | string): Promise<void>;
  /** Lets go what compression holds back: call it before a pause. */
  flush(): Promise<void>;
  end(chunk?: Uint8Array | string): Promise<void>;
  /** The same for `pipeline`. */
  readonly writable: NodeJS.WritableStream;
}

/** Begins an answer of unknown length; fields are set on `response` before. */
export function beginAnswer(response: ServerResponse, status: number, contentType: string): AnswerStream {
  return openAnswer(response, status, contentType, codingFor(response, contentType, Infinity));
}

function openAnswer(
  response: ServerResponse, status: number, contentType: string, coding: ContentCoding | null,
): PlainAnswer {
  if (coding !== null) response.setHeader("content-encoding", coding);
  writeHead(response, status, contentType, null);
  if (response.req.method === "HEAD") response.end();
  if (coding === null) return new PlainAnswer(response, null);
  const squeeze = coding === "br" ? createBrotliCompress(brotliOptions) : createGzip(gzipOptions);
  squeeze.pipe(response);
  response.once("close", () => squeeze.destroy());
  return new PlainAnswer(response, squeeze);
}

class PlainAnswer implements AnswerStream {
  readonly #response: ServerResponse;
  readonly #squeeze: BrotliCompress | Gzip | null;

  constructor(response: ServerResponse, squeeze: BrotliCompress | Gzip | null) {
    this.#response = response;
    this.#squeeze = squeeze;
  }

  get writable(): BrotliCompress | Gzip | ServerResponse {
    return this.#squeeze ?? this.#response;
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.#isOver()) return;
    if (!this.writable.write(chunk)) await this.#happens("drain");
  }

  async flush(): Promise<void> {
    if (this.#isOver() || this.#squeeze === null) return;
    const squeeze = this.#squeeze;
    await this.#unlessGone((resolve) => squeeze.flush(resolve));
  }

  async end(chunk: Uint8Array | string = ""): Promise<void> {
    if (this.#isOver()) return;
    this.writable.end(chunk);
    await this.#happens("finish");
  }

  /** True when nothing is to be written (HEAD); throws when the client is gone. */
  #isOver(): boolean {
    if (this.#response.req.method === "HEAD") return true;
    if (this.#response.destroyed || this.#response.closed) throw gone();
    return false;
  }

  #happens(event: "drain" | "finish"): Promise<void> {
    const from = event === "finish" ? this.#response : this.writable;
    return this.#unlessGone((resolve) => from.once(event, resolve));
  }

  #unlessGone(wait: (resolve: () => void) => void): Promise<void> {
    const response = this.#response;
    return new Promise((resolve, reject) => {
      const onClose = (): void => reject(gone());
      response.once("close", onClose);
      wait(() => {
        response.off("close", onClose);
        resolve();
      });
    });
  }
}

function gone(): Fault {
  return new Fault("cancelled", "The client closed the connection.");
}

function writeHead(response: ServerResponse, status: number, contentType: string, size: number | null): void {
  if (!response.hasHeader("cache-control")) response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  response.writeHead(status, {
    "content-type": contentType, ...size === null ? {} : { "content-length": size },
  });
}

function asBytes(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? Buffer.from(body, "utf8") : body;
}

/** Pieces by pieces as the client takes them: one large write would look like standing still to a slow one. */
function writeInPieces(bytes: Uint8Array, to: NodeJS.WritableStream): void {
  let at = 0;
  const next = (): void => {
    for (;;) {
      const piece = bytes.subarray(at, at + limits.httpPieceBytes);
      at += piece.length;
      if (at >= bytes.length) {
        to.end(piece);
        return;
      }
      if (!to.write(piece)) {
        to.once("drain", next);
        return;
      }
    }
  };
  next();
}

export type ContentCoding = "br" | "gzip";

const gzipOptions = { level: 5 };
const brotliOptions = { params: {
  [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
} };

const uncompressed = new WeakSet<ServerResponse>();

/** Keeps an answer as it is: one that mixes a secret with what a stranger chose must not be squeezed (BREACH). */
export function neverCompress(response: ServerResponse): void {
  uncompressed.add(response);
}

/** Types that shrink: text, and what is text in all but name. */
const textTypes = /^(?:text\/|application\/(?:[\w.+-]*(?:json|xml)|javascript|x-ns-proxy-autoconfig)|image\/svg)/i;

function codingFor(response: ServerResponse, contentType: string, sizeBytes: number): ContentCoding | null {
  if (sizeBytes < limits.httpCompressMinBytes || !textTypes.test(contentType)) return null;
  if (uncompressed.has(response) || response.hasHeader("content-encoding")) return null;
  const { method, headers } = response.req;
  if (method === "HEAD") return null;
  response.appendHeader("vary", "accept-encoding");
  return chooseCoding(headers["accept-encoding"]);
}

/** The coding a client likes best of those we write; null for none. RFC 9110 §12.5.3 */
export function chooseCoding(field: string | string[] | undefined): ContentCoding | null {
  const weights = new Map<string, number>();
  for (const item of String(field ?? "").slice(0, 1000).split(",")) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    weights.set(name, Number.isFinite(weight) ? weight : 0);
  }
  const weightOf = (name: string): number => weights.get(name) ?? weights.get("*") ?? 0;
  const br = weightOf("br");
  const gzip = Math.max(weightOf("gzip"), weights.get("x-gzip") ?? 0);
  if (br <= 0 && gzip <= 0) return null;
  return br >= gzip ? "br" : "gzip";
}
