/**
 * What a calendar no longer shows, so that late messages do not bring it back: an associated item of the calendar
 * folder, which moves, is saved and is restored with it.
 */
import type { Ctx } from "#base/ctx.ts";
import type { ChangeNumber, FolderId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { compareVersions } from "#calendar/meetings/decision.ts";
import type { Tombstone } from "#calendar/meetings/decision.ts";
import { namedKey, newItemObject, setNamed, setProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { Items } from "#mailbox/items-api.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";

const p = properties;

export const ledgerClass = "IPM.Configuration.Outpost.Meetings";
const ledgerName: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:meeting:tombstones" };

interface Entry {
  readonly tombstone: Tombstone;
  readonly notedMs: number;
}

const reasons = ["canceled", "declined", "removed"] as const;

/** One "meeting day sequence change reason notedMs" each; the day empty for the whole meeting. */
function entryOf(line: string): Entry | undefined {
  const match = /^([0-9a-f]{1,8192}) (-?\d{0,12}) (-?\d{1,10}) (\d{1,20}) ([a-z]{1,10}) (\d{1,16})$/.exec(line);
  const reason = reasons.find((one) => one === match?.[5]);
  if (match === null || reason === undefined) return undefined;
  const [, meeting = "", day = "", sequence, change = "0", , notedMs] = match;
  return {
    notedMs: Number(notedMs),
    tombstone: {
      meeting, reason, day: day === "" ? undefined : Number(day),
      version: { sequence: Number(sequence), change: BigInt(change) },
    },
  };
}

const lineOf = ({ tombstone: { meeting, day, version, reason }, notedMs }: Entry): string =>
  `${meeting} ${day ?? ""} ${version.sequence} ${version.change} ${reason} ${notedMs}`;

export class Ledger {
  readonly #folderId: FolderId;
  readonly #entries: readonly Entry[];
  readonly #messageId: MessageId | null;
  readonly #cn: ChangeNumber | undefined;

  private constructor(
    folderId: FolderId, entries: readonly Entry[], messageId: MessageId | null, cn: ChangeNumber | undefined,
  ) {
    this.#folderId = folderId;
    this.#entries = entries;
    this.#messageId = messageId;
    this.#cn = cn;
  }

  static async read(ctx: Ctx, items: Items, folderId: FolderId): Promise<Ledger> {
    const found = await associatedItem(ctx, items, folderId, ledgerClass, ledgerName);
    const value = found?.object.named.get(namedKey(ledgerName))?.value;
    const lines = Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
    const entries = lines.map(entryOf).filter((one) => one !== undefined);
    return new Ledger(folderId, entries, found?.messageId ?? null, found?.cn);
  }

  of(meeting: string): Tombstone[] {
    return this.#entries.filter(({ tombstone }) => tombstone.meeting === meeting).map(({ tombstone }) => tombstone);
  }

  /** Fault `conflict` when another wrote meanwhile. The oldest go when there are too many, and when they are old. */
  async add(ctx: Ctx, items: Items, tombstones: readonly Tombstone[], nowMs: number): Promise<void> {
    const fresh = tombstones.filter((one) => !this.#isKnown(one));
    if (fresh.length === 0) return;
    const sinceMs = nowMs - limits.meetingTombstonesKeptMs;
    const kept = this.#entries.filter(({ tombstone, notedMs }) => notedMs >= sinceMs &&
      !fresh.some((one) => isSameThing(one, tombstone)));
    const lines = [...kept, ...fresh.map((tombstone): Entry => ({ tombstone, notedMs: nowMs }))]
      .slice(-limits.meetingTombstonesMax).map(lineOf);
    await writeAssociated(ctx, items, this.#folderId, {
      messageId: this.#messageId, cn: this.#cn, messageClass: ledgerClass, name: ledgerName, lines,
    });
  }

  #isKnown(tombstone: Tombstone): boolean {
    return this.#entries.some(({ tombstone: one }) => isSameThing(one, tombstone) &&
      compareVersions(one.version, tombstone.version) >= 0);
  }
}

const isSameThing = (one: Tombstone, other: Tombstone): boolean =>
  one.meeting === other.meeting && one.day === other.day && one.reason === other.reason;

export interface AssociatedItem {
  readonly messageId: MessageId;
  readonly cn: ChangeNumber;
  readonly object: ItemObject;
}

/** The associated item of a class in a folder with one of its properties; the oldest where there are several. */
export async function associatedItem(
  ctx: Ctx, items: Items, folderId: FolderId, messageClass: string, name: NamedId,
): Promise<AssociatedItem | null> {
  for await (const rows of items.rows(ctx, folderId, { associated: true })) {
    const row = rows.find((one) => one.messageClass.toLowerCase() === messageClass.toLowerCase());
    if (row === undefined) continue;
    const [found] = await items.properties(ctx, [row.messageId], { names: [name] });
    return { messageId: row.messageId, cn: found?.row.cn ?? row.cn, object: found?.object ?? newItemObject() };
  }
  return null;
}

export async function writeAssociated(
  ctx: Ctx, items: Items, folderId: FolderId,
  { messageId, cn, messageClass, name, lines }: {
    messageId: MessageId | null; cn: ChangeNumber | undefined; messageClass: string; name: NamedId;
    lines: readonly string[];
  },
): Promise<void> {
  const set = newItemObject();
  setNamed(set, name, "MultipleString", lines);
  if (messageId !== null) {
    await items.update(ctx, { messageId, set, ...(cn === undefined ? {} : { expectedCn: cn }) });
    return;
  }
  setProperty(set, p.PidTagMessageClass, messageClass);
  setProperty(set, p.PidTagSubject, messageClass);
  await items.create(ctx, { folderId, associated: true, item: { ...set, recipients: [], attachments: [] } });
}
