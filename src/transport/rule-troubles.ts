/**
 * Rules that could not be followed: each is set aside until somebody changes it, its owner's client hears of it once,
 * and the reason stays beside it. [MS-OXORULE] 2.2.7, 3.2.5.1
 */
import { createHash } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { MessageId } from "#base/ids.ts";
import { namedKey, newItemObject, setNamed, setProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { propertySets } from "#props/property-sets.ts";
import { properties } from "#props/registry.ts";
import type { NamedId } from "#props/registry.ts";
import type { Plan } from "#rules/decisions.ts";
import { deferredError, ruleErrors } from "#rules/outlook/deferred.ts";
import { ruleStates } from "#rules/outlook/rule.ts";
import type { Rule } from "#rules/outlook/rule.ts";
import { aboutDelivery } from "#transport/rule-deferred.ts";

const p = properties;

/** Why a rule is set aside, and of which condition and actions that was said. */
const troubleName: NamedId = { guid: propertySets.PS_PUBLIC_STRINGS.guid, id: "urn:outpost:rule:trouble" };
const troubleKey = namedKey(troubleName);
const reasonMaxCharacters = 500;

/** What a rule says: one that is changed is another rule, whatever bits its client wrote. */
function fingerprint({ bag }: Pick<ItemObject, "bag">): string {
  const hash = createHash("sha256");
  for (const { tag } of [
    p.PidTagRuleCondition, p.PidTagRuleActions, p.PidTagExtendedRuleMessageCondition,
    p.PidTagExtendedRuleMessageActions,
  ]) {
    const value = bag.get(tag);
    hash.update(value instanceof Uint8Array ? value : "").update("\0");
  }
  return hash.digest("base64url").slice(0, 22);
}

/** A rule as it counts: one that was set aside as it stands stays so, with its reason; else it is tried again. */
export function withTrouble(rule: Rule, item: Pick<ItemObject, "bag" | "named">): Rule {
  const kept = item.named.get(troubleKey)?.value;
  const state = rule.state & ~(ruleStates.error | ruleStates.parseError);
  if (typeof kept !== "string" || kept.slice(0, 22) !== fingerprint(item)) return { ...rule, state };
  return { ...rule, broken: rule.broken ?? kept.slice(23), isSetAside: true };
}

export interface Troubled {
  readonly mailbox: Mailbox;
  readonly rules: readonly Rule[];
  readonly itemOf: ReadonlyMap<bigint, MessageId>;
}

/** Writes what a delivery found out. `messageId` null stands for a message that was kept nowhere. */
export async function noteTroubles(
  ctx: Ctx, { mailbox, rules, itemOf }: Troubled, setAside: Plan["setAside"], messageId: MessageId | null,
): Promise<void> {
  for (const trouble of setAside) {
    const rule = rules.find(({ ruleId }) => String(ruleId) === trouble.ruleId);
    const ruleItem = rule === undefined ? undefined : itemOf.get(rule.ruleId);
    if (rule === undefined || ruleItem === undefined || rule.isSetAside === true) continue;
    try {
      await mark(ctx, mailbox, rule, ruleItem, trouble.reason);
    } catch (error) {
      // Removed or changed meanwhile: there is nothing to set aside.
      if (error instanceof Fault && (error.code === "notFound" || error.code === "conflict")) continue;
      throw error;
    }
    if (messageId !== null) await tellClient(ctx, mailbox, rule, trouble, messageId);
  }
}

async function mark(ctx: Ctx, mailbox: Mailbox, rule: Rule, messageId: MessageId, reason: string): Promise<void> {
  const item = await mailbox.items.open(ctx, messageId);
  const marks = newItemObject();
  const state = rule.state | ruleStates.error | (rule.broken === null ? 0 : ruleStates.parseError);
  setProperty(marks, rule.form === "rop" ? p.PidTagRuleState : p.PidTagRuleMessageState, state);
  setNamed(marks, troubleName, "String", `${fingerprint(item)} ${reason.slice(0, reasonMaxCharacters)}`);
  await mailbox.items.update(ctx, { messageId, expectedCn: item.row.cn, set: marks });
}

/** A message in the Deferred Action folder. [MS-OXORULE] 2.2.7 */
async function tellClient(
  ctx: Ctx, mailbox: Mailbox, rule: Rule, trouble: Plan["setAside"][number], messageId: MessageId,
): Promise<void> {
  const target = await mailbox.folderByRole(ctx, "deferredAction");
  const item = deferredError({
    ruleId: rule.ruleId, provider: rule.provider,
    ruleError: trouble.ruleError ?? (rule.broken === null ? ruleErrors.execution : ruleErrors.parsing),
    actionType: trouble.actionType ?? 0, actionNumber: trouble.actionNumber ?? 0,
  }, await aboutDelivery(ctx, mailbox, messageId));
  await mailbox.items.create(ctx, { folderId: target.folderId, item });
}
