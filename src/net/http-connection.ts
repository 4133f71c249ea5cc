/** Time, order, stop and counting of one HTTP connection; the bytes belong to node:http and node:http2. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants } from "node:http2";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { limits } from "#base/limits.ts";
import type { Deadlines, Watched } from "#net/deadlines.ts";
import type { Accepted, Stoppable } from "#net/listeners.ts";

export interface HttpTimeouts {
  /** From the opening, or the end of the last answer, to the end of the next request's head. */
  readonly headMs: number;
  /** Without progress in a request's body or in an answer the client should be reading. */
  readonly stallMs: number;
}

/** One request between its head and the end of its answer. */
export interface ActiveRequest {
  readonly id: string;
  /** Aborted when the client leaves before the answer is whole. */
  readonly signal: AbortSignal;
  /** When it is this request's turn: on HTTP/1.1 answers go in the order of the requests. False: the client left. */
  readonly turn: Promise<boolean>;
  /** The route is known: what its body may take. `refuse` is called once when it takes more. */
  boundBody(bound: { maxBytes: number; timeoutMs: number; refuse(why: "tooLarge" | "tooSlow"): void }): void;
}

interface Entry {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly stream: ServerHttp2Stream | null;
  readonly gone: AbortController;
  readonly start: (goOn: boolean) => void;
  bodyBytes: number;
  bodyBytesSeen: number;
  bodyMaxBytes: number;
  bodyDueMs: number;
  /** The client waits for our 100 before it sends the body. */
  awaitsContinue: boolean;
  /** Counts what left on an HTTP/2 stream: its buffer became empty so often, and holds so much. */
  drains: number;
  sentSeen: string;
  refuse: ((why: "tooLarge" | "tooSlow") => void) | null;
}

/**
 * Between requests the deadline is for the next head. While requests are under way the deadline is a look at progress:
 * a body that is not whole must grow and an answer that waits in the buffer must shrink. An answer that has nothing to
 * send yet (a long poll) may take as long as its handler likes. On HTTP/2 each stream is looked at by itself, because
 * pings and other streams move bytes too.
 */
export class HttpConnection implements Stoppable, Watched {
  /** Who holds the connection: the client or a proxy. */
  readonly remoteAddress: string;
  readonly isTls: boolean;
  deadlineMs: number;
  readonly #id: string;
  readonly #socket: Socket;
  readonly #deadlines: Deadlines;
  readonly #timeouts: HttpTimeouts;
  readonly #stop = new AbortController();
  readonly #active = new Set<Entry>();
  #session: ServerHttp2Session | null = null;
  #requests = 0;
  /** Our side is closed: there is no next head to wait for. */
  #isClosing = false;
  #bytesSeen = -1;
  #lookedMs = -Infinity;

