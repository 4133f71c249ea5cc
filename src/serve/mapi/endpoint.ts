/**
 * One endpoint of MAPI over HTTP: headers, cookies and signs of life around requests that the mailbox or the address
 * book answers. [MS-OXCMAPIHTTP] 2.2.2, 2.2.3, 3.2.5
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { Directory, SignedIn } from "#directory/api.ts";
import { readBody } from "#net/http-body.ts";
import { requireSignIn } from "#net/http-sign-in.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { cookieNames, MapiSessions, parseCookies } from "#serve/mapi/sessions.ts";
import type { MapiSession, SessionState } from "#serve/mapi/sessions.ts";
import { doneHead, findRequestType, metaTags, responseCodes } from "#wire/mapi/http-frame.ts";
import type { ResponseCodeName } from "#wire/mapi/http-frame.ts";

/** One request of a session. */
export interface Call<S extends SessionState> {
  readonly ctx: Ctx;
  readonly session: MapiSession<S>;
  readonly body: Uint8Array;
  readonly request: HttpRequest;
}

/** How one request type is answered. */
export type Answerer<S extends SessionState> = (call: Call<S>) => Promise<Uint8Array> | Uint8Array;

export interface EndpointRows<S extends SessionState> {
  /** `/mapi/emsmdb`; cookies hold for it. */
  readonly path: string;
  /** Makes a session: Connect or Bind. The answer stands beside the state. */
  readonly opens: {
    readonly type: string;
    open(
      ctx: Ctx, person: SignedIn, body: Uint8Array, request: HttpRequest,
    ): Promise<{ state: S | null; body: Uint8Array }>;
  };
  /** Ends it: Disconnect or Unbind. */
  readonly closes: string;
  /** May run beside another request of its session: NotificationWait. */
  readonly waits: string | null;
  readonly answers: Readonly<Record<string, Answerer<S>>>;
}

/** The version that clients are told: one whose features this server has. [MS-OXCMAPIHTTP] 2.2.3.3.9 */
const serverApplication = "Exchange/15.02.1118.0";
/** Between two signs of life, milliseconds. [MS-OXCMAPIHTTP] 2.2.3.3.6 */
const pendingPeriodMs = 15_000;
/** An answer that takes longer is announced with PROCESSING. */
const quickAnswerMs = 50;

class Refusal extends Error {
  readonly code: ResponseCodeName;

  constructor(code: ResponseCodeName, message: string) {
    super(message);
    this.code = code;
  }
}

export class MapiEndpoint<S extends SessionState> {
  readonly sessions: MapiSessions<S>;
  readonly #rows: EndpointRows<S>;
  readonly #directory: Directory;
  readonly #types: readonly string[];

  constructor(ctx: Ctx, directory: Directory, rows: EndpointRows<S>) {
    this.sessions = new MapiSessions(ctx);
    this.#directory = directory;
    this.#rows = rows;
    this.#types = [rows.opens.type, rows.closes, "PING", ...Object.keys(rows.answers)];
  }

  /** With and without what follows the slash; query strings name the mailbox and are the client's to keep. */
  routes(): HttpRoute[] {
    const methods = { POST: (request: HttpRequest) => this.#post(request), GET: (request: HttpRequest) =>
      this.#get(request) };
    // A little more comes as far as the handler, which refuses it in the protocol's own words.
    const bounds = { bodyMaxBytes: 4 * limits.mapiBodyMaxBytes, compress: false };
    const elsewhere = (request: HttpRequest) => this.#elsewhere(request);
    return [
      { path: this.#rows.path, methods, ...bounds }, { path: `${this.#rows.path}/`, methods, ...bounds },
      { path: `${this.#rows.path}/*`, methods: { POST: elsewhere, GET: elsewhere }, ...bounds },
    ];
  }

  /** Nothing is behind the endpoint's own address. */
  async #elsewhere(request: HttpRequest): Promise<void> {
    if (await this.#signIn(request) === null) return;
    this.#sendRefusal(request, new Refusal("invalidPath", `Nothing is at ${request.path}; use ${this.#rows.path}/.`));
  }

  /** A person who looks with a browser, and monitors. */
  async #get(request: HttpRequest): Promise<void> {
    const person = await this.#signIn(request);
    if (person === null) return;
    if (header(request, "x-requesttype") !== undefined) {
      this.#sendRefusal(request, new Refusal("invalidVerb", "Requests are made by POST."));
      return;
    }
    const text = `MAPI over HTTP is here for Outlook. Signed in as ${person.address}.\n`;
    request.response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
    request.response.end(text);
  }

  async #signIn(request: HttpRequest): Promise<SignedIn | null> {
    const device = header(request, "x-clientinfo")?.split(":")[0];
    // Goes out with a refusal only.
    request.response.setHeader("x-responsecode", String(responseCodes.anonymousNotAllowed));
    const person = await requireSignIn(request, {
      directory: this.#directory, protocol: "mapi", realm: "Outpost", ...device === undefined ? {} : { device },
    });
    if (person !== null) request.response.removeHeader("x-responsecode");
    return person;
  }

