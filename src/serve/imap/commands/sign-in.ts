/** STARTTLS, AUTHENTICATE and LOGIN. RFC 9051 §6.2 */
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { SaslRefusal } from "#net/sasl.ts";
import { withCtx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { beginSasl, decodeSignInText } from "#net/sasl.ts";
import { capabilities } from "#serve/imap/commands/general.ts";
import { no, ok } from "#serve/imap/state.ts";
import { encodeStatus } from "#wire/imap/encode.ts";

/** RFC 9051 §6.2.1 */
export const startTls: Handler<"STARTTLS"> = async (state, { tag }) => {
  if (state.client.isTls) return { condition: "BAD", text: "The connection is private already." };
  if (!state.services.offersStartTls) return no("TLS is not set up here.");
  await state.client.startTls(encodeStatus(tag, "OK", undefined, "Begin TLS now."));
  state.isAnswered = true;
  return ok("The connection is private.");
};

/** RFC 9051 §6.2.3 */
export const login: Handler<"LOGIN"> = async (state, { args }) => {
  if (!state.client.isTls) return noTls();
  return signIn(state, decodeName(args.name), decodeName(args.password));
};

/** RFC 9051 §6.2.2, RFC 4959 */
export const authenticate: Handler<"AUTHENTICATE"> = async (state, { args }) => {
  if (!state.client.isTls) return noTls();
  let step = beginSasl(args.mechanism, args.initial ?? null);
  while (step.kind === "challenge") {
    state.client.write(`+ ${step.challenge}\r\n`);
    const line = await state.client.readText();
    // A line past the limit is as good as none.
    step = step.next(line === undefined ? "*" : Buffer.from(line).toString("latin1"));
  }
  if (step.kind === "credentials") return signIn(state, step.credentials.name, step.credentials.password);
  return refusals[step.reason](step.message);
};

/** RFC 9051 §6.2.2, RFC 5530 §3 */
const refusals: Readonly<Record<SaslRefusal, (message: string) => Completion>> = {
  cancelled: (text) => ({ condition: "BAD", text }),
  malformed: (text) => ({ condition: "BAD", text }),
  unknownMechanism: (text) => no(text, "CANNOT"),
  otherIdentity: (text) => no(text, "AUTHORIZATIONFAILED"),
};

function noTls(): Completion {
  return no("Signing in needs TLS: use STARTTLS first, or the port for TLS.", "PRIVACYREQUIRED");
}

function decodeName(octets: string): string {
  return decodeSignInText(Buffer.from(octets, "latin1"));
}

async function signIn(state: SessionState, name: string, password: string): Promise<Completion> {
  try {
    const request = { name, password, protocol: "imap" as const, clientAddress: state.client.address };
    const signedIn = await state.services.directory.authenticate(state.ctx, request);
    if (signedIn.mailboxId === null) throw new Fault("authenticationFailed", "There is no mailbox for this name.");
    const ctx = withCtx(state.ctx, { fields: { user: signedIn.address } });
    const mailbox = await state.services.mailboxes.open(ctx, signedIn, signedIn.mailboxId);
    state.ctx = ctx;
    state.open(signedIn, mailbox);
    ctx.log.info({}, "signed in");
    return ok("Signed in.", `CAPABILITY ${capabilities(state)}`);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "authenticationFailed") throw error;
    state.ctx.log.info({}, "sign-in refused");
    if (++state.signInFailures >= limits.badSignInsPerConnectionMax) {
      state.bye("Too many sign-ins failed.");
    }
    return no(error.message, "AUTHENTICATIONFAILED");
  }
}
