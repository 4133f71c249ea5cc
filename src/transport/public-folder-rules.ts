/**
 * Rules of public folders. They run on mail that comes into a folder and on what people post there; a folder has no
 * other folders to sort into, no client of its own to defer to, and is never away. [MS-OXORULE] 2.2.5.1.1, 3.2.5.1
 */
import { Buffer } from "node:buffer";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId, FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Directory, MailboxOwner } from "#directory/api.ts";
import type { Mailbox } from "#mailbox/api.ts";
import type { Plan, SendDecision } from "#rules/decisions.ts";
import { settle } from "#rules/decisions.ts";
import { foldAddress, RuleMessage } from "#rules/message.ts";
import { makeTag } from "#props/types.ts";
import { decideRules, notInPublicFolders } from "#rules/outlook/decide.ts";
import { readRule } from "#rules/outlook/rule.ts";
import { allowSends } from "#rules/resend/loops.ts";
import type { Store } from "#store/api.ts";
import { readContentStart } from "#transport/content.ts";
import type { Deliver } from "#transport/local.ts";
import { carefully, isPassing } from "#transport/rule-careful.ts";
import { RuleMail } from "#transport/rule-mail.ts";
import type { Prepared } from "#transport/rule-mail.ts";
import { withPeople } from "#transport/rule-people.ts";
import type { NamesDirectory } from "#transport/rule-people.ts";
import type { LoadedRules, RuleStore } from "#transport/rule-store.ts";
import { noteTroubles } from "#transport/rule-troubles.ts";
import type { Transport } from "#transport/transport.ts";

interface FolderDirectory {
  /** Those with an address; left out where there are no public folders. */
  publicFolders?(ctx: Ctx): Promise<readonly {
    readonly folderId: FolderId;
    readonly entry: { readonly entryId: EntryId; readonly address: string; readonly displayName: string };
  }[]>;
}

export interface PublicFolderRuleParts {
  readonly store: Store;
  readonly directory: Directory & NamesDirectory & FolderDirectory;
  readonly transport: () => Transport;
  readonly hostname: string;
  readonly rules: RuleStore;
}

type Request = Parameters<Deliver>[1];

/** What the rules decided about one message, before anything is written. */
export interface PublicDecision {
  /** It goes nowhere: a rule deletes it. */
  readonly isDeleted: boolean;
  readonly refusal: Plan["refusal"];
  /** To be called when the message stands in the folder; null for one that is kept nowhere. */
  carryOut(ctx: Ctx, messageId: MessageId | null): Promise<void>;
}

export interface Post {
  readonly mailboxId: MailboxId;
  readonly folderId: FolderId;
  readonly messageId: MessageId;
  /** Who posted it. */
  readonly address: string;
}

export class PublicFolderRules {
  readonly #parts: PublicFolderRuleParts;

  constructor(parts: PublicFolderRuleParts) {
    this.#parts = parts;
  }

  /**
   * Whether a rule with this PidTagRuleActions may be kept. Actions that cannot be read are kept as they are, and set
   * aside when they would run.
   */
  mayHave(actions: Uint8Array): boolean {
    const rule = readRule(new Map([[makeTag(0x6680, "RuleAction"), actions]]));
    return !rule.actions.some(({ actionType }) => notInPublicFolders.has(actionType));
  }

  /** null leaves the message to plain delivery: there is no rule, or the rules cannot be followed at all. */
  async decide(ctx: Ctx, request: Request, folderId: FolderId): Promise<PublicDecision | null> {
    try {
      const loaded = await this.#load(ctx, request.mailboxId, folderId);
      if (loaded === null) return null;
      const start = await readContentStart(this.#parts.store, request.content, limits.ruleReadMaxBytes);
      return await this.#decide(ctx, request, folderId, loaded, start);
    } catch (error) {
      if (isPassing(error)) throw error;
      ctx.log.error({ error, mailbox: request.recipient }, "rules of a public folder failed; delivered without them");
      return null;
    }
  }

  /**
   * Runs the rules on what somebody posted. "refused" and "deleted": it is gone again. Never fails for a rule's sake:
   * what was posted stays then.
   */
  async posted(ctx: Ctx, post: Post): Promise<"kept" | "deleted" | "refused"> {
    const loaded = await this.#load(ctx, post.mailboxId, post.folderId);
    if (loaded === null) return "kept";
    let result: "kept" | "deleted" | "refused" = "kept";
    await carefully(ctx, "running the rules of its public folder", async () => {
      result = await this.#runOnPost(ctx, post, loaded);
    });
    return result;
  }

  async #runOnPost(ctx: Ctx, post: Post, loaded: LoadedRules): Promise<"kept" | "deleted" | "refused"> {
    const { mailboxId, folderId, messageId, address } = post;
    const mailbox = await this.#parts.rules.open(ctx, mailboxId);
    const bytes = await bytesOf(ctx, mailbox, folderId, messageId);
    if (bytes === null) return "kept";
    const entry = await this.#entry(ctx, folderId);
    const request: Request = {
      mailboxId, deliveryId: `post.${mailboxId}.${messageId}`, content: { bytes }, prefix: new Uint8Array(0),
      envelopeSender: address, recipient: entry?.address ?? "", internalMs: ctx.system.nowMs(),
      mark: { kind: "public", folderId, senderId: null },
    };
    const decided = await this.#decide(ctx, request, folderId, loaded, bytes);
    const isGone = decided.refusal !== null || decided.isDeleted;
    if (isGone) await mailbox.items.remove(ctx, [messageId], "soft");
    if (decided.refusal !== null) return "refused";
    await decided.carryOut(ctx, isGone ? null : messageId);
    return isGone ? "deleted" : "kept";
  }

