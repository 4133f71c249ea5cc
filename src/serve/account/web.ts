/** What all pages share: who the browser is signed in as, and how it comes to be. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { SignInFrom } from "#directory/api.ts";
import type { Account } from "#directory/account.ts";
import type { Credentials, Whose } from "#directory/credentials.ts";
import type { StoreDirectory } from "#directory/directory.ts";
import { GuessGuard } from "#directory/guess-guard.ts";
import type { AuditLine } from "#mailbox/tx/audit.ts";
import type { HttpRequest } from "#net/http.ts";
import { cookieOf, Forms, ownPath, seeOther, setCookie } from "#serve/account/forms.ts";
import { html } from "#net/page-html.ts";
import type { Html } from "#net/page-html.ts";

const sessionCookie = "__Host-outpost-session";
/** What changes how somebody signs in asks for a sign-in this young. */
const freshMs = 15 * 60_000;

export interface WebSignedIn {
  readonly token: string;
  readonly account: Account;
  readonly signedInMs: number;
  readonly method: string;
}

export class Web {
  readonly directory: StoreDirectory;
  readonly credentials: Credentials;
  readonly forms: Forms;
  /** `https://mail.example.org`, with the port where it is not 443. */
  readonly origin: string;
  /** Wrong codes of the second factor: one-time codes by account, recovery codes by account and network. */
  readonly guard = new GuessGuard();

  /** What others did in somebody's mailbox, newest first; nothing where nobody keeps it. */
  readonly mailboxAudit: (ctx: Ctx, mailboxId: MailboxId, limitRows: number) => Promise<AuditLine[]>;

  constructor(parts: {
    directory: StoreDirectory; credentials: Credentials; forms: Forms; origin: string;
    mailboxAudit?: Web["mailboxAudit"];
  }) {
    this.mailboxAudit = parts.mailboxAudit ?? (() => Promise.resolve([]));
    this.directory = parts.directory;
    this.credentials = parts.credentials;
    this.forms = parts.forms;
    this.origin = parts.origin;
  }

  /** Whoever the browser is signed in as; null for nobody, or for an account that was disabled. RFC 6265 §5.4 */
  async signedIn(request: HttpRequest): Promise<WebSignedIn | null> {
    const token = cookieOf(request, sessionCookie);
    if (token === null || !/^[\w-]{43}$/.test(token)) return null;
    const session = await this.credentials.webSession(request.ctx, token);
    const account = session === null ? null : await this.credentials.account(request.ctx, session.entryId);
    if (session === null || account === null || account.entry.disabled) return null;
    return { token, account, signedInMs: session.createdMs, method: session.method };
  }

  /** As {@link signedIn}, or null after sending the browser to sign in. RFC 9110 §15.4.4 */
  async requireSignedIn(request: HttpRequest, next: string, isFresh = false): Promise<WebSignedIn | null> {
    const person = await this.signedIn(request);
    const isOld = person !== null && isFresh && !this.isFresh(request, person);
    if (person !== null && !isOld) return person;
    seeOther(request, `/account/sign-in?next=${encodeURIComponent(next)}${isOld ? "&again=1" : ""}`);
    return null;
  }

  /** Young enough a sign-in to change how one signs in. */
  isFresh(request: HttpRequest, { signedInMs }: WebSignedIn): boolean {
    return request.ctx.system.nowMs() - signedInMs <= freshMs;
  }

  /** Signs the browser in. The session it had before ends: it must not be one somebody else put there. */
  async start(request: HttpRequest, account: Account, method: string): Promise<string> {
    const before = cookieOf(request, sessionCookie);
    if (before !== null) await this.credentials.endWebSession(request.ctx, before);
    const token = await this.credentials.startWebSession(request.ctx, {
      entryId: account.entry.entryId, method, client: request.remoteAddress, device: deviceOf(request),
    });
    setCookie(request, sessionCookie, token, limits.webSessionMs);
    return token;
  }

