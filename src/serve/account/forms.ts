/**
 * Forms and cookies of the pages. A form counts only when it comes from a page of ours in the same browser: by the
 * browser's own word (Sec-Fetch-Site, Origin), and by a token made from a cookie nobody else can read. RFC 6265 §8.2
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { HttpRequest } from "#net/http.ts";
import { readBody } from "#net/http-body.ts";
import { html } from "#net/page-html.ts";
import type { Html } from "#net/page-html.ts";

const formCookie = "__Host-outpost-form";

/** The first cookie of a name; null without. RFC 6265 §4.2 */
export function cookieOf({ incoming }: HttpRequest, name: string): string | null {
  for (const pair of (incoming.headers.cookie ?? "").split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return null;
}

/** Sets a cookie for this host alone, over TLS alone, out of reach of scripts; null takes it away. RFC 6265 §4.1 */
export function setCookie({ response }: HttpRequest, name: string, value: string | null, maxAgeMs: number): void {
  const age = value === null ? 0 : Math.floor(maxAgeMs / 1000);
  response.appendHeader("set-cookie",
    `${name}=${value ?? ""}; Path=/; Max-Age=${age}; Secure; HttpOnly; SameSite=Lax`);
}

export class Forms {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** The hidden field every form carries; gives the browser its cookie when it has none. RFC 6265 §4.1 */
  field(request: HttpRequest): Html {
    return html`<input type="hidden" name="form" value="${this.token(request)}">`;
  }

  token(request: HttpRequest): string {
    let cookie = cookieOf(request, formCookie);
    if (cookie === null || !/^[\w-]{22}$/.test(cookie)) {
      cookie = Buffer.from(request.ctx.system.randomBytes(16)).toString("base64url");
      setCookie(request, formCookie, cookie, 24 * 3_600_000);
      // A page with several forms asks several times within one answer.
      request.incoming.headers.cookie = `${formCookie}=${cookie}; ${request.incoming.headers.cookie ?? ""}`;
    }
    return this.sign("form", cookie);
  }

  /** The fields of a posted form. Fault `accessDenied` for one that is not of ours. RFC 9110 §9.3.3 */
  async read(request: HttpRequest): Promise<URLSearchParams> {
    const fields = new URLSearchParams((await readBody(request)).toString("utf8"));
    this.#requireOwn(request, fields.get("form"));
    return fields;
  }

  /** The same for the script's requests, whose token is a member of the JSON. RFC 8259 §2 */
  async readJson(request: HttpRequest): Promise<Record<string, unknown>> {
    let value: unknown;
    try {
      value = JSON.parse((await readBody(request)).toString("utf8"));
    } catch (error) {
      if (error instanceof SyntaxError) throw new Fault("invalidArgument", "The request is not JSON.");
      throw error;
    }
    const isObject = typeof value === "object" && value !== null;
    if (!isObject) throw new Fault("invalidArgument", "The request is not an object.");
    const members = value as Record<string, unknown>;
    this.#requireOwn(request, typeof members["form"] === "string" ? members["form"] : null);
    return members;
  }

  #requireOwn(request: HttpRequest, token: string | null): void {
    const { headers } = request.incoming;
    const site = headers["sec-fetch-site"];
    const isForeign = site !== undefined && site !== "same-origin" && site !== "none";
    const isOtherOrigin = headers.origin !== undefined && headers.origin !== request.origin;
    const cookie = cookieOf(request, formCookie);
    const isOwn = cookie !== null && token !== null && this.isSigned("form", cookie, token);
    if (isForeign || isOtherOrigin || !isOwn) {
      throw new Fault("accessDenied",
        "The form is too old or was not sent from this page; load the page and try again.");
    }
  }

  /** A tag that only this server can make, for what a browser carries to the next page. RFC 2104 §2 */
  sign(purpose: string, text: string): string {
    return createHmac("sha256", this.#key).update(`${purpose}\0${text}`).digest("base64url");
  }

  isSigned(purpose: string, text: string, tag: string): boolean {
    const expected = Buffer.from(this.sign(purpose, text));
    const given = Buffer.from(tag);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }

  /** A value the browser carries and cannot change, good until `untilMs`. RFC 2104 §2 */
  seal(purpose: string, value: unknown, untilMs: number): string {
    const text = Buffer.from(JSON.stringify({ value, untilMs })).toString("base64url");
    return `${text}.${this.sign(purpose, text)}`;
  }

  /** What {@link seal} made; null when it is over or somebody touched it. */
  unseal(purpose: string, sealed: string, nowMs: number): unknown {
    const dot = sealed.indexOf(".");
    const text = sealed.slice(0, Math.max(dot, 0));
    if (dot < 1 || !this.isSigned(purpose, text, sealed.slice(dot + 1))) return null;
    const opened = JSON.parse(Buffer.from(text, "base64url").toString()) as { value: unknown; untilMs: number };
    return opened.untilMs > nowMs ? opened.value : null;
  }
}

/** A path of ours to go on to; anything else becomes the account page, so that no form leads elsewhere. */
export function ownPath(text: string | null): string {
  return text !== null && /^\/(?:account|oauth)(?:[/?][\w\-./?=&%:+~]*)?$/.test(text) && !text.includes("//")
    && text.length <= 2000 ? text : "/account";
}

/** RFC 9110 §15.4.4 */
export function seeOther({ response }: HttpRequest, path: string): void {
  response.writeHead(303, { location: path, "content-length": 0, "cache-control": "no-store" });
  response.end();
}
