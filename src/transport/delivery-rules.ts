/**
 * Local delivery with the owner's rules. Decided before anything is written, on the bytes that came; then one
 * transaction puts the copies into their folders, and what is sent on or answered goes into the queue under a key of
 * this delivery, so that a delivery repeated after a crash doubles nothing. Whatever is wrong with a rule, the message
 * is delivered.
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory, MailboxOwner, MeetingCopies } from "#directory/api.ts";
import { messageFlags } from "#mailbox/api.ts";
import { mayPost } from "#mailbox/post.ts";
import type { DeliveryMark } from "#transport/queue-rows.ts";
import type { Mailbox, Mailboxes } from "#mailbox/api.ts";
import type { Deliver as MailboxDeliver, DeliveryPlace } from "#mailbox/delivery.ts";
import { decideDelivery } from "#rules/decide.ts";
import type { MailboxPlan, RuleWorld } from "#rules/decide.ts";
import type { Flags, Placement } from "#rules/decisions.ts";
import { domainOf, foldAddress, RuleMessage } from "#rules/message.ts";
import { ruleStates } from "#rules/outlook/rule.ts";
import type { Rule } from "#rules/outlook/rule.ts";
import { settingsDefault } from "#rules/own/settings.ts";
import { isAway } from "#rules/replies/decide.ts";
import { memoryKey } from "#rules/replies/memory.ts";
import type { RuleMemory } from "#rules/replies/memory.ts";
import type { Store } from "#store/api.ts";
import { readContentStart } from "#transport/content.ts";
import { markForInformation, putAway, writeMark } from "#transport/delivery-marks.ts";
import type { Deliver } from "#transport/local.ts";
import { PublicFolderRules } from "#transport/public-folder-rules.ts";
import { carefully, isPassing } from "#transport/rule-careful.ts";
import { writeDeferred } from "#transport/rule-deferred.ts";
import { RuleFolders } from "#transport/rule-folders.ts";
import { RuleMail } from "#transport/rule-mail.ts";
import type { Prepared } from "#transport/rule-mail.ts";
import { withPeople } from "#transport/rule-people.ts";
import type { NamesDirectory } from "#transport/rule-people.ts";
import { RuleStore } from "#transport/rule-store.ts";
import type { LoadedRules } from "#transport/rule-store.ts";
import { noteTroubles } from "#transport/rule-troubles.ts";
import type { Transport } from "#transport/transport.ts";

export interface RuleDeliveryParts {
  readonly store: Store;
  readonly directory: Directory & NamesDirectory;
  readonly mailboxes: Mailboxes;
  readonly deliver: MailboxDeliver;
  readonly transport: () => Transport;
  readonly hostname: string;
  /** A filter stands in front whose score fields are true; else anybody could have written them. */
  readonly believesSpamFields: boolean;
}

type Request = Parameters<Deliver>[1];

const noRules: LoadedRules = {
  settings: settingsDefault, rules: [], sieve: null, troubles: [], names: new Map(), itemOf: new Map(),
};

/** Fields by which a filter in front of this server says what it thinks. */
const scored = /^(?:x-spam|x-rspamd|x-ms-exchange-organization-scl)/im;

export function createRuleDelivery(parts: RuleDeliveryParts): Deliver {
  const delivery = new RuleDelivery(parts);
  return (ctx, request) => delivery.deliver(ctx, request);
}

/** What was decided and made ready, before anything is written. */
interface Ready {
  readonly mailbox: Mailbox;
  readonly message: RuleMessage;
  readonly plan: MailboxPlan;
  readonly places: readonly DeliveryPlace[];
  readonly mails: readonly Prepared[];
  readonly loaded: LoadedRules;
  readonly mail: RuleMail;
  readonly owner: MailboxOwner;
  readonly copies: MeetingCopies | null;
}

class RuleDelivery {
  readonly #parts: RuleDeliveryParts;
  readonly #rules: RuleStore;
  readonly #publicRules: PublicFolderRules;

  constructor(parts: RuleDeliveryParts) {
    this.#parts = parts;
    this.#rules = new RuleStore(parts);
    this.#publicRules = new PublicFolderRules({ ...parts, rules: this.#rules });
  }

