/**
 * Session contexts of MAPI over HTTP: known by a cookie, bound to one person, ended by Disconnect, by silence, or by a
 * sign-in that was taken back. A dropped connection ends nothing. [MS-OXCMAPIHTTP] 3.2.1, 3.2.5.2
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { SignedIn } from "#directory/api.ts";
import type { ResponseCodeName } from "#wire/mapi/http-frame.ts";

/** What a protocol keeps for a session. */
export interface SessionState {
  /** Frees what the session holds; called once. */
  close(): void;
}

export interface MapiSession<S extends SessionState> {
  readonly id: string;
  readonly person: SignedIn;
  readonly state: S;
  /** The sequence cookie that the next request has to bring. */
  sequence: number;
  /** A sequence cookie that a wait told, which may overtake a newer one on its way; 0 is none. */
  toldByWait: number;
  /** A request other than a wait is under way. */
  isBusy: boolean;
  /** That request's answer to be, for a client whose connection broke meanwhile and that asks again. */
  underWay: {
    readonly requestId: string; readonly work: Promise<Uint8Array>;
    /** Whether the connection that asked is still there, so that whoever asks now is another. */
    readonly isAwaited: () => boolean;
  } | null;
  /** The last answer, for a client that lost it and asks again. */
  lastAnswer: { readonly requestId: string; readonly body: Uint8Array } | null;
  lastUsedMs: number;
  isClosed: boolean;
  /** Ends what watches over the person's sign-in. */
  onClose: (() => void) | null;
}

/** Cookies of a session. [MS-OXCMAPIHTTP] 3.2.5.2.1 */
export const cookieNames = { context: "MapiContext", sequence: "MapiSequence" } as const;

const idBytes = 24;
/** What every cookie of a session looked like; another one never was a session's. */
const idShape = /^[\w-]{32}$/;

export class MapiSessions<S extends SessionState> {
  readonly #ctx: Ctx;
  readonly #byId = new Map<string, MapiSession<S>>();
  #cancelSweep: (() => void) | null = null;
  #isStopped = false;

  /** `ctx` outlives requests. */
  constructor(ctx: Ctx) {
    this.#ctx = ctx;
  }

  /** For work that goes on when the request's connection is gone. */
  lasting(ctx: Ctx): Ctx {
    return { ...ctx, signal: this.#ctx.signal };
  }

  create(person: SignedIn, state: S): MapiSession<S> {
    if (this.#isStopped) throw new Fault("unavailable", "The server is stopping.");
    this.#makeRoom(person);
    const session: MapiSession<S> = {
      id: Buffer.from(this.#ctx.system.randomBytes(idBytes)).toString("base64url"), person, state, sequence: 0,
      toldByWait: 0, isBusy: false, underWay: null, lastAnswer: null, lastUsedMs: this.#ctx.system.monotonicMs(),
      isClosed: false, onClose: null,
    };
    this.#byId.set(session.id, session);
    this.#planSweep();
    return session;
  }

  /** The session a request belongs to, or the code that refuses it. */
  find(cookies: ReadonlyMap<string, string>, person: SignedIn): MapiSession<S> | ResponseCodeName {
    const id = cookies.get(cookieNames.context);
    if (id === undefined) return "missingCookie";
    if (!idShape.test(id)) return "invalidContextCookie";
    const session = this.#byId.get(id);
    // Somebody else's session does not exist for this person.
    if (session === undefined || session.person.entryId !== person.entryId) return "contextNotFound";
    const nowMs = this.#ctx.system.monotonicMs();
    // What was told as its end is its end, whenever the sweep comes.
    if (!session.isBusy && nowMs - session.lastUsedMs >= limits.mapiSessionIdleMs) {
      this.remove(session);
      return "contextNotFound";
    }
    session.lastUsedMs = nowMs;
    return session;
  }

  remove(session: MapiSession<S>): void {
    if (session.isClosed) return;
    session.isClosed = true;
    this.#byId.delete(session.id);
    session.state.close();
    session.onClose?.();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelSweep?.();
    for (const session of [...this.#byId.values()]) this.remove(session);
  }

  /** One person's oldest idle session makes way for a new one: clients that crash leave theirs behind. */
  #makeRoom(person: SignedIn): void {
    const own = [...this.#byId.values()].filter((session) => session.person.entryId === person.entryId);
    if (own.length < limits.mapiSessionsPerPersonMax && this.#byId.size < limits.mapiSessionsMax) return;
    const [oldest] = own.filter((session) => !session.isBusy).sort((a, b) => a.lastUsedMs - b.lastUsedMs);
    if (oldest === undefined) throw new Fault("tooMany", "Too many sessions are open; close a program and try again.");
    this.remove(oldest);
  }

  #planSweep(): void {
    this.#cancelSweep ??= this.#ctx.system.setTimer(limits.mapiSessionSweepMs, () => {
      this.#cancelSweep = null;
      const silentSince = this.#ctx.system.monotonicMs() - limits.mapiSessionIdleMs;
      for (const session of [...this.#byId.values()]) {
        if (!session.isBusy && session.lastUsedMs <= silentSince) this.remove(session);
      }
      if (this.#byId.size > 0 && !this.#isStopped) this.#planSweep();
    });
  }
}

/** Names and values of a Cookie field; the first of equal names counts. RFC 6265 §4.2.1 */
export function parseCookies(field: string | undefined): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const part of (field ?? "").split(";", limits.cookiesMax)) {
    const equals = part.indexOf("=");
    if (equals < 1) continue;
    const name = part.slice(0, equals).trim();
    if (!cookies.has(name)) cookies.set(name, part.slice(equals + 1).trim().replace(/^"(.*)"$/, "$1"));
  }
  return cookies;
}
