/** Messages in the Deferred Action folder by which the server hands work to a client. [MS-OXORULE] 2.2.6, 2.2.7 */
import { decode, encode } from "#codec/binary/code.ts";
import { newItem, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { properties } from "#props/registry.ts";
import { ruleActions } from "#props/structures.ts";
import type { RuleAction } from "#props/structures.ts";
import type { DeferredActions } from "#rules/decisions.ts";

const p = properties;

export const deferredActionClass = "IPC.Microsoft Exchange 4.0.Deferred Action";
export const deferredErrorClass = "IPC.Microsoft Exchange 4.0.Deferred Error";

export interface DeferredAbout {
  /** Entry id of the message that was delivered, and of the folder whose rules ran. */
  readonly messageEntryId: Uint8Array;
  readonly folderEntryId: Uint8Array;
  /** The message as a ServerId structure. [MS-OXCDATA] 2.2.1.4 */
  readonly messageServerId: Uint8Array;
}

/** Deferred actions of one provider, joined: one message each for the client. [MS-OXORULE] 2.2.6, 3.2.5.1.2 */
export function deferredMessages(deferred: readonly DeferredActions[], about: DeferredAbout): ItemBag[] {
  const byProvider = new Map<string, DeferredActions[]>();
  for (const one of deferred) {
    const same = byProvider.get(one.provider);
    if (same === undefined) byProvider.set(one.provider, [one]);
    else same.push(one);
  }
  return [...byProvider.values()].map((same) => deferredMessage(same, about));
}

function deferredMessage(same: readonly DeferredActions[], about: DeferredAbout): ItemBag {
  const item = newItem();
  const actions: RuleAction[] = same.flatMap((one) => decode(ruleActions("rop"), one.clientActions));
  const ruleIds = Buffer.alloc(same.length * 8);
  for (const [index, one] of same.entries()) ruleIds.writeBigUInt64LE(BigInt.asUintN(64, one.ruleId), index * 8);
  setProperty(item, p.PidTagMessageClass, deferredActionClass);
  setProperty(item, p.PidTagDamBackPatched, false);
  setProperty(item, p.PidTagDamOriginalEntryId, about.messageEntryId);
  setProperty(item, p.PidTagDeferredActionMessageOriginalEntryId, about.messageServerId);
  setProperty(item, p.PidTagRuleProvider, same[0]!.provider);
  setProperty(item, p.PidTagRuleFolderEntryId, about.folderEntryId);
  setProperty(item, p.PidTagClientActions, encode(ruleActions("rop"), actions));
  setProperty(item, p.PidTagRuleIds, ruleIds);
  return item;
}

/** PidTagRuleError: why a rule was set aside. [MS-OXORULE] 2.2.7.2 */
export const ruleErrors = {
  unknown: 1, rulesFolder: 2, delivery: 3, parsing: 4, processing: 5, targetFolder: 6, targetRights: 7,
  deferredMessage: 8, sendAs: 9, template: 10, execution: 11, mailboxQuota: 12, recipients: 13, folderQuota: 14,
} as const;

/** What tells a client that a rule of its owner cannot be followed. [MS-OXORULE] 2.2.7 */
export function deferredError(
  error: { ruleId: bigint; provider: string; ruleError: number; actionType: number; actionNumber: number },
  about: DeferredAbout,
): ItemBag {
  const item = newItem();
  setProperty(item, p.PidTagMessageClass, deferredErrorClass);
  setProperty(item, p.PidTagRuleError, error.ruleError);
  setProperty(item, p.PidTagRuleActionType, error.actionType);
  setProperty(item, p.PidTagRuleActionNumber, error.actionNumber);
  setProperty(item, p.PidTagRuleProvider, error.provider);
  setProperty(item, p.PidTagDamOriginalEntryId, about.messageEntryId);
  setProperty(item, p.PidTagRuleFolderEntryId, about.folderEntryId);
  setProperty(item, p.PidTagRuleId, error.ruleId);
  return item;
}
