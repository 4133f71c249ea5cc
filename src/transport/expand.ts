/**
 * Recipients as the queue keeps them: groups opened by their own rules, each mailbox and each outside address once,
 * each with the envelope sender that it gets. RFC 5321 §3.9
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory, GroupMailing, Resolution } from "#directory/api.ts";
import { domainOf } from "#rules/message.ts";
import { markRoute, moderatorAnswerRoute, sentCopyRoute } from "#transport/queue-rows.ts";
import type { DeliveryMark, NewRecipient } from "#transport/queue-rows.ts";
import type { ReportEntry } from "#transport/report.ts";
import type { Forwarder, SenderRewriting } from "#transport/sender-rewriting.ts";
import { notifyBits } from "#wire/smtp/parameters.ts";

/** What a sender hears of who asked for nothing. RFC 3461 §4.1 */
export const defaultNotify = notifyBits.failure | notifyBits.delay;
/** All that a sender can ask to hear. */
export const everyNotify = defaultNotify | notifyBits.success;

/** Where an address leads: to somebody the directory knows, or to the server itself. */
export type RecipientResolution = Resolution | { readonly kind: "service"; readonly address: string };

export interface AcceptRecipient {
  readonly address: string;
  readonly resolution: RecipientResolution;
  /** Bits of `notifyBits`; the default when absent. */
  readonly notify?: number;
  /** ORCPT as it came. */
  readonly originalRecipient?: string | null;
}

export interface ExpandRequest {
  /** Empty for the null sender. */
  readonly envelopeSender: string;
  readonly recipients: readonly AcceptRecipient[];
  /** Who of this server sends it, as groups ask; null, or left out, for somebody outside. */
  readonly senderId?: EntryId | null;
  /** The address of ours that sends it on. */
  readonly forwardedBy?: string;
  /** Groups that need not be asked any more. */
  readonly passed?: readonly EntryId[];
  /** What deliveries into mailboxes are besides mail. */
  readonly mark?: DeliveryMark;
  /** The mailbox that keeps a copy as sent, where the message is sent in its name. */
  readonly sentFor?: { readonly mailboxId: MailboxId; readonly address: string } | null;
}

export type ExpandedRecipient = Omit<NewRecipient, "leaseOwner" | "nextAttemptMs">;

/** A group whose mail waits for a moderator. */
export interface HeldGroup {
  readonly entryId: EntryId;
  readonly address: string;
  readonly moderators: readonly string[];
  readonly notify: number;
  readonly originalRecipient: string | null;
}

export interface Expanded {
  /** Recipients by the envelope sender they get; the message's own first. */
  readonly bySender: ReadonlyMap<string, readonly ExpandedRecipient[]>;
  /** Groups whose sender wants to hear of success, and groups in groups that do not take it. RFC 3461 §5.2.7.3 */
  readonly reports: readonly ReportEntry[];
  readonly held: readonly HeldGroup[];
}

export interface ExpandParts {
  readonly directory: Directory;
  readonly rewriting: SenderRewriting;
}

export async function expandRecipients(ctx: Ctx, parts: ExpandParts, request: ExpandRequest): Promise<Expanded> {
  const expansion = new Expansion(ctx, parts, request);
  for (const recipient of request.recipients) await expansion.add(recipient);
  if (request.sentFor && expansion.hasAnybody) expansion.addSentCopy(request.sentFor);
  return expansion;
}

interface OpenGroup {
  readonly group: Resolution & { readonly kind: "group" };
  readonly notify: number;
  readonly originalRecipient: string | null;
}

/** How one recipient came to be one. */
interface Way {
  readonly notify: number;
  readonly originalRecipient: string | null;
  readonly sender: string;
  /** Null where nobody sends it on: the sender wrote to this address. */
  readonly forwarder: Forwarder | null;
}