  constructor(accepted: Accepted, timeouts: HttpTimeouts) {
    this.remoteAddress = accepted.remoteAddress;
    this.isTls = accepted.isTls;
    this.#id = accepted.id;
    this.#socket = accepted.socket;
    this.#deadlines = accepted.deadlines;
    this.#timeouts = timeouts;
    this.deadlineMs = this.#deadlines.nowMs + Math.min(timeouts.headMs, limits.httpFirstHeadTimeoutMs);
    this.#deadlines.add(this);
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("_tlsError", () => this.#socket.destroy());
    this.#socket.once("close", () => {
      for (const entry of this.#active) this.#leave(entry);
      this.#deadlines.delete(this);
      accepted.onClosed();
    });
  }

  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  /** The connection speaks HTTP/2. */
  adopt(session: ServerHttp2Session): void {
    this.#session = session;
    session.setLocalWindowSize(limits.http2WindowBytes * 4);
    session.once("close", () => this.#socket.destroy());
    if (this.#stop.signal.aborted) session.close();
  }

  /** A request's head is whole. */
  begin(
    incoming: IncomingMessage, response: ServerResponse, stream: ServerHttp2Stream | null, awaitsContinue: boolean,
  ): ActiveRequest {
    const turn = Promise.withResolvers<boolean>();
    const entry: Entry = {
      incoming, response, stream, awaitsContinue, gone: new AbortController(), start: turn.resolve,
      bodyBytes: 0, bodyBytesSeen: -1, bodyMaxBytes: Infinity, bodyDueMs: Infinity, drains: 0, sentSeen: "",
      refuse: null,
    };
    const isFirst = this.#active.size === 0;
    this.#active.add(entry);
    if (isFirst || stream !== null) entry.start(true);
    if (isFirst) {
      this.#bytesSeen = -1;
      this.#lookedMs = this.#deadlines.nowMs;
      this.#setDeadline(this.#timeouts.stallMs);
    }
    if (this.#stop.signal.aborted || this.#active.size > limits.httpPipelineMax) response.shouldKeepAlive = false;
    if (awaitsContinue) this.#continueWhenRead(entry);
    this.#countBody(entry);
    stream?.on("drain", () => { entry.drains++; });
    (stream ?? response).once("finish", () => {
      if (!isBodyWhole(entry) && !isSmall(entry)) this.#closeAfter(entry);
    });
    response.once("close", () => this.#leave(entry));
    return {
      id: `${this.#id}.${++this.#requests}`, signal: entry.gone.signal, turn: turn.promise,
      boundBody: ({ maxBytes, timeoutMs, refuse }) => {
        entry.bodyMaxBytes = maxBytes;
        entry.refuse = refuse;
        entry.bodyDueMs = this.#deadlines.nowMs + timeoutMs;
        if (entry.bodyDueMs < this.deadlineMs) this.#setDeadline(timeoutMs);
      },
    };
  }

  beginStop(): void {
    this.#stop.abort();
    for (const { response } of this.#active) response.shouldKeepAlive = false;
    if (this.#session !== null) {
      this.#session.close();
      if (this.#active.size === 0) this.#setDeadline(limits.closeLingerTimeoutMs);
    } else if (this.#active.size === 0) this.#socket.destroy();
  }

  destroy(): void {
    this.#session?.destroy();
    this.#socket.destroy();
  }

  onDeadline(nowMs: number): void {
    if (this.#active.size === 0) {
      this.deadlineMs = Infinity;
      this.destroy();
      return;
    }
    // A new look at progress is due only now and then; a body's own end may come between.
    for (const entry of this.#active) {
      if (entry.bodyDueMs > nowMs || isBodyWhole(entry)) continue;
      entry.bodyDueMs = Infinity;
      entry.refuse?.("tooSlow");
    }
    if (nowMs - this.#lookedMs >= this.#timeouts.stallMs * 0.9 && this.#endStalled()) return;
    let dueMs = nowMs + this.#timeouts.stallMs;
    for (const entry of this.#active) if (!isBodyWhole(entry)) dueMs = Math.min(dueMs, entry.bodyDueMs);
    this.deadlineMs = dueMs;
    this.#deadlines.note(dueMs);
  }

  /** True when the connection is over. */
  #endStalled(): boolean {
    this.#lookedMs = this.#deadlines.nowMs;
    const stalled = [...this.#active].filter((entry) => this.#isStalled(entry));
    this.#bytesSeen = this.#bytesMoved;
    for (const entry of stalled) entry.stream?.close(constants.NGHTTP2_CANCEL);
    if (this.#session !== null || stalled.length === 0) return false;
    this.deadlineMs = Infinity;
    this.#socket.destroy();
    return true;
  }

  /** bytesWritten counts what waits in the buffer too. */
  get #bytesMoved(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** Nothing moved since the last look, though something should have. */
  #isStalled(entry: Entry): boolean {
    const { incoming, response, stream } = entry;
    // Bytes that lie unread are the handler's delay, not the client's.
    const bodyDue = !isBodyWhole(entry) && !entry.awaitsContinue && !response.writableEnded &&
      incoming.readableLength === 0 && (stream === null || stream.readableLength === 0);
    const rateMin = Math.max(1, Math.floor(limits.httpRateMinBytes * this.#timeouts.stallMs / 1000));
    const bodyMoved = entry.bodyBytesSeen < 0 || entry.bodyBytes - entry.bodyBytesSeen >= rateMin;
    entry.bodyBytesSeen = entry.bodyBytes;
    if (bodyDue && !bodyMoved) return true;
    if (stream === null) {
      return this.#socket.writableLength > 0 && this.#bytesSeen >= 0 && this.#bytesMoved === this.#bytesSeen;
    }
    const sent = `${entry.drains}/${stream.writableLength}`;
    const moved = sent !== entry.sentSeen;
    entry.sentSeen = sent;
    return !moved && stream.writableLength > 0;
  }

  #leave(entry: Entry): void {
    if (!this.#active.delete(entry)) return;
    if (!isWhole(entry)) entry.gone.abort();
    entry.start(false);
    const next = this.#active.values().next().value;
    if (next !== undefined) {
      next.start(!this.#socket.destroyed);
      return;
    }
    const stopping = this.#stop.signal.aborted;
    if (stopping && this.#session === null) this.#socket.end();
    this.#setDeadline(stopping || this.#isClosing ? limits.closeLingerTimeoutMs : this.#timeouts.headMs);
  }

  /**
   * A refused upload is not read to its end. On HTTP/1.1 the connection closes once the answer had time to arrive; on
   * HTTP/2 the client is told to stop this stream. RFC 9112 §9.6, RFC 9113 §8.1
   */
  #closeAfter({ response, stream }: Entry): void {
    if (stream !== null) {
      // "finish" means that node took it all; the session sends it in a later turn, and a reset would overtake it.
      setImmediate(() => setImmediate(() => { if (!stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR); }));
      return;
    }
    response.shouldKeepAlive = false;
    this.#isClosing = true;
    this.#socket.end();
    this.#setDeadline(limits.closeLingerTimeoutMs);
  }

  /**
   * `100 Continue` goes out when somebody begins to read the body: a request that is refused before that gets its final
   * status at once, and its connection ends, because nobody can know whether the body comes. RFC 9110 §10.1.1
   */
  #continueWhenRead(entry: Entry): void {
    const { incoming, response } = entry;
    const keepAlive = response.shouldKeepAlive;
    if (entry.stream === null) response.shouldKeepAlive = false;
    const read = incoming._read.bind(incoming);
    incoming._read = (size) => {
      incoming._read = read;
      if (entry.awaitsContinue && !response.headersSent && !response.destroyed) {
        entry.awaitsContinue = false;
        if (entry.stream === null) response.shouldKeepAlive = keepAlive && !this.#stop.signal.aborted;
        response.writeContinue();
      }
      read(size);
    };
  }

  /** Counts the body where it enters the stream, whoever reads it and however. */
  #countBody(entry: Entry): void {
    const { incoming } = entry;
    const push = incoming.push.bind(incoming);
    incoming.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      if (chunk === null || chunk === undefined) return push(chunk, encoding);
      if (entry.bodyBytes > entry.bodyMaxBytes) return true;
      entry.bodyBytes += chunk.length;
      if (entry.bodyBytes <= entry.bodyMaxBytes) return push(chunk, encoding);
      entry.refuse?.("tooLarge");
      return true;
    };
  }

  #setDeadline(afterMs: number): void {
    this.deadlineMs = this.#deadlines.nowMs + afterMs;
    this.#deadlines.note(this.deadlineMs);
  }
}

/** The client sent its request to the end, whoever read it: on HTTP/2 "complete" means read as well. */
function isBodyWhole({ incoming, stream }: Entry): boolean {
  if (stream === null) return incoming.complete;
  return stream.destroyed || stream.endAfterHeaders || stream.state.remoteClose === 1;
}

/** The answer went out to its end. On HTTP/2 a stream that was reset calls itself finished too. */
function isWhole({ response, stream }: Entry): boolean {
  if (stream === null) return response.writableFinished;
  return response.writableEnded && !stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR;
}

/** What is left of the body is small enough to be read and dropped. */
function isSmall({ incoming, awaitsContinue, stream }: Entry): boolean {
  if (awaitsContinue || stream !== null) return false;
  const size = Number(incoming.headers["content-length"] ?? Infinity);
  return size <= limits.httpDropMaxBytes;
}
