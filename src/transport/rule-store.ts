/**
 * The rules of mailboxes and of public folders as they are stored, read once for each state of theirs; and the memory
 * of answers.
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { toObjectId } from "#base/ids.ts";
import type { ChangeNumber, FolderId, MailboxId, MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { getProperty, newItem, setProperty } from "#convert/item.ts";
import type { Mailbox, Mailboxes } from "#mailbox/api.ts";
import { readRuleItems, readRuleItemsState, ruleItemClasses } from "#mailbox/rule-items.ts";
import type { RuleItem, RuleItemsState } from "#mailbox/rule-items.ts";
import { tagsOf } from "#props/evaluate.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import { isNamedTag } from "#props/types.ts";
import type { MailboxRules } from "#rules/decide.ts";
import { readExtendedRule, readRule } from "#rules/outlook/rule.ts";
import type { Rule } from "#rules/outlook/rule.ts";
import { readSettings, settingsDefault, writeSettings } from "#rules/own/settings.ts";
import type { ReplySettings, RuleSettings } from "#rules/own/settings.ts";
import { isAway } from "#rules/replies/decide.ts";
import { RuleMemory } from "#rules/replies/memory.ts";
import { compileSieve } from "#rules/sieve/check.ts";
import type { SieveScript } from "#rules/sieve/check.ts";
import { SieveError } from "#rules/sieve/lexer.ts";
import type { Store } from "#store/api.ts";
import { withTrouble } from "#transport/rule-troubles.ts";

const p = properties;

export interface LoadedRules extends MailboxRules {
  /** Names of the mailbox's property ids; empty where no condition asks for one. */
  readonly names: ReadonlyMap<number, NamedId>;
  /** What is stored and cannot be followed. */
  readonly troubles: readonly string[];
  /** The items of Outlook's rules, by their ids. */
  readonly itemOf: ReadonlyMap<bigint, MessageId>;
}

interface Cached {
  /** Change number up to which nothing changed. */
  cn: number;
  readonly associatedCount: number;
  readonly rules: LoadedRules | null;
  /** Outlook's rules as they were read; one that did not change is not read again. */
  readonly byItem: ReadonlyMap<MessageId, KeptRule>;
}

interface KeptRule {
  readonly cn: ChangeNumber;
  readonly rule: Rule;
}

export interface RuleStoreParts {
  readonly store: Store;
  readonly mailboxes: Mailboxes;
}

/** Mailboxes and public folders whose rules are kept ready. */
const cachedMax = 2000;
const memoryTriesMax = 8;

/** Whose rules they are: those of a mailbox stand in its inbox. */
type Place = MailboxId | `${MailboxId} ${FolderId}`;
const placeOf = (mailboxId: MailboxId, folderId: FolderId | undefined): Place =>
  (folderId === undefined ? mailboxId : `${mailboxId} ${folderId}`);

export class RuleStore {
  readonly #parts: RuleStoreParts;
  readonly #cached = new Map<Place, Cached>();
  /** Mailboxes whose rules are being read: who comes meanwhile waits, and looks whether they are still the same. */
  readonly #loading = new Map<Place, Promise<unknown>>();
  /** Memories are read and written one after the other in one process; across processes the change number decides. */
  readonly #turns = new Map<MailboxId, Promise<unknown>>();

  constructor(parts: RuleStoreParts) {
    this.#parts = parts;
  }

  /** The server itself, which may read every mailbox. */
  open(ctx: Ctx, mailboxId: MailboxId): Promise<Mailbox> {
    const principal = { entryId: 0, address: "rules", displayName: "Rules", mailboxId: null };
    return this.#parts.mailboxes.open(ctx, principal, mailboxId);
  }

