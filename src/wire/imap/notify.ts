import type { Cursor } from "#wire/imap/cursor.ts";
import type { FetchItem } from "#wire/imap/fetch.ts";
import type { FolderFilter } from "#wire/imap/multi-search.ts";
import { limits } from "#base/limits.ts";
import { fetchItem } from "#wire/imap/fetch.ts";
import { keyOf, parenthesized } from "#wire/imap/grammar.ts";
import { folderFilter } from "#wire/imap/multi-search.ts";

/** What a client can be told of, by kind. AnnotationChange is of messages (RFC 5257) and not here. RFC 5465 §5 */
export const notifyEvents = {
  MESSAGENEW: { name: "MessageNew", of: "message" }, MESSAGEEXPUNGE: { name: "MessageExpunge", of: "message" },
  FLAGCHANGE: { name: "FlagChange", of: "message" }, MAILBOXNAME: { name: "MailboxName", of: "folder" },
  SUBSCRIPTIONCHANGE: { name: "SubscriptionChange", of: "folder" },
  MAILBOXMETADATACHANGE: { name: "MailboxMetadataChange", of: "folder" },
  SERVERMETADATACHANGE: { name: "ServerMetadataChange", of: "server" },
} as const;
export type NotifyEvent = keyof typeof notifyEvents;

/** RFC 5465 §8 `event-group` */
export interface EventGroup {
  readonly folders: FolderFilter;
  readonly events: ReadonlySet<NotifyEvent>;
  /** What to fetch of new messages in the selected folder. */
  readonly items: readonly FetchItem[];
}

/** RFC 5465 §8 `notify` */
export interface NotifyArguments {
  /** Undefined: NONE. */
  readonly groups: readonly EventGroup[] | undefined;
  /** The folders' state is told at once. */
  readonly tellsStatus: boolean;
  /** Events nobody here knows of; refused with BADEVENT. */
  readonly unknown: readonly string[];
}

/** RFC 5465 §8 `notify` */
export function notifyArguments(cursor: Cursor): NotifyArguments {
  cursor.space();
  if (keyOf({ SET: {}, NONE: {} }, "choice of SET or NONE")(cursor) === "NONE") {
    return { groups: undefined, tellsStatus: false, unknown: [] };
  }
  cursor.space();
  const tellsStatus = cursor.isWord("STATUS");
  if (tellsStatus) {
    cursor.offset += 6;
    cursor.space();
  }
  const groups: EventGroup[] = [];
  const unknown: string[] = [];
  do {
    if (groups.length >= limits.imapNotifyGroupsMax) cursor.fail(`At most ${limits.imapNotifyGroupsMax} event groups`);
    groups.push(eventGroup(cursor, unknown));
  } while (cursor.accept(" "));
  if (groups.filter(isOfSelected).length > 1) cursor.fail("The selected folder stands once");
  return { groups, tellsStatus, unknown };
}

/** RFC 5465 §6.1 */
export function isOfSelected({ folders: { filter } }: EventGroup): boolean {
  return filter === "SELECTED" || filter === "SELECTED-DELAYED";
}

function eventGroup(cursor: Cursor, unknown: string[]): EventGroup {
  cursor.expect("(", "( before an event group");
  const folders = folderFilter(cursor);
  if (folders.filter === "SUBTREE-ONE") cursor.fail("SUBTREE-ONE is for ESEARCH");
  cursor.space();
  const events = new Set<NotifyEvent>();
  const items: FetchItem[] = [];
  const readEvent = (c: Cursor): void => {
    const name = c.word("an event");
    if (Object.hasOwn(notifyEvents, name)) events.add(name as NotifyEvent);
    else unknown.push(name);
    if (name !== "MESSAGENEW" || c.peek() !== 0x20 || c.peek(1) !== 0x28) return;
    c.space();
    items.push(...parenthesized(fetchItem, "items to fetch")(c));
  };
  if (cursor.isWord("NONE")) cursor.offset += 4;
  else if (cursor.peek() === 0x28) parenthesized(readEvent, "events")(cursor);
  else {
    // The examples of RFC 5465 §3.1 leave the inner parentheses out.
    do readEvent(cursor); while (cursor.accept(" "));
  }
  cursor.expect(")", ") after an event group");
  const group: EventGroup = { folders, events, items };
  checkEvents(cursor, group);
  return group;
}

/** Events that go together, and those that cannot. RFC 5465 §5, §6.1, §8 */
function checkEvents(cursor: Cursor, group: EventGroup): void {
  const { events } = group;
  const isNew = events.has("MESSAGENEW");
  if (isNew !== events.has("MESSAGEEXPUNGE")) cursor.fail("MessageNew and MessageExpunge go together");
  if (events.has("FLAGCHANGE") && !isNew) cursor.fail("FlagChange needs MessageNew and MessageExpunge");
  if (isOfSelected(group)) {
    const isOther = [...events].some((event) => notifyEvents[event].of !== "message");
    if (isOther) cursor.fail("Of the selected folder only messages are told");
  } else if (group.items.length > 0) {
    cursor.fail("Only of the selected folder messages are fetched");
  }
}
