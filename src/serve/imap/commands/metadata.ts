/** GETMETADATA and SETMETADATA: notes on folders and on the person's account. RFC 5464 */
import type { Annotation } from "#mailbox/annotations.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { Place } from "#serve/imap/places.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { isPrivateName } from "#mailbox/annotations.ts";
import { roleRow } from "#mailbox/roles.ts";
import { notFilter } from "#serve/imap/filters.ts";
import { findPlace } from "#serve/imap/places.ts";
import { no, ok } from "#serve/imap/state.ts";
import { encodeAstring, encodeMailbox, encodeString, octetsOf } from "#wire/imap/encode.ts";

/** What the server tells and nobody changes, by name in small letters. RFC 5464 §3.2.1, RFC 6154 §4 */
const specialUse = "/private/specialuse";
const admin = "/shared/admin";

/** RFC 5464 §4.2 */
export const getMetadata: Handler<"GETMETADATA"> = async (state, { args }) => {
  const place = args.mailbox === "" ? undefined : await findPlace(state, args.mailbox);
  const all = await entriesOf(state, place);
  const found = new Map<string, Annotation | undefined>();
  for (const name of args.names) {
    const key = name.toLowerCase();
    const wanted = all.filter((one) => isBelow(one.name.toLowerCase(), key, args.depth));
    for (const one of wanted) found.set(one.name.toLowerCase(), one);
    // What is asked for by its name and not there is told as NIL.
    if (args.depth === 0 && wanted.length === 0) found.set(key, undefined);
  }
  const names = new Map(args.names.map((name) => [name.toLowerCase(), name]));
  const texts: string[] = [];
  let longest = 0;
  for (const [key, one] of found) {
    const sizeBytes = one?.value.length ?? 0;
    if (args.maxSizeBytes !== undefined && sizeBytes > args.maxSizeBytes) longest = Math.max(longest, sizeBytes);
    else texts.push(`${encodeAstring(names.get(key) ?? one!.name)} ${encodeValue(one?.value)}`);
  }
  if (texts.length > 0) writeMetadata(state, args.mailbox, texts);
  return ok("Those are the entries.", longest > 0 ? `METADATA LONGENTRIES ${longest}` : undefined);
};

/** RFC 5464 §4.2.2 */
function isBelow(name: string, top: string, depth: number): boolean {
  if (name === top) return true;
  if (depth === 0 || !name.startsWith(`${top}/`)) return false;
  return depth === Infinity || !name.slice(top.length + 1).includes("/");
}

/** RFC 5464 §4.4.1 */
export function writeMetadata(state: SessionState, path: string, texts: readonly string[]): void {
  const name = path === "" ? '""' : encodeMailbox(path, state.usesUtf8);
  state.client.write(`* METADATA ${name} (${texts.join(" ")})\r\n`);
}

/** Any octet may stand in a value; a NUL only in a literal with `~`. RFC 5464 §5 `value` */
export function encodeValue(value: Uint8Array | undefined): string {
  if (value === undefined) return "NIL";
  const octets = octetsOf(value);
  return octets.includes("\0") ? `~{${octets.length}}\r\n${octets}` : encodeString(octets);
}

async function entriesOf(state: SessionState, place: Place | undefined): Promise<Annotation[]> {
  if (place === undefined) {
    const stored = await state.mailbox.annotations.of(state.ctx, null);
    const [, domain] = state.mailbox.principal.address.split("@");
    return [...stored, computed(admin, `mailto:postmaster@${domain}`)];
  }
  const stored = await place.mailbox.annotations.of(state.ctx, place.info.folderId);
  const use = specialUseOf(state, place);
  return use === undefined ? stored : [...stored, computed(specialUse, use)];
}

/** Somebody else's Sent is not where this person's mail goes. RFC 6154 §4 */
function specialUseOf(state: SessionState, { mailbox, info }: Place): string | undefined {
  return mailbox === state.mailbox && info.role !== null ? roleRow(info.role).specialUse : undefined;
}

/** Of {@link entriesOf}: what the server tells of a folder. */
export function computedValue(state: SessionState, place: Place, name: string): Uint8Array | undefined {
  if (name.toLowerCase() !== specialUse) return undefined;
  const use = specialUseOf(state, place);
  return use === undefined ? undefined : Buffer.from(use, "utf8");
}

function computed(name: string, text: string): Annotation {
  return { name, value: Buffer.from(text, "utf8") };
}

/** All or none of the entries. RFC 5464 §4.3 */
export const setMetadata: Handler<"SETMETADATA"> = async (state, { args }) => {
  const changes = args.entries.map(({ name, value }) => ({
    name, value: value === undefined ? null : Buffer.from(value, "latin1"),
  }));
  const place = args.mailbox === "" ? undefined : await findPlace(state, args.mailbox);
  for (const { name, value } of changes) {
    const key = name.toLowerCase();
    const isServers = place === undefined && !isPrivateName(name);
    if (isServers) return no("Entries of the server are the administrator's.", "NOPERM");
    if (place !== undefined && key === specialUse) return no("The use of a folder stays as it is.", "CANNOT");
    if (value !== null && value.length > limits.annotationMaxBytes) return tooBig();
    const wrong = place === undefined && value !== null ? notFilter(name, octetsOf(value)) : undefined;
    if (wrong !== undefined) return no(`That is no search: ${wrong}`, "CANNOT");
  }
  const { annotations } = (place ?? state).mailbox;
  try {
    const cn = await annotations.set(state.ctx, place?.info.folderId ?? null, changes);
    state.notify?.ownAnnotations(cn);
  } catch (error) {
    if (error instanceof Fault && error.code === "tooMany") return no(error.message, "METADATA TOOMANY");
    if (error instanceof Fault && error.code === "tooBig") return tooBig();
    throw error;
  }
  return ok("Set.");
};

function tooBig(): Completion {
  const max = limits.annotationMaxBytes;
  return no(`An entry has at most ${max} bytes.`, `METADATA MAXSIZE ${max}`);
}