  async signOut(request: HttpRequest): Promise<void> {
    const token = cookieOf(request, sessionCookie);
    if (token !== null) await this.credentials.endWebSession(request.ctx, token);
    setCookie(request, sessionCookie, null, 0);
  }

  /**
   * Judges a code of the second factor, or a recovery code; what it was, or null for a wrong one. Too many wrong ones
   * are refused unread for a while: Fault `authenticationFailed`. One-time codes are so short that they are counted for
   * the account as a whole, wherever they come from: only who knows the password gets here, and somebody with many
   * networks would find one in time. Recovery codes are long; they stay a way in for the owner meanwhile.
   */
  async judgeCode(request: HttpRequest, account: Account, code: string): Promise<"code" | "recovery-code" | null> {
    const { ctx } = request;
    const { address } = account.entry;
    const isLong = isRecoveryCode(code);
    const trier = { account: address, clientAddress: isLong ? request.remoteAddress : "anywhere", device: null };
    // Those under way count as wrong until they were judged: many at once are as many guesses.
    if (this.guard.begin(trier, ctx.system.monotonicMs()).kind === "refuse") {
      throw new Fault("authenticationFailed", "There were too many wrong codes. Try again in a quarter of an hour.");
    }
    try {
      const found = await this.#kindOfCode(ctx, account, code);
      if (found !== null) {
        this.guard.succeeded(trier);
        return found;
      }
      this.guard.failed(trier, ctx.system.monotonicMs());
    } finally {
      this.guard.end(trier);
    }
    this.directory.noteFailure(ctx, fromOf(request), address, "wrong code of the second factor");
    return null;
  }

  async #kindOfCode(ctx: Ctx, { entry }: Account, code: string): Promise<"code" | "recovery-code" | null> {
    const { entryId, address } = entry;
    const { hashRecoveryCode, stepOfCode } = await import("#serve/account/codes.ts");
    const factor = await this.credentials.secondFactor(ctx, entryId);
    if (factor === null) return null;
    const step = stepOfCode(factor.secret, code, ctx.system.nowMs());
    if (step !== null && await this.credentials.useCodeStep(ctx, entryId, step)) return "code";
    if (!isRecoveryCode(code)) return null;
    const isRight = await this.credentials.useRecoveryCode(ctx, entryId, address, hashRecoveryCode(entryId, code));
    return isRight ? "recovery-code" : null;
  }

  /** The head line's right side for somebody signed in. RFC 9110 §9.3.3: leaving is a POST */
  corner(request: HttpRequest, { account }: WebSignedIn): Html {
    return html`<form method="post" action="/account/sign-out">${this.forms.field(request)}
      <span class="hint">${account.entry.address}</span> <button class="second">Sign out</button></form>`;
  }
}

/** By its length, whatever stands between its characters; a one-time code has six. */
function isRecoveryCode(code: string): boolean {
  return code.replace(/[^a-z0-9]/gi, "").length === 10;
}

export function whoseOf({ account }: WebSignedIn): Whose {
  return { address: account.entry.address, by: account.entry.address };
}

export function fromOf(request: HttpRequest): SignInFrom {
  return { protocol: "web", clientAddress: request.remoteAddress, device: deviceOf(request) };
}

/** The browser by its own name, without the version numbers that change every month. RFC 9110 §10.1.5 */
function deviceOf({ incoming }: HttpRequest): string {
  const agent = incoming.headers["user-agent"] ?? "";
  const browser = /(Edg|Firefox|Chrome|Safari)\b/.exec(agent)?.[1]?.replace("Edg", "Edge");
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent)?.[1]?.replace("Mac OS X", "macOS");
  if (browser !== undefined && system !== undefined) return `${browser} on ${system}`;
  return agent.slice(0, limits.signInDeviceMaxCharacters);
}

/** The page to go on to, of the query or of a form's field. */
export function nextOf(fields: URLSearchParams): string {
  return ownPath(fields.get("next"));
}
