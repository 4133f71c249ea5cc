import type { Cursor, Octets } from "#wire/imap/cursor.ts";
import type { Grammar, Of } from "#wire/imap/grammar.ts";
import { appendArguments, replaceArguments } from "#wire/imap/append.ts";
import { fetchArguments, modSequence } from "#wire/imap/fetch.ts";
import { storeFlags } from "#wire/imap/flags.ts";
import { fields, keyOf, optional, optionalRest, parenthesized, spaced } from "#wire/imap/grammar.ts";
import { createUses, listArguments, statusItemList } from "#wire/imap/list.ts";
import { mailbox, mailboxPattern, utf8Text } from "#wire/imap/mailboxname.ts";
import { getMetadataArguments, setMetadataArguments } from "#wire/imap/metadata.ts";
import { multiSearchArguments } from "#wire/imap/multi-search.ts";
import { notifyArguments } from "#wire/imap/notify.ts";
import { searchArguments } from "#wire/imap/search.ts";
import { selectParameters } from "#wire/imap/select.ts";
import { sequenceSet } from "#wire/imap/sequence.ts";
import { sortArguments, threadArguments } from "#wire/imap/sort.ts";

/** What a connection must be to give a command: each state includes the ones above it but the first. RFC 9051 §3 */
export type CommandState = "any" | "notAuthenticated" | "authenticated" | "selected";

export interface CommandRow {
  readonly section: string;
  readonly state: CommandState;
  readonly arguments: Grammar<unknown>;
  /** `UID` may stand before it. RFC 9051 §6.4.9 */
  readonly uid?: true;
}

const none: Grammar<object> = () => ({});
const onlyMailbox = fields({ mailbox });
const transfer = fields({ set: sequenceSet, mailbox });
const select = fields({ mailbox, parameters: optional("(", selectParameters) });

/** Add, remove or replace, quietly or not. RFC 9051 §6.4.6 */
export const storeModes = {
  "FLAGS": { mode: "replace", isSilent: false }, "FLAGS.SILENT": { mode: "replace", isSilent: true },
  "+FLAGS": { mode: "add", isSilent: false }, "+FLAGS.SILENT": { mode: "add", isSilent: true },
  "-FLAGS": { mode: "remove", isSilent: false }, "-FLAGS.SILENT": { mode: "remove", isSilent: true },
} as const;

/** RFC 7162 §3.1.3 */
function storeModifiers(cursor: Cursor): { unchangedSince: number } {
  cursor.expect("(", "(");
  keyOf({ UNCHANGEDSINCE: {} }, "STORE modifier")(cursor);
  cursor.space();
  const unchangedSince = modSequence(cursor);
  cursor.expect(")", ") after the STORE modifiers");
  return { unchangedSince };
}

/** RFC 9208 §5 `quota-root-name` */
function quotaRoot(cursor: Cursor): Octets {
  return cursor.astring("a quota root");
}

/** RFC 9208 §5 `setquota-resource` */
function quotaLimit(cursor: Cursor): { resource: string; limit: number } {
  const resource = cursor.word("a resource");
  cursor.space();
  return { resource, limit: cursor.number64("a limit") };
}

/** Whom rights are for. RFC 4314 §6 `identifier` */
function identifier(cursor: Cursor): string {
  return decodeText(cursor.astring("an identifier"));
}

/** `+lrs`, `-x` or `lr`. RFC 4314 §6 `mod-rights` */
function rightsChange(cursor: Cursor): { mode: "add" | "remove" | "replace"; rights: string } {
  const text = cursor.astring("rights");
  const mode = text.startsWith("+") ? "add" : text.startsWith("-") ? "remove" : "replace";
  const rights = mode === "replace" ? text : text.slice(1);
  if (!/^[a-z0-9]*$/.test(rights)) cursor.fail("Rights are small letters and digits");
  return { mode, rights };
}

function decodeText(octets: Octets): string {
  return utf8Text(octets) ?? octets;
}

/** RFC 2971 §3.1: names and values in turn. */
function idPairs(cursor: Cursor): (Octets | undefined)[] {
  if (cursor.peek() !== 0x28) {
    if (cursor.nstring() !== undefined) cursor.fail("Expected a list of names and values, or NIL");
    return [];
  }
  const values = parenthesized((c) => c.nstring(), "names and values", true)(cursor);
  if (values.length % 2 !== 0) cursor.fail("A name has no value");
  return values;
}