  /** Of a mailbox, or of one public folder in it; null where there are none. */
  async load(ctx: Ctx, mailboxId: MailboxId, folderId?: FolderId): Promise<LoadedRules | null> {
    const place = placeOf(mailboxId, folderId);
    for (let other = this.#loading.get(place); other !== undefined; other = this.#loading.get(place)) {
      await other;
    }
    const cached = this.#cached.get(place);
    const since = cached?.cn ?? Number.MAX_SAFE_INTEGER;
    const state = await readRuleItemsState(ctx, this.#parts.store, mailboxId, since, folderId);
    if (state === null || state.associatedCount === 0) return null;
    if (cached !== undefined && cached.associatedCount === state.associatedCount && state.changedCount === 0) {
      cached.cn = Math.max(cached.cn, state.cn);
      return cached.rules;
    }
    // Somebody else may have begun while this one looked.
    if (this.#loading.has(place)) return await this.load(ctx, mailboxId, folderId);
    const loading = this.#reload(ctx, mailboxId, folderId, state);
    const settled = loading.then(() => undefined, () => undefined);
    this.#loading.set(place, settled);
    try {
      return await loading;
    } finally {
      this.#loading.delete(place);
    }
  }

  /** Read after the change number was: what changes meanwhile is found by the next look. */
  async #reload(
    ctx: Ctx, mailboxId: MailboxId, folderId: FolderId | undefined, state: RuleItemsState,
  ): Promise<LoadedRules | null> {
    const place = placeOf(mailboxId, folderId);
    const items = (await readRuleItems(ctx, this.#parts.store, mailboxId, folderId))
      .filter(({ kind }) => kind !== "memory" && (kind !== "settings" || folderId === undefined));
    const byItem = new Map<MessageId, KeptRule>();
    const before = this.#cached.get(place)?.byItem ?? byItem;
    const rules = items.length === 0 ? null
      : await this.#read(ctx, await this.open(ctx, mailboxId), items, { before, byItem });
    this.#cached.delete(place);
    this.#cached.set(place, { cn: state.cn, associatedCount: state.associatedCount, rules, byItem });
    if (this.#cached.size > cachedMax) this.#cached.delete(this.#cached.keys().next().value!);
    return rules;
  }

  async #read(
    ctx: Ctx, mailbox: Mailbox, items: readonly RuleItem[],
    { before, byItem }: { before: ReadonlyMap<MessageId, KeptRule>; byItem: Map<MessageId, KeptRule> },
  ): Promise<LoadedRules> {
    let settings: RuleSettings = settingsDefault;
    const troubles: string[] = [];
    const rules: Rule[] = [];
    const itemOf = new Map<bigint, MessageId>();
    let hasSettings = false;
    for (const item of items.slice(0, limits.rulesPerFolderMax)) {
      if (item.kind === "settings") {
        // Of several, the oldest: whoever made the others did not see it.
        if (hasSettings) continue;
        hasSettings = true;
        const { bag } = await mailbox.items.open(ctx, item.messageId);
        const read = readSettings(getProperty({ bag, named: new Map() }, p.PidTagBody) ?? "");
        settings = read.settings;
        troubles.push(...read.troubles);
      } else {
        const known = before.get(item.messageId);
        const rule = known?.cn === item.cn ? known.rule : await readItem(ctx, mailbox, item);
        byItem.set(item.messageId, { cn: item.cn, rule });
        itemOf.set(rule.ruleId, item.messageId);
        if (rule.broken !== null) troubles.push(`${rule.name}: ${rule.broken}`);
        rules.push(rule);
      }
    }
    const asksNames = rules.some(({ form, condition }) =>
      form === "rop" && condition !== null && [...tagsOf(condition)].some(isNamedTag));
    const names = asksNames ? await mailbox.items.allPropertyNames(ctx) : new Map<number, NamedId>();
    return { settings, rules, sieve: compile(settings.sieve, troubles), troubles, names, itemOf };
  }

  /** Takes the place of the settings there are. */
  async saveSettings(ctx: Ctx, mailboxId: MailboxId, settings: RuleSettings): Promise<void> {
    const items = await readRuleItems(ctx, this.#parts.store, mailboxId);
    const old = items.find(({ kind }) => kind === "settings") ?? null;
    await this.#write(ctx, await this.open(ctx, mailboxId), "settings", writeSettings(settings), old);
  }

  /** Whether automatic replies go out now. */
  async isAway(ctx: Ctx, mailboxId: MailboxId): Promise<boolean> {
    const { replies } = (await this.load(ctx, mailboxId))?.settings ?? settingsDefault;
    return isAway(replies, ctx.system.nowMs());
  }

  /** Turns automatic replies on or off; a schedule gives way to it. Fault `conflict` when the settings just changed. */
  async setAway(ctx: Ctx, mailboxId: MailboxId, isOn: boolean): Promise<void> {
    const settings = (await this.load(ctx, mailboxId))?.settings ?? settingsDefault;
    if (isAway(settings.replies, ctx.system.nowMs()) === isOn) return;
    const replies: ReplySettings = { ...settings.replies, state: isOn ? "on" : "off", startMs: null, endMs: null };
    await this.saveSettings(ctx, mailboxId, { ...settings, replies });
  }

  async #write(
    ctx: Ctx, mailbox: Mailbox, kind: "settings" | "memory", text: string,
    old: { readonly messageId: MessageId; readonly cn: ChangeNumber } | null,
  ): Promise<void> {
    const item = newItem();
    setProperty(item, p.PidTagMessageClass, ruleItemClasses[kind]);
    setProperty(item, p.PidTagSubject, ruleItemClasses[kind]);
    setProperty(item, p.PidTagBody, text);
    if (old === null) {
      const inbox = await mailbox.folderByRole(ctx, "inbox");
      await mailbox.items.create(ctx, { folderId: inbox.folderId, item, associated: true });
    } else {
      await mailbox.items.update(ctx, { messageId: old.messageId, expectedCn: old.cn, set: { bag: item.bag } });
    }
  }

  async #memory(ctx: Ctx, mailbox: Mailbox, nowMs: number): Promise<{ memory: RuleMemory; item: RuleItem | null }> {
    const items = await readRuleItems(ctx, this.#parts.store, mailbox.mailboxId);
    const item = items.find(({ kind }) => kind === "memory") ?? null;
    if (item === null) return { memory: RuleMemory.read("[]", nowMs), item };
    const { bag } = await mailbox.items.open(ctx, item.messageId);
    return { memory: RuleMemory.read(getProperty({ bag, named: new Map() }, p.PidTagBody) ?? "", nowMs), item };
  }

  /** What is remembered now, to be asked only. */
  async readMemory(ctx: Ctx, mailbox: Mailbox, nowMs: number): Promise<RuleMemory> {
    return (await this.#memory(ctx, mailbox, nowMs)).memory;
  }

  /**
   * Lets `change` look and add, and writes what it added: durable when it resolves. Tried again when another process
   * wrote meanwhile, so that `change` may be called more than once.
   */
  remember<T>(ctx: Ctx, mailbox: Mailbox, nowMs: number, change: (memory: RuleMemory) => T): Promise<T> {
    const { mailboxId } = mailbox;
    const before = this.#turns.get(mailboxId) ?? Promise.resolve();
    const turn = before.then(() => this.#change(ctx, mailbox, nowMs, change));
    const settled = turn.then(() => undefined, () => undefined);
    this.#turns.set(mailboxId, settled);
    void settled.then(() => {
      if (this.#turns.get(mailboxId) === settled) this.#turns.delete(mailboxId);
    });
    return turn;
  }

  async #change<T>(ctx: Ctx, mailbox: Mailbox, nowMs: number, change: (memory: RuleMemory) => T): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const { memory, item } = await this.#memory(ctx, mailbox, nowMs);
      const result = change(memory);
      if (!memory.isChanged) return result;
      try {
        await this.#write(ctx, mailbox, "memory", memory.toText(), item);
        return result;
      } catch (error) {
        const isTaken = error instanceof Fault && (error.code === "conflict" || error.code === "notFound");
        if (!isTaken || attempt >= memoryTriesMax) throw error;
      }
    }
  }
}

async function readItem(ctx: Ctx, mailbox: Mailbox, { messageId, kind }: RuleItem): Promise<Rule> {
  const { bag, named } = await mailbox.items.open(ctx, messageId);
  // As the rules table names it. [MS-OXORULE] 2.2.1.3.1.1
  const ruleId = BigInt.asIntN(64, toObjectId(messageId));
  const read = kind === "standard" ? readRule(bag) : readExtendedRule(bag, ruleId);
  return withTrouble({ ...read, ruleId }, { bag: new Map(bag), named: new Map(named) });
}

function compile(script: string | null, troubles: string[]): SieveScript | null {
  if (script === null) return null;
  try {
    return compileSieve(script);
  } catch (error) {
    if (!(error instanceof SieveError)) throw error;
    troubles.push(`the Sieve script: ${error.message}`);
    return null;
  }
}
