/** STARTTLS, AUTHENTICATE and LOGIN. RFC 9051 §6.2 */
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { SaslRefusal } from "#net/sasl.ts";
import { withCtx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { beginSasl, decodeSignInText } from "#net/sasl.ts";
import type { SignedIn } from "#directory/api.ts";
import { capabilities } from "#serve/imap/commands/general.ts";
import { saslParties } from "#serve/imap/commands/sasl-parties.ts";
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
  const { directory, from } = saslParties(state);
  const request = { ...from, name: decodeName(args.name), password: decodeName(args.password) };
  return signIn(state, () => directory.authenticate(state.ctx, request));
};

/** RFC 9051 §6.2.2, RFC 4959 */
export const authenticate: Handler<"AUTHENTICATE"> = async (state, { args }) => {
  if (!state.client.isTls) return noTls();
  let refused: Completion | undefined;
  const completion = await signIn(state, async () => {
    let turn = await beginSasl(saslParties(state), args.mechanism, args.initial ?? null);
    while (turn.kind === "challenge") {
      state.client.write(`+ ${turn.challenge}\r\n`);
      const line = await state.client.readText();
      // A line past the limit is as good as none.
      turn = await turn.next(line === undefined ? "*" : Buffer.from(line).toString("latin1"));
    }
    if (turn.kind === "signedIn") return turn.signedIn;
    refused = refusals[turn.reason](turn.message);
    return null;
  });
  return refused ?? completion;
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

/** Opens the mailbox of whoever `person` finds; null: it has been refused in words of its own. */
async function signIn(state: SessionState, person: () => Promise<SignedIn | null>): Promise<Completion> {
  try {
    const signedIn = await person();
    if (signedIn === null) return no("Not signed in.");
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