  async #post(request: HttpRequest): Promise<void> {
    const startedMs = request.ctx.system.nowMs();
    const person = await this.#signIn(request);
    if (person === null) return;
    try {
      await this.#dispatch(request, person, startedMs);
    } catch (error) {
      if (request.response.headersSent) throw error;
      const refusal = refusalOf(error);
      if (refusal === null) throw error;
      this.#sendRefusal(request, refusal);
    }
  }

  async #dispatch(request: HttpRequest, person: SignedIn, startedMs: number): Promise<void> {
    checkHeaders(request);
    const asked = header(request, "x-requesttype");
    if (asked === undefined) throw new Refusal("missingHeader", "X-RequestType is missing.");
    const type = findRequestType(this.#types, asked);
    if (type === undefined) throw new Refusal("invalidRequestType", `${this.#rows.path} has no request ${asked}.`);
    const requestId = header(request, "x-requestid");
    if (requestId === undefined) throw new Refusal("missingHeader", "X-RequestId is missing.");
    const body = await readBody(request, limits.mapiBodyMaxBytes);
    if (type === this.#rows.opens.type) return await this.#open(request, person, body, startedMs);
    const found = this.sessions.find(parseCookies(request.incoming.headers.cookie), person);
    if (typeof found === "string") throw new Refusal(found, "This session is not known here; begin a new one.");
    if (type === "PING") return await this.#send(request, found, startedMs, Promise.resolve(new Uint8Array(0)));
    if (type === this.#rows.waits) return await this.#answer(request, found, type, body, startedMs);
    await this.#oneAtATime(request, found, type, body, requestId, startedMs);
  }

  async #open(request: HttpRequest, person: SignedIn, body: Uint8Array, startedMs: number): Promise<void> {
    // A client that connects anew is done with what it had.
    const old = this.sessions.find(parseCookies(request.incoming.headers.cookie), person);
    if (typeof old !== "string" && !old.isBusy) this.sessions.remove(old);
    const opened = await this.#rows.opens.open(request.ctx, person, body, request);
    if (opened.state === null) return await this.#send(request, null, startedMs, Promise.resolve(opened.body));
    const session = this.sessions.create(person, opened.state);
    session.onClose = this.#directory.signIn?.watchSignOut(person, "mapi", () => this.sessions.remove(session)) ?? null;
    await this.#send(request, session, startedMs, Promise.resolve(opened.body));
  }

  async #oneAtATime(
    request: HttpRequest, session: MapiSession<S>, type: string, body: Uint8Array, requestId: string,
    startedMs: number,
  ): Promise<void> {
    const cookies = parseCookies(request.incoming.headers.cookie);
    const last = session.lastAnswer;
    if (last?.requestId === requestId && type !== this.#rows.closes) {
      return await this.#send(request, session, startedMs, Promise.resolve(last.body));
    }
    // While whoever asked first waits for the answer, this is a second one at the same time. [MS-OXCMAPIHTTP] 3.2.5.1
    if (session.underWay?.requestId === requestId && !session.underWay.isAwaited()) {
      return await this.#send(request, session, startedMs, session.underWay.work);
    }
    const sequence = cookies.get(cookieNames.sequence);
    if (sequence === undefined) throw new Refusal("missingCookie", `${cookieNames.sequence} is missing.`);
    const isNext = sequence === sequenceText(session) ||
      (session.toldByWait > 0 && sequence === sequenceText(session, session.toldByWait));
    if (session.isBusy || !isNext) {
      throw new Refusal("invalidSequence", "Another request of this session came first.");
    }
    session.isBusy = true;
    session.sequence++;
    try {
      await this.#answer(request, session, type, body, startedMs, requestId);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null || request.response.headersSent) throw error;
      // The session goes on: its next cookie comes with the refusal.
      this.#sendRefusal(request, refusal, session);
    } finally {
      session.isBusy = false;
      session.underWay = null;
      session.lastUsedMs = request.ctx.system.monotonicMs();
      if (type === this.#rows.closes) this.sessions.remove(session);
    }
  }

  async #answer(
    request: HttpRequest, session: MapiSession<S>, type: string, body: Uint8Array, startedMs: number,
    requestId: string | null = null,
  ): Promise<void> {
    const answerer = this.#rows.answers[type];
    if (answerer === undefined) throw new Refusal("invalidRequestType", `${type} is not answered here.`);
    if (requestId === null) {
      session.toldByWait = session.sequence;
      const waiting = Promise.resolve(answerer({ ctx: request.ctx, session, body, request }));
      await this.#send(request, session, startedMs, waiting);
      session.lastUsedMs = request.ctx.system.monotonicMs();
      return;
    }
    // A connection that drops ends neither the work nor the session: the client asks again. [MS-OXCMAPIHTTP] 3.2.5.2
    const call = { ctx: this.sessions.lasting(request.ctx), session, body, request };
    const work = (async () => await answerer(call))().then((answer) => {
      session.lastAnswer = { requestId, body: answer };
      return answer;
    });
    session.underWay = { requestId, work, isAwaited: () => !request.response.destroyed };
    await this.#send(request, session, startedMs, work);
  }

  /** Sends the answer when it is there; one that takes longer is announced, and signs of life follow. */
  async #send(
    request: HttpRequest, session: MapiSession<S> | null, startedMs: number, work: Promise<Uint8Array>,
  ): Promise<void> {
    const { response, ctx } = request;
    const startedAt = ctx.system.monotonicMs();
    const quick = await within(ctx, work, quickAnswerMs);
    const tail = (code: number): string => doneHead({
      responseCode: code, elapsedMs: ctx.system.monotonicMs() - startedAt,
      startTime: new Date(startedMs).toUTCString(),
    });
    const headers = { ...this.#headers(request, "success"), "content-type": "application/mapi-http",
      ...this.#sessionHeaders(request, session) };
    if (response.destroyed) return void await work;
    // In pieces also when it is all there: some clients know no other way. [MS-OXCMAPIHTTP] 2.2.3.2.5
    if (quick !== null) {
      response.writeHead(200, headers);
      response.write(metaTags.processing + tail(0), "latin1");
      response.end(quick);
      return;
    }
    response.writeHead(200, headers);
    response.write(metaTags.processing);
    try {
      for (;;) {
        const body = await within(ctx, work, pendingPeriodMs);
        if (body === null) {
          if (!response.destroyed) response.write(metaTags.pending);
          continue;
        }
        if (response.destroyed) return;
        response.write(tail(0), "latin1");
        response.end(body);
        return;
      }
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null) throw error;
      if (!response.destroyed) response.end(tail(responseCodes[refusal.code]), "latin1");
    }
  }

  #sendRefusal(request: HttpRequest, refusal: Refusal, session: MapiSession<S> | null = null): void {
    const text = `${refusal.message}\n`;
    request.response.writeHead(200, {
      ...this.#headers(request, refusal.code), ...this.#sessionHeaders(request, session),
      "content-type": "text/html; charset=utf-8",
      "content-length": Buffer.byteLength(text),
    });
    request.response.end(text);
  }

  #headers(request: HttpRequest, code: ResponseCodeName): Record<string, string> {
    const echoed: Record<string, string> = {};
    for (const name of echoedHeaders) {
      const value = header(request, name);
      if (value !== undefined) echoed[name] = value;
    }
    const clientRequest = header(request, "client-request-id");
    if (clientRequest !== undefined) echoed["request-id"] = clientRequest;
    return {
      ...echoed, "cache-control": "private", "x-serverapplication": serverApplication,
      "x-responsecode": String(responseCodes[code]), "x-pendingperiod": String(pendingPeriodMs),
    };
  }

  #sessionHeaders(request: HttpRequest, session: MapiSession<S> | null): Record<string, string | string[]> {
    const expiration = { "x-expirationinfo": String(limits.mapiSessionIdleMs) };
    if (session === null) return expiration;
    const attributes = `; path=${this.#rows.path}; HttpOnly${request.isTls ? "; Secure" : ""}`;
    return {
      ...expiration,
      "set-cookie": [
        `${cookieNames.context}=${session.id}${attributes}`,
        `${cookieNames.sequence}=${sequenceText(session)}${attributes}`,
      ],
    };
  }
}