  async #load(ctx: Ctx, mailboxId: MailboxId, folderId: FolderId): Promise<LoadedRules | null> {
    const loaded = await this.#parts.rules.load(ctx, mailboxId, folderId);
    return loaded === null || loaded.rules.length === 0 ? null : loaded;
  }

  async #entry(ctx: Ctx, folderId: FolderId) {
    const all = await this.#parts.directory.publicFolders?.(ctx) ?? [];
    return all.find((one) => one.folderId === folderId)?.entry ?? null;
  }

  async #decide(
    ctx: Ctx, request: Request, folderId: FolderId, loaded: LoadedRules, start: Uint8Array,
  ): Promise<PublicDecision> {
    const { directory, rules } = this.#parts;
    const { mailboxId, content, prefix } = request;
    const message = new RuleMessage({
      envelope: { sender: request.envelopeSender, recipient: request.recipient }, receivedMs: request.internalMs,
      bytes: Buffer.concat([prefix, start]),
      sizeBytes: prefix.length + ("bytes" in content ? content.bytes.length : content.sizeBytes),
    });
    const mailbox = await rules.open(ctx, mailboxId);
    const entry = await this.#entry(ctx, folderId);
    const owner: MailboxOwner = {
      entryId: entry?.entryId ?? 0 as EntryId, address: entry?.address ?? "", displayName: entry?.displayName ?? "",
      quotaBytes: null,
    };
    const own = [...new Set([owner.address, request.recipient].map(foldAddress))].filter((one) => one !== "");
    const people = await withPeople(ctx, directory, loaded.rules);
    const plan = settle(decideRules(people.rules, message, {
      ownAddresses: own, isOof: false, sclIsSafe: false, isPublicFolder: true,
      namedOf: (id) => loaded.names.get(id),
      resolve: (type, address) => (type === "EX" ? people.resolved.get(address.toLowerCase()) ?? null : null),
    }));
    const { sends, dropped } = allowSends(entry === null ? [] : plan.sends, message, own);
    for (const { by, why } of dropped) ctx.log.info({ mailbox: owner.address, rule: by, reason: why }, "not sent on");
    const mail = new RuleMail({
      ...this.#parts, mailbox, owner, own, message, request, memory: rules, settings: loaded.settings,
    });
    const { mails } = await mail.prepare(ctx, sends);
    return {
      isDeleted: plan.placements.length === 0, refusal: plan.refusal,
      carryOut: (later, messageId) => carryOut(later, { plan, loaded, mailbox, mails, sends, mail }, messageId),
    };
  }
}

interface Ready {
  readonly plan: Plan;
  readonly loaded: LoadedRules;
  readonly mailbox: Mailbox;
  readonly mails: readonly Prepared[];
  readonly sends: readonly SendDecision[];
  readonly mail: RuleMail;
}

async function carryOut(
  ctx: Ctx, { plan, loaded, mailbox, mails, sends, mail }: Ready, messageId: MessageId | null,
): Promise<void> {
  await carefully(ctx, "marking it", async () => {
    if (messageId === null || plan.tags.length === 0) return;
    const bag = new Map(plan.tags.map(({ tag, value }) => [tag, value]));
    await mailbox.items.update(ctx, { messageId, set: { bag } });
  });
  // There is no Deferred Action folder in which somebody's client would hear of it.
  await carefully(ctx, "setting a rule aside", () =>
    noteTroubles(ctx, { mailbox, rules: loaded.rules, itemOf: loaded.itemOf }, plan.setAside, null));
  for (const one of mails) await carefully(ctx, "sending it on", () => one.send(ctx));
  for (const [index, send] of sends.entries()) {
    // Whom a folder answered is remembered nowhere.
    if (send.kind === "reply") {
      await carefully(ctx, "answering it", () => mail.answer(ctx, { ...send, once: false }, index));
    }
  }
}

/** An item as IMAP shows it; null for one that is gone, or too large to be looked at whole. */
async function bytesOf(
  ctx: Ctx, mailbox: Mailbox, folderId: FolderId, messageId: MessageId,
): Promise<Uint8Array | null> {
  const { uid } = await mailbox.items.row(ctx, messageId);
  for await (const rows of mailbox.rows(ctx, folderId, [{ first: uid, last: uid }])) {
    for (const row of rows) {
      const content = await mailbox.content(ctx, row.contentId);
      if (content.sizeBytes > limits.ruleForwardWholeMaxBytes) {
        throw new Fault("tooBig", "What was posted is too large for rules.");
      }
      return await content.read(0, content.sizeBytes);
    }
  }
  return null;
}