  async deliver(ctx: Ctx, request: Request): ReturnType<Deliver> {
    if (request.mark?.kind === "public") return await this.#intoPublicFolder(ctx, request, request.mark);
    const ready = request.folderRole === "sentItems" ? null : await this.#decideSafely(ctx, request);
    if (ready === null) return await this.#parts.deliver(ctx, request);
    const { plan, places, mailbox } = ready;
    // Nobody hears of a refusal by the null sender's mail; it stays.
    if (plan.refusal !== null && request.envelopeSender !== "") {
      ctx.log.info({ mailbox: request.recipient, rule: plan.refusal.by }, "refused by a rule");
      return { duplicate: false, messageId: null, meeting: null, refusal: plan.refusal };
    }
    const done = await this.#parts.deliver(ctx, { ...request, places });
    const { messageId } = done;
    if (messageId !== null) await carefully(ctx, "marking it", () => this.#afterwards(ctx, ready, request, messageId));
    await carefully(ctx, "setting a rule aside", () => this.#setAside(ctx, ready, messageId));
    await carefully(ctx, "remembering it", () => this.#remember(ctx, request, plan, mailbox));
    for (const mail of ready.mails) await carefully(ctx, "sending it on", () => mail.send(ctx));
    await carefully(ctx, "answering it", () => this.#answer(ctx, ready));
    // A meeting that nobody asked for must not come into the calendar, nor one that is another's.
    if (plan.isJunk || request.mark !== undefined) return { ...done, meeting: null };
    if (messageId === null || ready.copies?.to !== "delegates" || !isHandedOn(ready)) return done;
    return { ...done, afterMeeting: (later) => carefully(later, "putting it away", () =>
      putAway(later, mailbox, messageId)) };
  }

  /** No calendar: the folder's rights and its own rules decide. */
  async #intoPublicFolder(
    ctx: Ctx, request: Request, { folderId, senderId }: DeliveryMark & { readonly kind: "public" },
  ): ReturnType<Deliver> {
    const { mailboxId, recipient } = request;
    const refused = (status: string, text: string): Awaited<ReturnType<Deliver>> =>
      ({ duplicate: false, messageId: null, meeting: null, refusal: { status, text } });
    if (!await mayPost(ctx, this.#parts.mailboxes, { mailboxId, folderId, senderId })) {
      return refused("5.7.1", `${recipient} takes no mail from this sender`);
    }
    const decided = await this.#publicRules.decide(ctx, request, folderId);
    // Nobody hears of a refusal by the null sender's mail; it stays.
    if (decided !== null && decided.refusal !== null && request.envelopeSender !== "") {
      return refused(decided.refusal.status, decided.refusal.text);
    }
    try {
      const isKept = decided === null || !decided.isDeleted || decided.refusal !== null;
      const places = isKept ? [{ folder: { folderId }, flags: 0, keywords: [] }] : [];
      const done = await this.#parts.deliver(ctx, { ...request, places });
      await decided?.carryOut(ctx, done.messageId);
      return { ...done, meeting: null };
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      return refused("5.1.1", `${recipient} is a folder that does not exist any more`);
    }
  }

  /** null leaves the message to plain delivery: there is no rule, or the rules cannot be followed at all. */
  async #decideSafely(ctx: Ctx, request: Request): Promise<Ready | null> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#decide(ctx, request);
      } catch (error) {
        if (isPassing(error)) throw error;
        // A rule that was removed while it was read: its successor is read the next time.
        if (error instanceof Fault && error.code === "notFound" && attempt === 1) continue;
        ctx.log.error({ error, mailbox: request.recipient }, "rules failed; delivered without them");
        return null;
      }
    }
  }

  async #decide(ctx: Ctx, request: Request): Promise<Ready | null> {
    const { store, directory } = this.#parts;
    const { mailboxId, mark } = request;
    const loaded = await this.#rules.load(ctx, mailboxId);
    // What came for somebody else goes no further by itself.
    const copies = mark !== undefined ? null : await directory.sharing?.meetingCopies?.(ctx, mailboxId) ?? null;
    const start = await readContentStart(store, request.content, limits.ruleReadMaxBytes);
    const isPlain = loaded === null && copies === null && mark === undefined;
    if (isPlain && !(this.#parts.believesSpamFields && isScored(start))) return null;
    const owner = await directory.mailboxOwner(ctx, mailboxId);
    if (owner === null) return null;
    const message = messageOf(request, start);
    const mailbox = await this.#rules.open(ctx, mailboxId);
    const own = await this.#ownAddresses(ctx, owner, message, mailboxId);
    const rules = this.#believed(loaded ?? noRules);
    const memory = asksMemory(rules) ? await this.#rules.readMemory(ctx, mailbox, ctx.system.nowMs()) : null;
    const { resolved, rules: named } = await withPeople(ctx, directory, rules.rules);
    const decideIn = (known: RuleFolders | null): MailboxPlan => decideDelivery(message, { ...rules, rules: named },
      worldOf(ctx, request, { own, folders: known, memory, rules, copies, resolved }, this.#parts));
    // Most mail meets no rule: folders are read where a script may ask for them, or something goes into one.
    let folders = rules.sieve === null ? null : await RuleFolders.read(ctx, mailbox);
    let decided = decideIn(folders);
    if (folders === null && decided.placements.some(({ folder }) => folder.kind !== "role")) {
      folders = await RuleFolders.read(ctx, mailbox);
      if (rules.rules.length > 0) decided = decideIn(folders);
    }
    const plan = mark === undefined ? decided
      : { ...decided, sends: decided.sends.filter(({ kind }) => kind !== "delegate") };
    for (const { name, reason } of plan.setAside) {
      ctx.log.warn({ mailbox: owner.address, rule: name, reason }, "a rule was set aside");
    }
    for (const { by, why } of plan.dropped) {
      ctx.log.info({ mailbox: owner.address, rule: by, reason: why }, "not sent on");
    }
    const mail = new RuleMail({
      ...this.#parts, mailbox, owner, own, message, request, memory: this.#rules, settings: rules.settings,
    });
    const { mails, failed } = await mail.prepare(ctx, plan.sends);
    const isLost = plan.placements.length === 0 && plan.refusal === null && failed > 0 && mails.length === 0;
    const placements: readonly Placement[] = plan.refusal !== null || isLost ? [inboxPlacement] : plan.placements;
    const places = folders === null ? placements.map(rolePlace) : await this.#places(ctx, folders, placements);
    return { mailbox, message, plan, mails, loaded: rules, mail, places, owner, copies };
  }

  #believed(rules: LoadedRules): LoadedRules {
    if (this.#parts.believesSpamFields) return rules;
    return { ...rules, settings: { ...rules.settings, junk: { ...rules.settings.junk, isOn: false } } };
  }

  async #places(ctx: Ctx, folders: RuleFolders, placements: readonly Placement[]): Promise<DeliveryPlace[]> {
    const places = new Map<number, DeliveryPlace>();
    for (const { folder, flags } of placements) {
      const found = await folders.resolve(ctx, folder);
      if (found === null) ctx.log.info({ folder: folder.kind }, "a rule names a folder that is not there");
      const { folderId } = found ?? folders.inbox;
      if (!places.has(folderId)) places.set(folderId, { folder: { folderId }, ...marksOf(flags) });
    }
    return [...places.values()];
  }

  /** Every address in the message that leads to this mailbox, the primary one first. */
  async #ownAddresses(ctx: Ctx, owner: MailboxOwner, message: RuleMessage, mailboxId: MailboxId): Promise<string[]> {
    const { directory } = this.#parts;
    const own = new Set([foldAddress(owner.address), foldAddress(message.envelope.recipient)]);
    const named = ["to", "cc", "from", "delivered-to"].flatMap((name) => message.people(name))
      .map(({ address }) => foldAddress(address));
    const others = [...new Set([foldAddress(message.envelope.sender), ...named])]
      .filter((address) => address !== "" && !own.has(address)).slice(0, limits.ruleOwnAddressesMax);
    for (const address of others) {
      if (!await directory.isLocalDomain(ctx, domainOf(address))) continue;
      const found = await directory.resolve(ctx, address);
      if (found.kind === "mailbox" && found.mailboxId === mailboxId) own.add(address);
    }
    return [...own];
  }

  /** What needs the message to stand in the mailbox. */
  async #afterwards(ctx: Ctx, ready: Ready, request: Request, messageId: MessageId): Promise<void> {
    const { plan, mailbox, owner, copies } = ready;
    if (request.mark !== undefined) {
      await writeMark(ctx, { directory: this.#parts.directory, mailbox, owner }, messageId, request.mark);
    }
    if (copies?.to === "information" && isHandedOn(ready)) await markForInformation(ctx, mailbox, messageId);
    if (plan.tags.length > 0) {
      const bag = new Map(plan.tags.map(({ tag, value }) => [tag, value]));
      await mailbox.items.update(ctx, { messageId, set: { bag } });
    }
    if (plan.deferred.length > 0) await writeDeferred(ctx, mailbox, messageId, plan.deferred);
  }

  async #setAside(ctx: Ctx, { plan, mailbox, loaded }: Ready, messageId: MessageId | null): Promise<void> {
    if (plan.setAside.length === 0) return;
    await noteTroubles(ctx, { mailbox, rules: loaded.rules, itemOf: loaded.itemOf }, plan.setAside, messageId);
  }

  async #remember(ctx: Ctx, { deliveryId }: Request, plan: MailboxPlan, mailbox: Mailbox): Promise<void> {
    if (plan.remembered.length === 0) return;
    const nowMs = ctx.system.nowMs();
    await this.#rules.remember(ctx, mailbox, nowMs, (memory) => {
      for (const { key, seconds } of plan.remembered) memory.add(seenKey(key), nowMs + seconds * 1000, deliveryId);
    });
  }

  /** Answers are thought of last: what cannot be answered was delivered all the same. */
  async #answer(ctx: Ctx, { plan, loaded, mail, message }: Ready): Promise<void> {
    if (plan.isJunk) return;
    const answers = plan.sends.filter((send) => send.kind === "reply" || send.kind === "vacation");
    for (const [index, send] of answers.entries()) await mail.answer(ctx, send, index);
    const { replies } = loaded.settings;
    if (isAway(replies, ctx.system.nowMs())) await mail.answerAway(ctx, replies, message);
  }
}