function sequenceText(
  session: { readonly id: string; readonly sequence: number }, sequence = session.sequence,
): string {
  return `${sequence}-${session.id.slice(0, 8)}`;
}

function header(request: HttpRequest, name: string): string | undefined {
  const value = request.incoming.headers[name];
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined || text === "" || text.length > limits.mapiHeaderMaxCharacters ? undefined : text;
}

/** Those that are echoed are looked at before anything else. [MS-OXCMAPIHTTP] 2.2.3.2.1 */
function checkHeaders(request: HttpRequest): void {
  const contentType = header(request, "content-type")?.split(";", 1)[0]!.trim().toLowerCase();
  if (contentType !== undefined && contentType !== "application/mapi-http") {
    throw new Refusal("invalidHeader", `Bodies are application/mapi-http here, not ${contentType}.`);
  }
  for (const name of echoedHeaders) {
    const value = request.incoming.headers[name];
    if (value !== undefined && String(value).length > limits.mapiHeaderMaxCharacters) {
      throw new Refusal("invalidHeader", `${name} is too long.`);
    }
  }
}

const echoedHeaders = ["x-requesttype", "x-requestid", "x-clientinfo"] as const;

/** The value when it comes within the time; null when not. An error of the work is thrown. */
async function within<T>(ctx: Ctx, work: Promise<T>, timeMs: number): Promise<T | null> {
  let cancel = (): void => undefined;
  const timeout = new Promise<null>((resolve) => {
    cancel = ctx.system.setTimer(timeMs, () => resolve(null));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    cancel();
  }
}

function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  if (error instanceof WireError) return new Refusal("invalidRequestBody", error.message);
  if (!(error instanceof Fault)) return null;
  if (error.code === "tooBig") return new Refusal("tooLarge", error.message);
  if (error.code === "accessDenied") return new Refusal("noPrivilege", error.message);
  if (error.code === "unavailable") return new Refusal("endpointShuttingDown", error.message);
  return new Refusal("unknownFailure", error.message);
}
