/**
 * What somebody is told before they write to somebody (MailTips): out of the directory, the mailbox and its rules. One
 * function that decides from facts, and one that gathers them; whoever asks is told nothing that sending would not
 * tell. The words are those of EWS's MailTips.
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { tryParseAddress } from "#directory/address.ts";
import type { Directory, GroupMailing, Resolution } from "#directory/api.ts";
import type { Entry } from "#directory/reads.ts";
import type { Mailboxes } from "#mailbox/api.ts";
import { readUse } from "#mailbox/tx/quota.ts";
import type { ReplySettings, ReplyText } from "#rules/own/settings.ts";
import { isAway, replyText } from "#rules/replies/decide.ts";
import type { Store } from "#store/api.ts";
import { RuleStore } from "#transport/rule-store.ts";

export interface OutOfOfficeTip extends ReplyText {
  /** UTC milliseconds; null without a schedule. */
  readonly startMs: number | null;
  readonly endMs: number | null;
}

/** Of one recipient; what does not hold is null or false. */
export interface MailTips {
  /** As it was asked for. */
  readonly recipient: string;
  readonly displayName: string;
  /** Nobody takes mail there. */
  readonly isInvalid: boolean;
  readonly outOfOffice: OutOfOfficeTip | null;
  readonly isMailboxFull: boolean;
  readonly customTip: string | null;
  /** People who get it: 1, or the members of a group with those of groups in it. */
  readonly totalMemberCount: number;
  /** Those of them outside of this organisation. */
  readonly externalMemberCount: number;
  /** More people than one thinks of. */
  readonly isLargeAudience: boolean;
  /** Why this sender may not write to it. */
  readonly restriction: string | null;
  readonly isModerated: boolean;
  readonly maxMessageBytes: number;
}

/** What the tips follow from. */
export interface TipFacts {
  readonly recipient: string;
  readonly displayName: string;
  readonly resolution: Resolution;
  /** The asker is of this organisation. */
  readonly isInside: boolean;
  readonly language: string;
  readonly replies: ReplySettings | null;
  readonly isFull: boolean;
  readonly customTips: readonly string[];
  readonly restriction: string | null;
  readonly isModerated: boolean;
  readonly nowMs: number;
}

/** Exchange's own default of MailTipsLargeAudienceThreshold. */
export const largeAudienceMin = 25;

export function tipsOf(facts: TipFacts): MailTips {
  const { resolution, isInside } = facts;
  const { total, external } = countOf(resolution);
  return {
    recipient: facts.recipient, displayName: facts.displayName,
    isInvalid: resolution.kind === "unknown" || resolution.kind === "disabled",
    outOfOffice: awayTip(facts), isMailboxFull: facts.isFull, customTip: customTip(facts.customTips, facts.language),
    totalMemberCount: total,
    // To strangers it is nobody's business who is behind a group.
    externalMemberCount: isInside ? external : 0,
    isLargeAudience: total > largeAudienceMin, restriction: facts.restriction, isModerated: facts.isModerated,
    maxMessageBytes: limits.messageSizeMaxBytes,
  };
}

/** Without recursion: the directory has cut the loops, not the depth. */
function countOf(resolution: Resolution): { total: number; external: number } {
  const seen = new Set<string>();
  let external = 0;
  const open: Resolution[] = [resolution];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (one.kind === "group") {
      for (const member of one.members) open.push(member);
      continue;
    }
    if (one.kind !== "mailbox" && one.kind !== "remote") continue;
    const key = one.kind === "mailbox" ? `mailbox ${one.mailboxId}` : one.address.toLowerCase();
    if (seen.has(key)) continue;
    seen.add(key);
    if (one.kind === "remote") external++;
  }
  return { total: seen.size, external };
}

/** What the sender would be answered. Who outside is known is told by the mailbox alone, so that they hear nothing. */
function awayTip({ replies, isInside, nowMs }: TipFacts): OutOfOfficeTip | null {
  if (replies === null || !isAway(replies, nowMs)) return null;
  if (!isInside && replies.audience !== "all") return null;
  const text = replyText(replies, isInside);
  if (text.text.trim() === "") return null;
  const isScheduled = replies.state === "scheduled";
  return { ...text, startMs: isScheduled ? replies.startMs : null, endMs: isScheduled ? replies.endMs : null };
}

