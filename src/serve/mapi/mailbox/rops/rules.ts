/** Rules of a folder as clients write them: kept as they are, one associated message each. [MS-OXORULE] 2.2.1, 3.2.5 */
import type { Ctx } from "#base/ctx.ts";
import { toObjectId } from "#base/ids.ts";
import type { MessageId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { folderRights } from "#mailbox/access.ts";
import type { TaggedValue } from "#props/structures.ts";
import { makeTag, tagId } from "#props/types.ts";
import type { PropertyBag, PropertyTag, PropertyValue } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { ruleMessageClass } from "#serve/mapi/mailbox/kept-rules.ts";
import type { FolderObject } from "#serve/mapi/mailbox/objects.ts";
import { asFolder, asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler } from "#serve/mapi/mailbox/rop-call.ts";
import { bagSource } from "#serve/mapi/mailbox/sources.ts";
import { OpenTable } from "#serve/mapi/mailbox/table.ts";
import type { PublicFolderRules } from "#transport/public-folder-rules.ts";
import * as rops from "#wire/mapi/rops/rules.ts";

const PidTagMessageClass = makeTag(0x001a, "String");
const PidTagRuleId = makeTag(0x6674, "Integer64");
const PidTagRuleActions = makeTag(0x6680, "RuleAction");
const PidTagRuleSequence = makeTag(0x6676, "Integer32");

/** Ids of the rules table's properties. [MS-OXORULE] 2.2.1.3.1 */
const ruleIds: ReadonlySet<number> = new Set([
  0x6674, 0x6676, 0x6677, 0x6678, 0x6679, 0x6680, 0x6681, 0x6682, 0x6683, 0x6684,
]);
const rowFlags = { add: 0x01, modify: 0x02, remove: 0x04 } as const;
const replaceRows = 0x01;
/** TableFlags: nothing else may be asked for. [MS-OXORULE] 2.2.2.1, 3.2.5.3 */
const unicodeStrings = 0x40;

interface KeptRule {
  readonly messageId: MessageId;
  readonly bag: PropertyBag;
}

/** The rules of a folder in their order; each has its id. */
export async function readRules(ctx: Ctx, folder: FolderObject): Promise<KeptRule[]> {
  const { items } = folder.logon;
  const ids: MessageId[] = [];
  for await (const rows of items.rows(ctx, folder.folderId, { associated: true })) {
    for (const row of rows) if (row.messageClass === ruleMessageClass) ids.push(row.messageId);
  }
  const rules: KeptRule[] = [];
  for (const messageId of ids) {
    const item = await items.open(ctx, messageId);
    const bag: PropertyBag = new Map([...item.bag].filter(([tag]) => ruleIds.has(tagId(tag))));
    bag.set(PidTagRuleId, idOf(messageId));
    rules.push({ messageId, bag });
  }
  const sequence = ({ bag }: KeptRule): number => bag.get(PidTagRuleSequence) as number | undefined ?? 0;
  return rules.sort((a, b) => sequence(a) - sequence(b) || a.messageId - b.messageId);
}

function requirePublicActions(rules: PublicFolderRules, values: readonly TaggedValue[]): void {
  const actions = values.find(({ tag }) => tagId(tag) === tagId(PidTagRuleActions))?.value;
  if (!(actions instanceof Uint8Array) || rules.mayHave(actions)) return;
  throw new RopError("notSupported", "A rule of a public folder moves, copies and defers nothing.");
}

const idOf = (messageId: MessageId): bigint => BigInt.asIntN(64, toObjectId(messageId));

function bagOf(values: readonly TaggedValue[]): PropertyBag {
  const bag: PropertyBag = new Map<PropertyTag, PropertyValue>();
  for (const { tag, value } of values) {
    if (!ruleIds.has(tagId(tag))) throw new RopError("invalidParameter", "A rule has no such property.");
    if (tag !== PidTagRuleId) bag.set(tag, value);
  }
  return bag;
}

async function addRule(call: RopCall<unknown>, folder: FolderObject, values: readonly TaggedValue[]): Promise<void> {
  const bag = bagOf(values);
  bag.set(PidTagMessageClass, ruleMessageClass);
  await folder.logon.items.create(call.ctx, {
    folderId: folder.folderId, associated: true, item: { bag, recipients: [], attachments: [] },
  });
}

function requireOwner(folder: FolderObject): void {
  if ((folder.logon.mailbox.rightsIn(folder.folderId) & folderRights.folderOwner) === 0) {
    throw new RopError("accessDenied", "Rules are for owners of a folder.");
  }
}

export const ruleHandlers: readonly RopHandler[] = [
  handler(rops.RopGetRulesTable, (call) => {
    const folder = asFolder(call.object);
    if ((call.request.tableFlags & ~unicodeStrings) !== 0) {
      throw new RopError("notSupported", "An unknown kind of table.");
    }
    requireOwner(folder);
    const source = bagSource("rules", call.session.codePage, async (ctx) =>
      (await readRules(ctx, folder)).map(({ messageId, bag }) =>
        ({ key: messageId, instance: 0, version: 0, values: bag })));
    return { opens: new OpenTable(folder.logon, source) };
  }),

  handler(rops.RopModifyRules, async (call) => {
    const folder = asFolder(call.object);
    requireOwner(folder);
    const { items } = folder.logon;
    const { modifyRulesFlags, rulesData } = call.request;
    if ((modifyRulesFlags & ~replaceRows) !== 0) {
      throw new RopError("invalidParameter", "An unknown way of changing rules.");
    }
    const isReplacing = (modifyRulesFlags & replaceRows) !== 0;
    const before = await readRules(call.ctx, folder);
    const known = new Map(before.map(({ messageId }) => [idOf(messageId), messageId]));
    const target = (values: readonly TaggedValue[]): MessageId => {
      const found = known.get(values.find(({ tag }) => tag === PidTagRuleId)?.value as bigint);
      if (found === undefined) throw new RopError("notFound", "This folder has no such rule.");
      return found;
    };
    // All is looked at before anything is changed.
    for (const { ruleDataFlags: flag, propertyValues } of rulesData) {
      const isKnown = flag === rowFlags.add || (!isReplacing && (flag === rowFlags.modify || flag === rowFlags.remove));
      if (!isKnown) throw new RopError("invalidParameter", `${flag} is no change of a rule.`);
      bagOf(propertyValues);
      if (folder.logon.isPublic) requirePublicActions(call.session.services.publicRules, propertyValues);
      if (flag !== rowFlags.add) target(propertyValues);
    }
    if (before.length + rulesData.length > limits.mapiRulesMax) {
      throw new RopError("notEnoughMemory", "The folder would have too many rules.");
    }
    const gone = isReplacing ? before.map(({ messageId }) => messageId) : [];
    if (gone.length > 0) await items.remove(call.ctx, gone, "hard");
    for (const { ruleDataFlags: flag, propertyValues } of rulesData) {
      if (flag === rowFlags.add) await addRule(call, folder, propertyValues);
      else if (flag === rowFlags.remove) await items.remove(call.ctx, [target(propertyValues)], "hard");
      else await items.update(call.ctx, { messageId: target(propertyValues), set: { bag: bagOf(propertyValues) } });
    }
    return {};
  }),

  // The client has its own copy of the message now: those that wait for it are told its name. [MS-OXORULE] 3.2.5.4
  handler(rops.RopUpdateDeferredActionMessages, async (call) => {
    const { items, mailbox } = asLogon(call);
    const { serverEntryId, clientEntryId } = call.request;
    if (!serverIdSizes.has(serverEntryId.length)) {
      throw new RopError("invalidParameter", "The server names no message like this.");
    }
    const folderId = new Map(await mailbox.roleFolders(call.ctx)).get("deferredAction");
    if (folderId === undefined) return {};
    const wanted = Buffer.from(serverEntryId);
    const tags = [PidTagDamOriginalEntryId, PidTagDeferredActionMessageOriginalEntryId];
    for await (const slice of items.table(call.ctx, folderId, { tags })) {
      for (const { row, object } of slice) {
        const names = tags.map((tag) => object.bag.get(tag));
        if (!names.some((name) => name instanceof Uint8Array && wanted.equals(name))) continue;
        await items.update(call.ctx, { messageId: row.messageId, set: { bag: new Map<PropertyTag, PropertyValue>([
          ...tags.map((tag) => [tag, clientEntryId] as const), [PidTagDamBackPatched, true],
        ]) } });
      }
    }
    return {};
  }),
];

/** [MS-OXORULE] 2.2.6.3, 2.2.6.8, 2.2.6.2 */
const PidTagDamOriginalEntryId = makeTag(0x6646, "Binary");
const PidTagDeferredActionMessageOriginalEntryId = makeTag(0x6741, "ServerId");
const PidTagDamBackPatched = makeTag(0x6647, "Boolean");
/** Of a ServerId structure and of an entry id of a message. [MS-OXCDATA] 2.2.1.4, 2.2.4.2 */
const serverIdSizes: ReadonlySet<number> = new Set([21, 70]);
