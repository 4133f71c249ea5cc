/** Commands that touch no folder. RFC 9051 §6.1, §6.3.1 */
import type { Handler, SessionState } from "#serve/imap/state.ts";
import { saslParties } from "#serve/imap/commands/sasl-parties.ts";
import { offeredMechanisms } from "#net/sasl.ts";
import { encodeNullable } from "#wire/imap/encode.ts";
import { ok } from "#serve/imap/state.ts";

/** What is offered: more once somebody has signed in, and no sign-in without TLS. RFC 9051 §6.1.1 */
export function capabilities(state: SessionState): string {
  const always = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE";
  if (state.isSignedIn) {
    return `${always} IDLE UIDPLUS MOVE SPECIAL-USE NAMESPACE UNSELECT CHILDREN LIST-EXTENDED LIST-STATUS CONDSTORE ` +
      "ESEARCH WITHIN";
  }
  if (state.client.isTls) {
    return `${always} ${offeredMechanisms(saslParties(state)).map((name) => `AUTH=${name}`).join(" ")}`;
  }
  return `${always}${state.services.offersStartTls ? " STARTTLS" : ""} LOGINDISABLED`;
}

/** RFC 9051 §6.1.1 */
export const capability: Handler<"CAPABILITY"> = async (state) => {
  state.client.write(`* CAPABILITY ${capabilities(state)}\r\n`);
  return ok("That is what is offered.");
};

/** RFC 9051 §6.1.2: the session tells what is new after every command. */
export const noop: Handler<"NOOP" | "CHECK"> = async () => ok("Done.");

/** RFC 9051 §6.1.3 */
export const logout: Handler<"LOGOUT"> = async (state) => {
  state.bye("Good-bye.");
  return ok("Signed out.");
};

/** RFC 2971 §3.1 */
export const id: Handler<"ID"> = async (state, { args }) => {
  const named = args.pairs.slice(0, 60).map((value) => (value === undefined ? null : value.slice(0, 100)));
  const at = named.findIndex((value, index) => index % 2 === 0 && value?.toLowerCase() === "name");
  state.device = at < 0 ? undefined : named[at + 1] ?? undefined;
  if (named.length > 0) state.ctx.log.debug({ clientId: named }, "the client told its name");
  const own = ["name", "Outpost", "version", state.services.version].map(encodeNullable).join(" ");
  state.client.write(`* ID (${own})\r\n`);
  return ok("Pleased to meet you.");
};

/** RFC 9051 §6.3.1, RFC 7162 §3.1 */
export const enable: Handler<"ENABLE"> = async (state, { args }) => {
  const enabled = args.capabilities.includes("CONDSTORE") ? " CONDSTORE" : "";
  if (enabled !== "") state.usesCondstore = true;
  state.client.write(`* ENABLED${enabled}\r\n`);
  return ok("Enabled what there is.");
};

/** RFC 9051 §6.3.10: one personal namespace. */
export const namespace: Handler<"NAMESPACE"> = async (state) => {
  state.client.write('* NAMESPACE (("" "/")) NIL NIL\r\n');
  return ok("These are the namespaces.");
};