/** Each command once: what follows its name. RFC 9051 §6, §9 */
export const commands = {
  CAPABILITY: { section: "RFC 9051 §6.1.1", state: "any", arguments: none },
  NOOP: { section: "RFC 9051 §6.1.2", state: "any", arguments: none },
  LOGOUT: { section: "RFC 9051 §6.1.3", state: "any", arguments: none },
  ID: { section: "RFC 2971 §3.1", state: "any", arguments: fields({ pairs: idPairs }) },
  STARTTLS: { section: "RFC 9051 §6.2.1", state: "notAuthenticated", arguments: none },
  AUTHENTICATE: {
    section: "RFC 9051 §6.2.2", state: "notAuthenticated",
    arguments: fields({
      mechanism: (c: Cursor) => c.word("a mechanism"), initial: optionalRest((c) => initialResponse(c)),
    }),
  },
  LOGIN: {
    section: "RFC 9051 §6.2.3", state: "notAuthenticated",
    arguments: fields({ name: (c: Cursor) => c.signInName(), password: (c: Cursor) => c.astring("a password") }),
  },
  ENABLE: {
    section: "RFC 9051 §6.3.1", state: "authenticated",
    arguments: fields({ capabilities: spaced((c) => c.word("a capability"), "capabilities") }),
  },
  SELECT: { section: "RFC 9051 §6.3.2", state: "authenticated", arguments: select },
  EXAMINE: { section: "RFC 9051 §6.3.3", state: "authenticated", arguments: select },
  CREATE: {
    section: "RFC 9051 §6.3.4", state: "authenticated",
    arguments: fields({ mailbox, uses: optional("(", createUses) }),
  },
  DELETE: { section: "RFC 9051 §6.3.5", state: "authenticated", arguments: onlyMailbox },
  RENAME: { section: "RFC 9051 §6.3.6", state: "authenticated", arguments: fields({ from: mailbox, to: mailbox }) },
  SUBSCRIBE: { section: "RFC 9051 §6.3.7", state: "authenticated", arguments: onlyMailbox },
  UNSUBSCRIBE: { section: "RFC 9051 §6.3.8", state: "authenticated", arguments: onlyMailbox },
  LIST: { section: "RFC 9051 §6.3.9", state: "authenticated", arguments: listArguments },
  LSUB: {
    section: "RFC 3501 §6.3.9", state: "authenticated",
    arguments: fields({ reference: mailbox, pattern: mailboxPattern }),
  },
  NAMESPACE: { section: "RFC 9051 §6.3.10", state: "authenticated", arguments: none },
  STATUS: {
    section: "RFC 9051 §6.3.11", state: "authenticated", arguments: fields({ mailbox, items: statusItemList }),
  },
  APPEND: {
    section: "RFC 9051 §6.3.12", state: "authenticated",
    arguments: appendArguments,
  },
  IDLE: { section: "RFC 9051 §6.3.13", state: "authenticated", arguments: none },
  CHECK: { section: "RFC 3501 §6.4.1", state: "selected", arguments: none },
  CLOSE: { section: "RFC 9051 §6.4.1", state: "selected", arguments: none },
  UNSELECT: { section: "RFC 9051 §6.4.2", state: "selected", arguments: none },
  EXPUNGE: { section: "RFC 9051 §6.4.3", state: "selected", arguments: none },
  "UID EXPUNGE": { section: "RFC 4315 §2.1", state: "selected", arguments: fields({ set: sequenceSet }) },
  SEARCH: { section: "RFC 9051 §6.4.4", state: "selected", arguments: searchArguments, uid: true },
  FETCH: { section: "RFC 9051 §6.4.5", state: "selected", arguments: fetchArguments, uid: true },
  STORE: {
    section: "RFC 9051 §6.4.6", state: "selected", uid: true,
    arguments: fields({
      set: sequenceSet, modifiers: optional("(", storeModifiers), mode: storeMode, flags: storeFlags,
    }),
  },
  COPY: { section: "RFC 9051 §6.4.7", state: "selected", arguments: transfer, uid: true },
  MOVE: { section: "RFC 9051 §6.4.8", state: "selected", arguments: transfer, uid: true },
  REPLACE: { section: "RFC 8508 §3.3", state: "selected", arguments: replaceArguments, uid: true },
  SORT: { section: "RFC 5256 §3", state: "selected", arguments: sortArguments, uid: true },
  THREAD: { section: "RFC 5256 §3", state: "selected", arguments: threadArguments, uid: true },
  ESEARCH: { section: "RFC 7377 §2.1", state: "authenticated", arguments: multiSearchArguments },
  CANCELUPDATE: {
    section: "RFC 5267 §4.3.5", state: "selected",
    arguments: fields({ tags: spaced((c) => c.astring("a tag"), "tags") }),
  },
  NOTIFY: { section: "RFC 5465 §3.1", state: "authenticated", arguments: notifyArguments },
  GETMETADATA: { section: "RFC 5464 §4.2", state: "authenticated", arguments: getMetadataArguments },
  SETMETADATA: { section: "RFC 5464 §4.3", state: "authenticated", arguments: setMetadataArguments },
  COMPRESS: {
    section: "RFC 4978 §3", state: "authenticated",
    arguments: fields({ mechanism: (c: Cursor) => c.word("a way to compress") }),
  },
  UNAUTHENTICATE: { section: "RFC 8437 §2", state: "authenticated", arguments: none },
  GETQUOTA: { section: "RFC 9208 §4.1.1", state: "authenticated", arguments: fields({ root: quotaRoot }) },
  GETQUOTAROOT: { section: "RFC 9208 §4.1.2", state: "authenticated", arguments: onlyMailbox },
  SETQUOTA: {
    section: "RFC 9208 §4.1.3", state: "authenticated",
    arguments: fields({ root: quotaRoot, limits: parenthesized(quotaLimit, "limits", true) }),
  },
  GETACL: { section: "RFC 4314 §3.3", state: "authenticated", arguments: onlyMailbox },
  MYRIGHTS: { section: "RFC 4314 §3.5", state: "authenticated", arguments: onlyMailbox },
  LISTRIGHTS: { section: "RFC 4314 §3.4", state: "authenticated", arguments: fields({ mailbox, identifier }) },
  DELETEACL: { section: "RFC 4314 §3.2", state: "authenticated", arguments: fields({ mailbox, identifier }) },
  SETACL: {
    section: "RFC 4314 §3.1", state: "authenticated", arguments: fields({ mailbox, identifier, rights: rightsChange }),
  },
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof commands;

export interface Command<N extends CommandName = CommandName> {
  readonly tag: string;
  readonly name: N;
  /** Numbers given and told are UIDs. RFC 9051 §6.4.9 */
  readonly isUid: boolean;
  readonly args: Of<(typeof commands)[N]["arguments"]>;
}
/** A command whose `args` go with its `name`. RFC 9051 §6 */
export type AnyCommand = { [N in CommandName]: Command<N> }[CommandName];

function storeMode(cursor: Cursor): (typeof storeModes)[keyof typeof storeModes] {
  const sign = cursor.accept("+") ? "+" : cursor.accept("-") ? "-" : "";
  const key = `${sign}${cursor.itemName("FLAGS, +FLAGS or -FLAGS")}`;
  if (Object.hasOwn(storeModes, key)) return storeModes[key as keyof typeof storeModes];
  return cursor.fail("Expected FLAGS, +FLAGS or -FLAGS, each with .SILENT or without");
}

/** Base64, or `=` for nothing. RFC 4959 §3 */
function initialResponse(cursor: Cursor): string {
  const start = cursor.offset;
  while (!cursor.isAtEnd && cursor.peek() !== 0x20) cursor.offset++;
  return cursor.line.toString("latin1", start, cursor.offset);
}

/**
 * One whole command; throws `WireError`, or `LiteralPending` when the text ends before a string whose literal is to
 * come. RFC 9051 §9 `command`
 */
export function parseCommand(cursor: Cursor): AnyCommand {
  const tag = cursor.tag();
  cursor.space();
  let name = cursor.word("a command");
  let isUid = false;
  let row: CommandRow | undefined = rowOf(name);
  if (name === "UID") {
    cursor.space();
    const inner = cursor.word("a command after UID");
    const own = rowOf(`UID ${inner}`);
    row = own ?? rowOf(inner);
    if (own === undefined && row?.uid !== true) row = undefined;
    name = own === undefined ? inner : `UID ${inner}`;
    isUid = true;
  }
  if (row === undefined) return cursor.fail(`Unknown command ${isUid ? "UID " : ""}${name.slice(0, 40)}`);
  const args = row.arguments(cursor);
  while (cursor.accept(" ")) continue;
  if (!cursor.isAtEnd) cursor.fail(`Something follows that ${name} does not take`);
  return { tag, name, isUid, args } as AnyCommand;
}

function rowOf(name: string): CommandRow | undefined {
  return Object.hasOwn(commands, name) ? commands[name as CommandName] : undefined;
}

/** The arguments of one command. RFC 9051 §6 */
export type ArgumentsOf<N extends CommandName> = Command<N>["args"];