/** In the language of the one who asks, else the one of no language, else the first. */
function customTip(tips: readonly string[], language: string): string | null {
  const wanted = language.toLowerCase().split(/[-_]/)[0]!;
  const parsed = tips.map((tip) => {
    const match = /^([a-z]{2}):(.+)$/s.exec(tip);
    return match === null ? { language: "", text: tip } : { language: match[1]!, text: match[2]!.trim() };
  });
  const found = parsed.find((one) => one.language === wanted) ?? parsed.find((one) => one.language === "") ?? parsed[0];
  return found === undefined || found.text === "" ? null : found.text;
}

/** `StoreDirectory` is one. */
export interface TipsDirectory extends Pick<Directory, "resolve" | "mailboxOwner"> {
  entryByAddress(ctx: Ctx, address: string): Promise<Entry | null>;
  settings(ctx: Ctx, entryId: EntryId): Promise<ReadonlyMap<string, readonly string[]>>;
  groupMailing(ctx: Ctx, groupId: EntryId, sender: { entryId: EntryId | null }): Promise<GroupMailing | null>;
}

export interface TipsParts {
  readonly store: Store;
  readonly mailboxes: Mailboxes;
  readonly directory: TipsDirectory;
}

export class MailTipsService {
  readonly #parts: TipsParts;
  readonly #rules: RuleStore;

  constructor(parts: TipsParts) {
    this.#parts = parts;
    this.#rules = new RuleStore(parts);
  }

  /** In the order of the recipients; `from` is who wants to write, by address. Fault `tooMany`. */
  async tips(ctx: Ctx, from: string, recipients: readonly string[]): Promise<MailTips[]> {
    if (recipients.length > limits.mailTipsRecipientsMax) {
      throw new Fault("tooMany", `MailTips are told of at most ${limits.mailTipsRecipientsMax} recipients at once.`);
    }
    const { directory } = this.#parts;
    const asker = await directory.entryByAddress(ctx, from);
    const isInside = asker !== null && asker.kind !== "contact";
    const found: MailTips[] = [];
    for (const recipient of recipients) {
      found.push(tipsOf(await this.#facts(ctx, recipient, isInside ? asker : null)));
    }
    return found;
  }

  async #facts(ctx: Ctx, recipient: string, asker: Entry | null): Promise<TipFacts> {
    const { directory } = this.#parts;
    const isAddress = tryParseAddress(recipient) !== null;
    const resolution: Resolution = isAddress ? await directory.resolve(ctx, recipient)
      : { kind: "unknown", address: recipient };
    const entry = isAddress ? await directory.entryByAddress(ctx, recipient) : null;
    const settings = entry === null ? null : await directory.settings(ctx, entry.entryId);
    const mailing = entry?.kind === "group"
      ? await directory.groupMailing(ctx, entry.entryId, { entryId: asker?.entryId ?? null }) : null;
    const isTaking = resolution.kind === "mailbox";
    return {
      recipient, displayName: entry?.displayName ?? recipient, resolution, isInside: asker !== null,
      language: asker?.language ?? "en", nowMs: ctx.system.nowMs(),
      replies: isTaking ? await this.#replies(ctx, resolution.mailboxId) : null,
      isFull: isTaking && await this.#isFull(ctx, resolution.mailboxId),
      customTips: settings?.get("mail-tip") ?? [], restriction: mailing?.refusal ?? null,
      isModerated: (mailing?.moderators ?? null) !== null,
    };
  }

  async #replies(ctx: Ctx, mailboxId: MailboxId): Promise<ReplySettings | null> {
    return (await this.#rules.load(ctx, mailboxId))?.settings.replies ?? null;
  }

  async #isFull(ctx: Ctx, mailboxId: MailboxId): Promise<boolean> {
    const { store, directory } = this.#parts;
    const limitBytes = (await directory.mailboxOwner(ctx, mailboxId))?.quotaBytes ?? null;
    if (limitBytes === null) return false;
    return (await store.read(ctx, mailboxId, () => readUse(mailboxId))).usedBytes >= limitBytes;
  }
}
