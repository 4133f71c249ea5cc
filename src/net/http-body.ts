/** Bodies of requests, bounded: whole in memory, or as chunks. */
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import type { ZlibOptions } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { HttpRefusal } from "#net/http-answer.ts";
import type { HttpRequest } from "#net/http.ts";

type BodyRequest = Pick<HttpRequest, "incoming" | "ctx" | "bodyMaxBytes" | "takesCompressedBody">;

type Decompress = (body: Buffer, options: Pick<ZlibOptions, "maxOutputLength">) => Promise<Buffer>;
const fromGzip: Decompress = promisify(gunzip);

/** How a body that came compressed is opened. RFC 9110 §8.4.1 */
const codings = {
  "gzip": fromGzip, "x-gzip": fromGzip, "deflate": promisify(inflate) as Decompress,
  "br": promisify(brotliDecompress) as Decompress,
} as const satisfies Record<string, Decompress>;

/**
 * The whole body, at most `maxBytes` (the route's bound when left out) as sent and after decompression. Throws Fault
 * `tooBig` as soon as that is known, HttpRefusal 415 for a coding the route does not take, Fault `invalidArgument` for
 * compressed data that is broken, and Fault `cancelled` when the client leaves. RFC 9110 §15.5.14
 */
export async function readBody(request: BodyRequest, maxBytes: number = request.bodyMaxBytes): Promise<Buffer> {
  const coding = contentCoding(request);
  const chunks: Buffer[] = [];
  for await (const chunk of rawChunks(request, maxBytes)) chunks.push(chunk);
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  return coding === null || body.length === 0 ? body : await decompress(coding, body, maxBytes);
}

/** The chunks of a body as they come, at most `maxBytes`; compressed bodies are refused. Throws like `readBody`. */
export function bodyChunks(
  request: BodyRequest, maxBytes: number = request.bodyMaxBytes,
): AsyncGenerator<Buffer, void, undefined> {
  if (contentCoding({ ...request, takesCompressedBody: false }) !== null) throw new Error("a coding was not refused");
  return rawChunks(request, maxBytes);
}

function contentCoding(request: Pick<BodyRequest, "incoming" | "takesCompressedBody">): keyof typeof codings | null {
  const name = (request.incoming.headers["content-encoding"] ?? "").trim().toLowerCase();
  if (name === "" || name === "identity") return null;
  if (request.takesCompressedBody && Object.hasOwn(codings, name)) return name as keyof typeof codings;
  const accepted = request.takesCompressedBody ? "gzip, deflate, br" : "identity";
  throw new HttpRefusal(415, `Content-Encoding ${name.slice(0, 40)} is not taken here.`, {
    "accept-encoding": accepted,
  });
}

async function* rawChunks(request: BodyRequest, maxBytes: number): AsyncGenerator<Buffer, void, undefined> {
  const { incoming, ctx } = request;
  const announced = Number(incoming.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw bodyTooLarge(maxBytes);
  let size = 0;
  try {
    // The stream outlives a refusal: breaking it off would take the connection and the answer with it.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length;
      if (size > maxBytes) throw bodyTooLarge(maxBytes);
      yield chunk as Buffer;
    }
  } catch (error) {
    if (error instanceof Fault || !(ctx.signal.aborted || isBroken(error))) throw error;
    throw new Fault("cancelled", "The client left before its request was whole.", { cause: error });
  }
  if (ctx.signal.aborted) throw new Fault("cancelled", "The client left before its request was whole.");
}

function isBroken(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code ?? "" : "";
  return ["ECONNRESET", "EPIPE", "ABORT_ERR", "ERR_STREAM_PREMATURE_CLOSE"].includes(code) ||
    code.startsWith("ERR_HTTP2_");
}

export function bodyTooLarge(maxBytes: number): Fault {
  return new Fault("tooBig", `The body of the request is larger than the ${maxBytes} bytes that are taken here.`);
}

async function decompress(coding: keyof typeof codings, body: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await codings[coding](body, { maxOutputLength: Math.max(1, maxBytes) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw bodyTooLarge(maxBytes);
    throw new Fault("invalidArgument", `The ${coding} data of the request is broken.`, { cause: error });
  }
}
