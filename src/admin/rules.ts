/** Rules, forwarding, junk lists and automatic replies of a mailbox, for those who administer it. */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { openEntryMailbox } from "#admin/folders.ts";
import type { Admin } from "#admin/admin.ts";
import { forMessage, parseAddress } from "#directory/address.ts";
import { readSettings, settingsDefault, writeSettings } from "#rules/own/settings.ts";
import type { PlainRule, ReplySettings, RuleSettings } from "#rules/own/settings.ts";
import { compileSieve } from "#rules/sieve/check.ts";
import { SieveError } from "#rules/sieve/lexer.ts";
import { RuleStore } from "#transport/rule-store.ts";
import type { LoadedRules } from "#transport/rule-store.ts";

export interface RulesView {
  readonly address: string;
  readonly settings: RuleSettings;
  /** Rules that Outlook keeps in the mailbox. */
  readonly outlookRules: readonly { readonly name: string; readonly isOn: boolean; readonly broken: string | null }[];
  readonly troubles: readonly string[];
}

/** ST_ENABLED. [MS-OXORULE] 2.2.1.3.1.3 */
const enabled = 1;

export async function showRules(ctx: Ctx, admin: Admin, address: string): Promise<RulesView> {
  const { mailbox, address: primary } = await openEntryMailbox(ctx, admin, address);
  const loaded = await new RuleStore(admin).load(ctx, mailbox.mailboxId);
  return viewOf(primary, loaded);
}

function viewOf(address: string, loaded: LoadedRules | null): RulesView {
  const outlookRules = (loaded?.rules ?? []).toSorted((a, b) => a.sequence - b.sequence)
    .map(({ name, state, broken }) => ({ name, isOn: (state & enabled) !== 0, broken }));
  return { address, settings: loaded?.settings ?? settingsDefault, outlookRules, troubles: loaded?.troubles ?? [] };
}

/** What is not valid is refused with its reason, and nothing is changed. */
export async function changeRules(
  ctx: Ctx, admin: Admin, address: string, change: (settings: RuleSettings) => RuleSettings,
): Promise<RulesView> {
  const { mailbox, address: primary } = await openEntryMailbox(ctx, admin, address);
  const rules = new RuleStore(admin);
  const before = (await rules.load(ctx, mailbox.mailboxId))?.settings ?? settingsDefault;
  const wanted = change(before);
  const { troubles } = readSettings(writeSettings(wanted));
  if (troubles.length > 0) throw new Fault("invalidArgument", `This cannot be kept: ${troubles.join("; ")}.`);
  await rules.saveSettings(ctx, mailbox.mailboxId, wanted);
  return viewOf(primary, await rules.load(ctx, mailbox.mailboxId));
}

export async function addRule(ctx: Ctx, admin: Admin, address: string, rule: PlainRule): Promise<RulesView> {
  return await changeRules(ctx, admin, address, (settings) => {
    if (settings.rules.some(({ name }) => name.toLowerCase() === rule.name.toLowerCase())) {
      throw new Fault("alreadyExists", `There is a rule "${forMessage(rule.name)}" already.`);
    }
    return { ...settings, rules: [...settings.rules, rule] };
  });
}

export async function removeRule(ctx: Ctx, admin: Admin, address: string, ruleName: string): Promise<RulesView> {
  return await changeRules(ctx, admin, address, (settings) => {
    const rules = settings.rules.filter(({ name }) => name.toLowerCase() !== ruleName.toLowerCase());
    if (rules.length === settings.rules.length) {
      throw new Fault("notFound", `There is no rule "${forMessage(ruleName)}" that the server keeps.`);
    }
    return { ...settings, rules };
  });
}

/** null takes the script away. Fault `invalidArgument` with line and column. */
export async function setSieve(ctx: Ctx, admin: Admin, address: string, script: string | null): Promise<RulesView> {
  if (script !== null) checkSieve(script);
  return await changeRules(ctx, admin, address, (settings) => ({ ...settings, sieve: script }));
}

export function checkSieve(script: string): void {
  try {
    compileSieve(script);
  } catch (error) {
    if (error instanceof SieveError) throw new Fault("invalidArgument", `The script is wrong: ${error.message}.`);
    throw error;
  }
}

export async function setReplies(
  ctx: Ctx, admin: Admin, address: string, change: Partial<ReplySettings>,
): Promise<RulesView> {
  return await changeRules(ctx, admin, address, (settings) =>
    ({ ...settings, replies: { ...settings.replies, ...change } }));
}

/** Addresses of forwards and lists as they are kept. Fault `invalidArgument`. */
export function checkedAddresses(addresses: readonly string[]): string[] {
  return addresses.map((address) => parseAddress(address).key);
}
