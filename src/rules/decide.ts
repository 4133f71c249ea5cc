/**
 * Everything that is decided about one message for one mailbox, in one place and in one order: the lists of junk, the
 * sub-address, the owner's rules, those of Outlook, the Sieve script, forwarding, the automatic reply.
 */
import type { Decision, Plan } from "#rules/decisions.ts";
import { settle } from "#rules/decisions.ts";
import type { RuleMessage } from "#rules/message.ts";
import { decideRules } from "#rules/outlook/decide.ts";
import type { OutlookState } from "#rules/outlook/decide.ts";
import type { Rule } from "#rules/outlook/rule.ts";
import { decideDetail, decideForward, decidePlain } from "#rules/own/decide.ts";
import { judgeJunk } from "#rules/own/junk.ts";
import { decideDelegates } from "#rules/own/delegates.ts";
import type { MeetingDelegate } from "#rules/own/delegates.ts";
import type { RuleSettings } from "#rules/own/settings.ts";
import { isAway } from "#rules/replies/decide.ts";
import { allowSends } from "#rules/resend/loops.ts";
import type { SieveScript } from "#rules/sieve/check.ts";
import { runSieve } from "#rules/sieve/run.ts";
import type { SieveWorld } from "#rules/sieve/state.ts";

export interface MailboxRules {
  readonly settings: RuleSettings;
  /** Of the inbox: its rules table and its extended rules. */
  readonly rules: readonly Rule[];
  /** null without one, or with one that does not compile. */
  readonly sieve: SieveScript | null;
}

export interface RuleWorld extends SieveWorld {
  readonly ownAddresses: readonly string[];
  /** Those who get meeting messages too. */
  readonly delegates?: readonly MeetingDelegate[];
  readonly outlook?: Omit<OutlookState, "ownAddresses" | "isOof" | "sclIsSafe">;
}

export interface MailboxPlan extends Plan {
  readonly isJunk: boolean;
  /** What was not sent on, and why. */
  readonly dropped: readonly { readonly by: string; readonly why: string }[];
}

/**
 * Junk goes into its folder and nowhere else: nothing is sent on, answered or sorted, since its sender is most likely
 * not who it says.
 */
export function decideDelivery(message: RuleMessage, mailbox: MailboxRules, world: RuleWorld): MailboxPlan {
  const { settings, rules, sieve } = mailbox;
  const junk = judgeJunk(message, settings.junk);
  if (junk.isJunk) {
    const plan = settle([], { kind: "role", role: "junkEmail" });
    return { ...plan, isJunk: true, dropped: [] };
  }
  // First, so that a rule of Outlook for the same delegates adds nothing.
  const decisions: Decision[] = decideDelegates(message, world.delegates ?? []);
  decisions.push(...decidePlain(settings.rules, message));
  if (rules.length > 0) {
    decisions.push(...decideRules(rules, message, {
      ...world.outlook, ownAddresses: world.ownAddresses, isOof: isAway(settings.replies, world.nowMs),
      sclIsSafe: junk.isSafe,
    }));
  }
  if (sieve !== null) decisions.push(...runSieve(sieve, message, world));
  // A place that something else chose comes before the one the address names.
  const isPlaced = decisions.some(({ kind }) => kind === "leave" || kind === "file" || kind === "refuse");
  if (settings.filesByDetail && !isPlaced) decisions.push(...decideDetail(message));
  decisions.push(...forwardUnlessRefused(decisions, settings));
  const plan = settle(decisions);
  if (plan.sends.length === 0) return { ...plan, isJunk: false, dropped: [] };
  const { sends, dropped } = allowSends(plan.sends, message, world.ownAddresses);
  return { ...keepWhatIsLost(plan, sends.length, dropped.length), sends, isJunk: false, dropped };
}

function forwardUnlessRefused(decisions: readonly Decision[], settings: RuleSettings): Decision[] {
  return decisions.some(({ kind }) => kind === "refuse") ? [] : decideForward(settings.forward);
}

/** A message that was to be sent on and kept nowhere, and is not sent on, must not be lost: it stays. */
function keepWhatIsLost(plan: Plan, sent: number, dropped: number): Plan {
  if (plan.refusal !== null || plan.placements.length > 0 || dropped === 0 || sent > 0) return plan;
  return { ...plan, placements: settle([]).placements };
}