/** Whether somebody who acts for the owner got it too. */
function isHandedOn({ plan, mails }: Ready): boolean {
  return mails.length > 0 && plan.sends.some(({ kind, by }) => kind === "delegate" && by === "delegates");
}

const inboxPlacement: Placement = { folder: { kind: "role", role: "inbox" }, flags: [] };
const seenKey = (key: string): string => memoryKey("seen", key);

function messageOf(
  { envelopeSender, recipient, prefix, content, internalMs }: Request, start: Uint8Array,
): RuleMessage {
  const sizeBytes = prefix.length + ("bytes" in content ? content.bytes.length : content.sizeBytes);
  return new RuleMessage({
    envelope: { sender: envelopeSender, recipient }, bytes: Buffer.concat([prefix, start]), sizeBytes,
    receivedMs: internalMs,
  });
}

/** A quick look at the header alone. */
function isScored(start: Uint8Array): boolean {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.length);
  const end = bytes.indexOf("\r\n\r\n");
  return scored.test(bytes.toString("latin1", 0, Math.min(end < 0 ? bytes.length : end, limits.headerSectionMaxBytes)));
}

const answering = new WeakMap<readonly Rule[], boolean>();

/** Whether a rule asks what was answered or seen before. Worked out once for a list of rules. */
function asksMemory({ rules, sieve }: LoadedRules): boolean {
  if (sieve?.required.has("duplicate") === true) return true;
  let found = answering.get(rules);
  if (found === undefined) {
    found = rules.some(({ state }) => (state & ruleStates.keepOofHistory) !== 0);
    answering.set(rules, found);
  }
  return found;
}

