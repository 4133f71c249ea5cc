/**
 * Sign-in of an HTTP request, for every protocol over HTTP: Basic and, where tokens are taken, Bearer. One refusal with
 * one clear challenge; NTLM and Negotiate are not offered.
 */
import { isIPv4 } from "node:net";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { BearerOffer, Directory, Protocol, SignedIn, SignInFrom } from "#directory/api.ts";
import type { HttpRequest } from "#net/http.ts";
import { sendText } from "#net/http.ts";
import { decodeSignInText } from "#net/sasl.ts";

export interface HttpSignIn {
  readonly directory: Directory;
  readonly protocol: Protocol;
  /** Stands in the challenge; a program shows it to the person. */
  readonly realm: string;
  /** What tells this device from others; the User-Agent when left out. */
  readonly device?: string;
}

/** What an Authorization field holds. RFC 9110 §11.6.2 */
export type HttpCredentials =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly name: string; readonly password: string }
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "unusable"; readonly why: string };

/**
 * The person of this request, or null: the refusal has been sent then. Only 401 (wrong or no credentials) and 403 (not
 * over TLS) are sent; Fault `serverBusy` and the like are the caller's to let through.
 */
export async function requireSignIn(request: HttpRequest, wish: HttpSignIn): Promise<SignedIn | null> {
  const { incoming, response } = request;
  if (!isPrivate(request)) {
    sendText(response, 403, `Passwords are not taken without TLS. Use https://${request.host} instead.`);
    return null;
  }
  const offer = wish.directory.signIn?.bearer() ?? null;
  const credentials = parseAuthorization(incoming.headers.authorization);
  if (credentials.kind === "none" || credentials.kind === "unusable") {
    const text = credentials.kind === "none" ? "Sign in with your address and password." : credentials.why;
    challenge(request, wish.realm, offer, text, null);
    return null;
  }
  const device = wish.device ?? incoming.headers["user-agent"];
  const from: SignInFrom = {
    protocol: wish.protocol, clientAddress: request.remoteAddress, ...device === undefined ? {} : { device },
  };
  try {
    if (credentials.kind === "basic") {
      return await wish.directory.authenticate(request.ctx, { ...credentials, ...from });
    }
    if (wish.directory.signIn === undefined || offer === null) {
      throw new Fault("authenticationFailed", "Access tokens are not taken here; sign in with a password.");
    }
    return await wish.directory.signIn.authenticateBearer(request.ctx, {
      token: credentials.token, name: null, ...from,
    });
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "authenticationFailed") throw error;
    challenge(request, wish.realm, offer, error.message, credentials.kind);
    return null;
  }
}

/** What proxies leave on a request they pass on. */
const proxyMarks = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"];

/** TLS, or a client on this very machine that is not a proxy for somebody without it. */
function isPrivate({ isTls, remoteAddress, incoming }: HttpRequest): boolean {
  if (isTls) return true;
  return isLoopback(remoteAddress) && proxyMarks.every((name) => incoming.headers[name] === undefined);
}

export function isLoopback(address: string): boolean {
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  return plain === "::1" || (isIPv4(plain) && plain.startsWith("127."));
}

/** Basic: RFC 7617 §2, with its UTF-8 or, of old programs, ISO 8859-1. Bearer: RFC 6750 §2.1 */
export function parseAuthorization(field: string | undefined): HttpCredentials {
  const text = field?.trim() ?? "";
  if (text === "") return { kind: "none" };
  const space = text.indexOf(" ");
  const scheme = (space < 0 ? text : text.slice(0, space)).toLowerCase();
  const rest = space < 0 ? "" : text.slice(space + 1).trim();
  // Outlook sends "Bearer" alone to be told where tokens are to be had.
  if (scheme === "bearer") return bearerCredentials(rest);
  if (scheme === "basic") return basicCredentials(rest);
  return { kind: "unusable", why: "Only Basic sign-in is possible here." };
}

function bearerCredentials(token: string): HttpCredentials {
  if (token === "") return { kind: "none" };
  if (token.length > limits.bearerTokenMaxBytes || !/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
    return { kind: "unusable", why: "The access token is malformed." };
  }
  return { kind: "bearer", token };
}

function basicCredentials(base64: string): HttpCredentials {
  const unusable: HttpCredentials = { kind: "unusable", why: "The Authorization field cannot be read." };
  if (base64.length > limits.saslResponseMaxBytes || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return unusable;
  const text = decodeSignInText(Buffer.from(base64, "base64"));
  const colon = text.indexOf(":");
  if (colon < 1 || /[\0-\x1f\x7f]/.test(text)) return unusable;
  const name = text.slice(0, colon);
  const password = text.slice(colon + 1);
  if (Buffer.byteLength(name) > limits.signInNameMaxBytes) return unusable;
  if (Buffer.byteLength(password) > limits.passwordMaxBytes) return unusable;
  return { kind: "basic", name, password };
}

/** RFC 9110 §11.6.1: the schemes in the order in which programs should try them. */
function challenge(
  request: HttpRequest, realm: string, offer: BearerOffer | null, text: string, tried: "basic" | "bearer" | null,
): void {
  const quoted = `"${realm.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
  const schemes = [`Basic realm=${quoted}, charset="UTF-8"`];
  if (offer !== null && (offer.outlookKnows || !isOffice(request))) {
    const error = tried === "bearer" ? ', error="invalid_token"' : "";
    schemes.push(`Bearer realm=${quoted}, authorization_uri="${offer.authorizationUri}"${error}`);
  }
  request.response.setHeader("www-authenticate", schemes);
  sendText(request.response, 401, text);
}

/** Programs of Microsoft take the first Bearer challenge they see for their own cloud's and ask no further. */
function isOffice({ incoming }: HttpRequest): boolean {
  return /\b(?:Microsoft (?:Office|Outlook|Exchange)|MSOutlook|Outlook-|MacOutlook)/i
    .test(incoming.headers["user-agent"] ?? "");
}
