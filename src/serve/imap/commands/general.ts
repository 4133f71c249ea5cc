/** Commands that touch no folder. RFC 9051 §6.1, §6.3.1 */
import type { Handler, SessionState } from "#serve/imap/state.ts";
import { limits } from "#base/limits.ts";
import { saslParties } from "#serve/imap/commands/sasl-parties.ts";
import { offeredMechanisms } from "#net/sasl.ts";
import { otherUsers, publicFolders, shared } from "#serve/imap/places.ts";
import { no, ok } from "#serve/imap/state.ts";
import { encodeNullable, encodeStatus } from "#wire/imap/encode.ts";

const always = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE";

/** What whoever has signed in may use; in the order in which the documents came. RFC 9051 §6.1.1 */
const signedIn = [
  "IDLE", "NAMESPACE", "UIDPLUS", "UNSELECT", "CHILDREN", "BINARY", "CATENATE", "MULTIAPPEND", "ACL", "RIGHTS=kxte",
  "QUOTA", "QUOTA=RES-STORAGE", "QUOTA=RES-MAILBOX", "CONDSTORE", "QRESYNC", "ESEARCH", "ESORT",
  "CONTEXT=SEARCH", "CONTEXT=SORT", "SORT", "SORT=DISPLAY", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES", "THREAD=REFS",
  "SEARCHRES", "WITHIN", "MULTISEARCH", "SEARCH=FUZZY", "FILTERS", "LIST-EXTENDED", "LIST-STATUS", "LIST-MYRIGHTS",
  "I18NLEVEL=1", "LIST-METADATA", "METADATA", "NOTIFY", "URL-PARTIAL", "SPECIAL-USE", "CREATE-SPECIAL-USE", "MOVE",
  "UTF8=ACCEPT", `APPENDLIMIT=${limits.messageSizeMaxBytes}`, "UNAUTHENTICATE", "STATUS=SIZE", "OBJECTID", "REPLACE",
  "SAVEDATE", "PREVIEW", "PARTIAL", "INPROGRESS", "UIDONLY",
].join(" ");

/** What is offered: more once somebody has signed in, and no sign-in without TLS. RFC 9051 §6.1.1 */
export function capabilities(state: SessionState): string {
  // RFC 4978 §3: one layer of compression.
  if (state.isSignedIn) return `${always} ${signedIn}${state.client.isCompressed ? "" : " COMPRESS=DEFLATE"}`;
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
  if (named.length > 0) state.ctx.log.debug({ clientId: named }, "the client told its name");
  const own = ["name", "Outpost", "version", state.services.version].map(encodeNullable).join(" ");
  state.client.write(`* ID (${own})\r\n`);
  return ok("Pleased to meet you.");
};

/** What can be switched on. RFC 7162 §3.1, §3.2.3, RFC 6855 §3, RFC 9586 §3, RFC 9051 §6.3.1 */
const switches: Readonly<Record<string, (state: SessionState) => void>> = {
  "CONDSTORE": (state) => { state.usesCondstore = true; },
  "QRESYNC": (state) => { state.usesCondstore = state.usesQresync = true; },
  "UTF8=ACCEPT": (state) => { state.usesUtf8 = true; },
  "UIDONLY": (state) => { state.usesUidOnly = true; },
  "IMAP4REV2": (state) => { state.usesRev2 = state.usesUtf8 = true; },
};

/** RFC 9051 §6.3.1 */
export const enable: Handler<"ENABLE"> = async (state, { args }) => {
  const enabled = [...new Set(args.capabilities)].filter((name) => Object.hasOwn(switches, name));
  for (const name of enabled) switches[name]!(state);
  const told = enabled.map((name) => (name === "IMAP4REV2" ? "IMAP4rev2" : name));
  state.client.write(`* ENABLED${told.map((name) => ` ${name}`).join("")}\r\n`);
  return ok("Enabled what there is.");
};

/** One's own, those of other people, and those of several. RFC 9051 §6.3.10 */
export const namespace: Handler<"NAMESPACE"> = async (state) => {
  const { people } = state.services;
  const hasPublic = await people?.publicStore?.(state.ctx) ?? null;
  const spaces = [shared, ...hasPublic === null ? [] : [publicFolders]].map((space) => `("${space}/" "/")`).join("");
  const others = people === undefined ? "NIL NIL" : `(("${otherUsers}/" "/")) (${spaces})`;
  state.client.write(`* NAMESPACE (("" "/")) ${others}\r\n`);
  return ok("These are the namespaces.");
};

/** RFC 4978 §3 */
export const compress: Handler<"COMPRESS"> = async (state, { tag, args }) => {
  if (args.mechanism !== "DEFLATE") return no("Only DEFLATE is known.");
  if (state.client.isCompressed) return no("That is so already.", "COMPRESSIONACTIVE");
  await state.client.startCompression(encodeStatus(tag, "OK", undefined, "Compressed from here on."));
  state.isAnswered = true;
  return ok("Compressed.");
};

/** The connection is as it was before anybody signed in. RFC 8437 §2 */
export const unauthenticate: Handler<"UNAUTHENTICATE"> = async (state) => {
  state.reset();
  return ok("Nobody is signed in.");
};