class Expansion implements Expanded {
  readonly bySender = new Map<string, ExpandedRecipient[]>();
  readonly reports: ReportEntry[] = [];
  readonly held: HeldGroup[] = [];
  readonly #ctx: Ctx;
  readonly #parts: ExpandParts;
  readonly #request: ExpandRequest;
  readonly #passed: ReadonlySet<EntryId>;
  readonly #seen = new Set<string>();
  readonly #groupsSeen = new Set<EntryId>();
  readonly #rewritten = new Map<string, string>();
  readonly #route: string;
  #count = 0;

  constructor(ctx: Ctx, parts: ExpandParts, request: ExpandRequest) {
    this.#ctx = ctx;
    this.#parts = parts;
    this.#request = request;
    this.#passed = new Set(request.passed ?? []);
    this.#route = request.mark === undefined ? "" : markRoute(request.mark);
  }

  get hasAnybody(): boolean {
    return this.#count > 0 || this.held.length > 0;
  }

  async add({ address, resolution, notify = defaultNotify, originalRecipient = null }: AcceptRecipient): Promise<void> {
    const { envelopeSender: sender, forwardedBy } = this.#request;
    if (resolution.kind === "group") {
      await this.#openGroups({ group: resolution, notify, originalRecipient });
      return;
    }
    if (resolution.kind === "service") {
      this.#push(sender, {
        address, route: moderatorAnswerRoute, notify: notifyBits.failure, originalRecipient, mailboxId: null,
      });
      return;
    }
    const forwarder = forwardedBy !== undefined ? { address: forwardedBy, owner: forwardedBy }
      // An address of ours that leads outside.
      : resolution.kind === "remote" && await this.#isOurs(address) ? { address, owner: "" } : null;
    const target = resolution.address.toLowerCase() === address.toLowerCase() || resolution.kind === "mailbox"
      ? address : resolution.address;
    await this.#add(resolution, target, { notify, originalRecipient, sender, forwarder });
  }

  #isOurs(address: string): Promise<boolean> {
    return this.#parts.directory.isLocalDomain(this.#ctx, domainOf(address));
  }

  /** Filed by the queue as deliveries are, so that it is there once whatever happens; nobody hears of its failure. */
  addSentCopy({ mailboxId, address }: { readonly mailboxId: MailboxId; readonly address: string }): void {
    this.#push(this.#request.envelopeSender, {
      address, route: sentCopyRoute, notify: notifyBits.never, originalRecipient: null, mailboxId,
    });
  }

  /** A group and the closed groups in it, each by its own rules and once. */
  async #openGroups(first: OpenGroup): Promise<void> {
    const { directory } = this.#parts;
    const open: OpenGroup[] = [first];
    for (const { group, notify, originalRecipient } of open) {
      if (this.#groupsSeen.has(group.entryId)) continue;
      this.#groupsSeen.add(group.entryId);
      const mailing = await this.#mailing(group.entryId);
      if (!this.#passes(mailing, { group, notify, originalRecipient })) continue;
      if ((notify & notifyBits.success) !== 0) {
        this.reports.push({
          action: "expanded", address: group.address, originalRecipient, status: "2.0.0", reply: "", remoteMta: null,
        });
      }
      // The group told of success; members do not. RFC 3461 §5.2.7.3
      const rest = notify & ~notifyBits.success;
      const told = rest === 0 ? notifyBits.never : rest;
      const way = { ...this.#wayOf(group.address, mailing), notify: told, originalRecipient };
      const { members, gated } = group.delivery ?? { members: group.members, gated: [] };
      await this.#addMembers(members, way);
      for (const { address } of gated) {
        const inner = await directory.resolve(this.#ctx, address);
        if (inner.kind === "group") open.push({ group: inner, notify, originalRecipient });
      }
    }
  }

  async #mailing(groupId: EntryId): Promise<GroupMailing | null> {
    const sender = { entryId: this.#request.senderId ?? null };
    return await this.#parts.directory.sharing?.groupMailing?.(this.#ctx, groupId, sender) ?? null;
  }

  /** Whether the group takes it now; else its sender hears why, or a moderator is asked. */
  #passes(mailing: GroupMailing | null, { group, notify, originalRecipient }: OpenGroup): boolean {
    if (mailing === null || this.#passed.has(group.entryId)) return true;
    const { refusal, moderators } = mailing;
    if (refusal === null && moderators === null) return true;
    const { entryId, address } = group;
    if (refusal !== null || moderators!.length === 0) {
      const why = refusal ?? "has nobody who could let a message pass";
      if ((notify & notifyBits.failure) !== 0) {
        this.reports.push({
          action: "failed", address, originalRecipient, status: "5.7.2", reply: `550 5.7.2 ${address} ${why}`,
          remoteMta: null,
        });
      }
    } else this.held.push({ entryId, address, moderators: moderators!, notify, originalRecipient });
    return false;
  }

  /** Who hears of members that cannot be reached. RFC 5321 §3.9.2 */
  #wayOf(address: string, mailing: GroupMailing | null): Pick<Way, "sender" | "forwarder"> {
    const { envelopeSender } = this.#request;
    const owner = mailing?.owner ?? "";
    const forwarder: Forwarder = { address, owner };
    if (envelopeSender === "" || mailing?.reports === "none") return { sender: "", forwarder };
    return { sender: mailing?.reports === "owner" && owner !== "" ? owner : envelopeSender, forwarder };
  }

  /** Group within group, without recursion: the directory has cut the loops, not the depth. */
  async #addMembers(members: readonly Resolution[], way: Way): Promise<void> {
    const open: Resolution[] = members.toReversed();
    for (let member = open.pop(); member !== undefined; member = open.pop()) {
      if (member.kind === "group") for (const inner of member.members.toReversed()) open.push(inner);
      else await this.#add(member, member.address, way);
    }
  }

  async #add(resolution: Resolution, address: string, way: Way): Promise<void> {
    if (resolution.kind !== "mailbox" && resolution.kind !== "remote") return;
    const isLocal = resolution.kind === "mailbox";
    const at = address.lastIndexOf("@");
    const domain = address.slice(at + 1).toLowerCase();
    const folderId = isLocal ? resolution.folderId : undefined;
    const key = isLocal ? `mailbox ${resolution.mailboxId} ${folderId ?? ""}` : `${address.slice(0, at)}@${domain}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const { notify, originalRecipient, forwarder } = way;
    const sender = isLocal || forwarder === null ? way.sender : await this.#forwarded(way.sender, forwarder);
    this.#push(sender, {
      address, route: isLocal ? this.#routeInto(folderId) : domain, notify, originalRecipient,
      mailboxId: isLocal ? resolution.mailboxId : null,
    });
  }

  /** Public folders judge who sends, when it comes. */
  #routeInto(folderId: FolderId | undefined): string {
    if (folderId === undefined) return this.#route;
    return markRoute({ kind: "public", folderId, senderId: this.#request.senderId ?? null });
  }

  async #forwarded(sender: string, forwarder: Forwarder): Promise<string> {
    const key = JSON.stringify([sender, forwarder.address]);
    const known = this.#rewritten.get(key);
    if (known !== undefined) return known;
    const made = await this.#parts.rewriting.forwarded(this.#ctx, sender, forwarder);
    this.#rewritten.set(key, made);
    return made;
  }

  #push(sender: string, recipient: Omit<ExpandedRecipient, "recipientNumber">): void {
    if (this.#count >= limits.queueRecipientsMax) {
      throw new Fault("tooMany", `The message has more than ${limits.queueRecipientsMax} recipients.`);
    }
    this.#count++;
    const same = this.bySender.get(sender);
    if (same === undefined) this.bySender.set(sender, [{ ...recipient, recipientNumber: 1 }]);
    else same.push({ ...recipient, recipientNumber: same.length + 1 });
  }
}
