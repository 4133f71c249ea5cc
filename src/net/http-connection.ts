/** Time, stop and counting of one HTTP connection; the bytes belong to node:http. */
import type { IncomingMessage, ServerResponse } from "node:http";
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

/**
 * Between requests the deadline is for the next head. While requests are under way the deadline is a look at progress:
 * a body that is not whole must grow and an answer that waits in the buffer must shrink. An answer that has nothing to
 * send yet (a long poll) may take as long as its handler likes.
 */
export class HttpConnection implements Stoppable, Watched {
  readonly remoteAddress: string;
  deadlineMs: number;
  readonly #id: string;
  readonly #socket: Socket;
  readonly #deadlines: Deadlines;
  readonly #timeouts: HttpTimeouts;
  readonly #stop = new AbortController();
  readonly #active = new Map<IncomingMessage, ServerResponse>();
  #requests = 0;
  #bytesSeen = -1;

  constructor(accepted: Accepted, timeouts: HttpTimeouts) {
    this.remoteAddress = accepted.remoteAddress;
    this.#id = accepted.id;
    this.#socket = accepted.socket;
    this.#deadlines = accepted.deadlines;
    this.#timeouts = timeouts;
    this.deadlineMs = this.#deadlines.nowMs + timeouts.headMs;
    this.#deadlines.add(this);
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("_tlsError", () => this.#socket.destroy());
    this.#socket.once("close", () => {
      this.#deadlines.delete(this);
      accepted.onClosed();
    });
  }

  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  /** A request's head is whole. */
  begin(incoming: IncomingMessage, response: ServerResponse): { id: string; signal: AbortSignal } {
    const gone = new AbortController();
    this.#active.set(incoming, response);
    this.#setDeadline(this.#timeouts.stallMs);
    this.#bytesSeen = -1;
    if (this.#stop.signal.aborted) response.shouldKeepAlive = false;
    response.once("finish", () => {
      if (!incoming.complete && !isSmall(incoming)) this.#closeAfter(response);
    });
    response.once("close", () => {
      if (!response.writableFinished) gone.abort();
      this.#active.delete(incoming);
      if (this.#active.size > 0) return;
      if (this.#stop.signal.aborted) this.#socket.end();
      this.#setDeadline(this.#stop.signal.aborted ? limits.closeLingerTimeoutMs : this.#timeouts.headMs);
    });
    return { id: `${this.#id}.${++this.#requests}`, signal: gone.signal };
  }

  beginStop(): void {
    this.#stop.abort();
    for (const response of this.#active.values()) response.shouldKeepAlive = false;
    if (this.#active.size === 0) this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onDeadline(): void {
    if (this.#active.size === 0 || this.#isStalled()) {
      this.deadlineMs = Infinity;
      this.#socket.destroy();
      return;
    }
    this.#setDeadline(this.#timeouts.stallMs);
  }

  /** Nothing moved since the last look, though something should have. */
  #isStalled(): boolean {
    const socket = this.#socket;
    // Bytes that lie unread are the handler's delay, not the client's.
    const bodyDue = [...this.#active.keys()].some((incoming) => !incoming.complete && incoming.readableLength === 0);
    // bytesWritten counts what waits in the buffer too.
    const bytes = socket.bytesRead + socket.bytesWritten - socket.writableLength;
    const moved = bytes !== this.#bytesSeen;
    this.#bytesSeen = bytes;
    return !moved && (bodyDue || socket.writableLength > 0);
  }

  /** A refused upload is not read to its end: the connection closes once the answer had time to arrive. */
  #closeAfter(response: ServerResponse): void {
    response.shouldKeepAlive = false;
    this.#socket.end();
    this.#setDeadline(limits.closeLingerTimeoutMs);
  }

  #setDeadline(afterMs: number): void {
    this.deadlineMs = this.#deadlines.nowMs + afterMs;
    this.#deadlines.note(this.deadlineMs);
  }
}

/** What is left of the body is small enough to be read and dropped. */
function isSmall(incoming: IncomingMessage): boolean {
  const size = Number(incoming.headers["content-length"] ?? Infinity);
  return size <= limits.httpDropMaxBytes;
}