interface Around {
  readonly own: readonly string[];
  /** null before anything asked for them. */
  readonly folders: RuleFolders | null;
  readonly memory: RuleMemory | null;
  readonly rules: LoadedRules;
  readonly copies: MeetingCopies | null;
  /** Internet addresses by distinguished name in small letters. */
  readonly resolved: ReadonlyMap<string, string>;
}

function worldOf(
  ctx: Ctx, { deliveryId, recipient }: Request, { own, folders, memory, rules, copies, resolved }: Around,
  parts: RuleDeliveryParts,
): RuleWorld {
  return {
    nowMs: ctx.system.nowMs(), ownAddresses: own, delegates: copies?.delegates ?? [],
    mailboxExists: (path) => folders !== null && folders.find(path) !== null,
    hasSpecialUse: (path, attribute) => folders?.hasSpecialUse(path, attribute) === true,
    isDuplicate: (key) => memory?.has(seenKey(key), deliveryId) === true,
    environment: new Map([
      ["name", "outpost"], ["host", parts.hostname], ["domain", domainOf(recipient)], ["location", "MDA"],
      ["phase", "post"],
    ]),
    outlook: {
      namedOf: (id) => rules.names.get(id),
      resolve: (type, address) => (type === "EX" ? resolved.get(address.toLowerCase()) ?? null : null),
      ...folders === null ? {} : { folderExists: (entryId: Uint8Array) => folders.hasEntryId(entryId) },
      hasAnswered: (ruleId, sender) => memory?.has(memoryKey("rule", String(ruleId), sender), deliveryId) === true,
    },
  };
}

const flagBits: Readonly<Record<string, number>> = {
  "\\seen": messageFlags.seen, "\\answered": messageFlags.answered, "\\flagged": messageFlags.flagged,
  "\\deleted": messageFlags.deleted, "\\draft": messageFlags.draft, $forwarded: messageFlags.forwarded,
  $mdnsent: messageFlags.mdnSent,
};

/** Of a plan that names no other folders than those every mailbox has. */
function rolePlace({ folder, flags }: Placement): DeliveryPlace {
  return { folder: { role: folder.kind === "role" ? folder.role : "inbox" }, ...marksOf(flags) };
}

/** IMAP flags as bits and keywords; system flags that nobody knows are dropped. RFC 9051 §2.3.2 */
function marksOf(flags: Flags): { flags: number; keywords: string[] } {
  let bits = 0;
  const keywords: string[] = [];
  for (const flag of flags) {
    const bit = flagBits[flag.toLowerCase()];
    if (bit !== undefined) bits |= bit;
    else if (!flag.startsWith("\\") && keywords.length < limits.keywordsMax) keywords.push(flag);
  }
  return { flags: bits, keywords };
}
