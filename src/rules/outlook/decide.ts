/**
 * What the rules of a folder decide about a message that comes into it. [MS-OXORULE] 3.2.5.1
 *
 * Rules go by their sequence. One that cannot be followed is set aside with its reason, whole: none of its actions is
 * carried out. Several moves make several copies; deleting, bouncing and "stop" end the evaluation of all rules but
 * those for Out of Office.
 */
import { WireError } from "#base/fault.ts";
import { decode, encode } from "#codec/binary/code.ts";
import { passes } from "#props/evaluate.ts";
import type { EvaluateOptions } from "#props/evaluate.ts";
import { actionTypes, ruleActions, serverEntryId } from "#props/structures.ts";
import type { RuleAction, RuleRecipient } from "#props/structures.ts";
import { tagId } from "#props/types.ts";
import type { PropertyTag } from "#props/types.ts";
import type { Decision, ReplyTemplate } from "#rules/decisions.ts";
import { foldAddress } from "#rules/message.ts";
import type { RuleMessage } from "#rules/message.ts";
import { compileRules, fieldText } from "#rules/outlook/compiled.ts";
import { ruleErrors } from "#rules/outlook/deferred.ts";
import { namedRecipient } from "#rules/outlook/recipients.ts";
import { ruleStates } from "#rules/outlook/rule.ts";
import type { Rule } from "#rules/outlook/rule.ts";
import { testableOf } from "#rules/outlook/testable.ts";
import type { NamedOf } from "#rules/outlook/testable.ts";

export interface OutlookState {
  /** Every address of the owner. */
  readonly ownAddresses: readonly string[];
  /** The mailbox answers for its owner now. [MS-OXWOOF] 2.2.4.2 */
  readonly isOof: boolean;
  /** PidTagContentFilterSpamConfidenceLevel is -1. [MS-OXCSPAM] 2.2.1.3 */
  readonly sclIsSafe: boolean;
  /** Names of this mailbox's property ids. */
  readonly namedOf?: NamedOf;
  readonly isMember?: EvaluateOptions["isMember"];
  /** The Internet address of another kind of address ("EX"); null when there is none. */
  readonly resolve?: (addressType: string, address: string) => string | null;
  /** Whether a folder of the mailbox is there; every one is when absent. */
  readonly folderExists?: (folderEntryId: Uint8Array) => boolean;
  /** Of a public folder: nothing is sorted elsewhere or left to a client. [MS-OXORULE] 2.2.5.1.1 */
  readonly isPublicFolder?: boolean;
  /** Whether the rule has answered this sender since Out of Office began. [MS-OXORULE] 3.2.5.1.1 */
  readonly hasAnswered?: (ruleId: bigint, sender: string) => boolean;
}

/** Forward flavors. [MS-OXORULE] 2.2.5.1.1 */
const forwardFlavors = { preserveSender: 1, noChanges: 2, asAttachment: 4, asTextMessage: 8 } as const;
/** Reply flavors. [MS-OXORULE] 2.2.5.1.1 */
const replyFlavors = { notToSender: 1, stockText: 2 } as const;

/** What no rule of a public folder may do. [MS-OXORULE] 2.2.5.1.1 */
export const notInPublicFolders: ReadonlySet<number> = new Set([
  actionTypes.move, actionTypes.copy, actionTypes.deferAction,
]);

/** BounceCode. [MS-OXORULE] 2.2.5.1.2.5 */
const bounces: ReadonlyMap<number, { readonly status: string; readonly text: string }> = new Map([
  [0x0d, { status: "5.2.3", text: "The recipient takes no messages of this size." }],
  [0x1f, { status: "5.6.0", text: "The recipient's program cannot show this message." }],
  [0x26, { status: "5.7.1", text: "The recipient does not take this message." }],
]);

/** A rule that cannot be followed, and which PidTagRuleError that is. [MS-OXORULE] 2.2.7.2 */
class Unusable extends Error {
  readonly ruleError: number;
  actionType = 0;
  actionNumber = 0;

  constructor(message: string, ruleError: number = ruleErrors.execution) {
    super(message);
    this.ruleError = ruleError;
  }
}

/** Decisions of all rules in their order. `rules` in any order. [MS-OXORULE] 3.2.5.1 */
export function decideRules(rules: readonly Rule[], message: RuleMessage, state: OutlookState): Decision[] {
  const decisions: Decision[] = [];
  const own = new Set(state.ownAddresses.map(foldAddress));
  const ofMailbox = testableOf(message, own, state.namedOf ?? (() => undefined));
  const options: EvaluateOptions = state.isMember === undefined ? {} : { isMember: state.isMember };
  let onlyOof = false;
  for (const rule of compileRules(rules).candidates((field) => fieldText(ofMailbox, field))) {
    if (!isDue(rule, state, onlyOof)) continue;
    if (rule.broken !== null) {
      decisions.push(setAside(rule, rule.broken));
      continue;
    }
    if (isAnswered(rule, message, state)) continue;
    const testable = rule.namedIds.size === 0 ? ofMailbox
      : testableOf(message, own, (id) => rule.namedIds.get(id) ?? state.namedOf?.(id));
    if (rule.condition !== null && !passes(rule.condition, testable, options)) continue;
    try {
      const made = decideActions(rule, state);
      decisions.push(...made.decisions);
      onlyOof ||= made.ends || (rule.state & ruleStates.exitLevel) !== 0;
    } catch (error) {
      if (!(error instanceof Unusable) && !(error instanceof WireError)) throw error;
      decisions.push(setAside(rule, error.message, error instanceof Unusable ? error : undefined));
    }
  }
  return decisions;
}

/**
 * Whether a rule is looked at now. Outlook writes rules for Out of Office without the enabled bit.
 * [MS-OXORULE] 2.2.1.3.1.3, 3.2.5.1.1.1
 */
function isDue(rule: Rule, state: OutlookState, onlyOof: boolean): boolean {
  if (rule.isSetAside === true) return false;
  const isOofRule = (rule.state & ruleStates.onlyWhenOof) !== 0;
  if ((rule.state & ruleStates.enabled) === 0 && !isOofRule) return false;
  if (isOofRule ? !state.isOof : onlyOof) return false;
  return !(state.sclIsSafe && (rule.state & ruleStates.skipIfSclIsSafe) !== 0);
}

/** [MS-OXORULE] 3.2.5.1.1: the list of those a rule has answered. */
function isAnswered(rule: Rule, message: RuleMessage, state: OutlookState): boolean {
  return (rule.state & ruleStates.keepOofHistory) !== 0 && state.hasAnswered !== undefined &&
    rule.actions.some((action) => action.actionType === actionTypes.oofReply) &&
    state.hasAnswered(rule.ruleId, foldAddress(message.envelope.sender));
}

const ruleName = (rule: Rule): string => (rule.name === "" ? `rule ${rule.ruleId}` : rule.name);

function setAside(rule: Rule, reason: string, error?: Unusable): Decision {
  return {
    kind: "setAside", ruleId: String(rule.ruleId), name: rule.name, reason, by: ruleName(rule),
    ...error === undefined ? {}
      : { ruleError: error.ruleError, actionType: error.actionType, actionNumber: error.actionNumber },
  };
}

function decideActions(rule: Rule, state: OutlookState): { decisions: Decision[]; ends: boolean } {
  const decisions: Decision[] = [];
  let ends = false;
  for (const [index, action] of rule.actions.entries()) {
    try {
      decisions.push(...decideAction(rule, action, index, state));
    } catch (error) {
      if (error instanceof Unusable) [error.actionType, error.actionNumber] = [action.actionType, index];
      throw error;
    }
    ends ||= action.actionType === actionTypes.delete || action.actionType === actionTypes.bounce;
  }
  return { decisions, ends };
}

/** [MS-OXORULE] 2.2.5.1.2 for the data, 3.2.5.1 for what is done with it. */
function decideAction(rule: Rule, action: RuleAction, index: number, state: OutlookState): Decision[] {
  const by = ruleName(rule);
  if (state.isPublicFolder === true && notInPublicFolders.has(action.actionType)) {
    throw new Unusable("a public folder's rule has no such action");
  }
  switch (action.actionType) {
    case actionTypes.move:
    case actionTypes.copy: {
      if (isElsewhere(action)) return [defer(rule, action, index)];
      if (state.folderExists?.(action.folderEntryId) === false) {
        throw new Unusable("its folder is gone", ruleErrors.targetFolder);
      }
      const folder = { kind: "entryId", folderEntryId: action.folderEntryId, storeEntryId: new Uint8Array(0) } as const;
      const copy: Decision = { kind: "file", folder, flags: null, by };
      return action.actionType === actionTypes.copy ? [copy] : [copy, { kind: "leave", by }];
    }
    case actionTypes.reply:
    case actionTypes.oofReply: {
      const flavor = (action.actionFlavor & replyFlavors.notToSender) !== 0 ? "toTemplate"
        : (action.actionFlavor & replyFlavors.stockText) !== 0 ? "stock" : "standard";
      return [{
        kind: "reply", template: templateOf(action), isOof: action.actionType === actionTypes.oofReply,
        ruleId: String(rule.ruleId), once: (rule.state & ruleStates.keepOofHistory) !== 0, flavor, by,
      }];
    }
    case actionTypes.deferAction: return [defer(rule, action, index)];
    case actionTypes.bounce: {
      const known = bounces.get(action.bounceCode);
      if (known === undefined) throw new Unusable(`it bounces with the unknown code ${action.bounceCode}`);
      return [{ kind: "refuse", ...known, by }];
    }
    case actionTypes.forward: return [forward(action, state, by)];
    case actionTypes.delegate: return [{ kind: "delegate", addresses: addressesOf(action.recipients, state), by }];
    case actionTypes.tag: return [{ kind: "tag", tagged: namedTag(rule, action.taggedValue), by }];
    case actionTypes.delete: return [{ kind: "leave", by }];
    case actionTypes.markAsRead: return [{ kind: "flag", flags: ["\\Seen"], by }];
  }
}

/** An id of an extended rule's own means nothing to the mailbox. */
function namedTag<T extends { readonly tag: PropertyTag }>(rule: Rule, value: T): T {
  if (rule.namedIds.has(tagId(value.tag))) throw new Unusable("it sets a property by a name of its own");
  return value;
}

/** Another mailbox's folder is for the client. [MS-OXORULE] 3.2.5.1.2 */
function isElsewhere(action: RuleAction & { readonly actionType: 1 | 2 }): boolean {
  if (action.folderInThisStore !== undefined) {
    if (action.folderInThisStore === 0) return true;
    const { ours, folderId } = decode(serverEntryId, action.folderEntryId);
    if (ours !== 1 || folderId.counter === 0) throw new Unusable("it names no folder of this mailbox");
    return false;
  }
  if (action.folderEntryId.length !== 46) throw new Unusable("it names its folder by something that is no entry id");
  return false;
}

function templateOf(action: RuleAction & { readonly actionType: 3 | 4 }): ReplyTemplate {
  if ("replyTemplateEntryId" in action) {
    return { folderId: null, messageId: null, entryId: action.replyTemplateEntryId, guid: action.replyTemplateGuid };
  }
  return {
    folderId: action.replyTemplateFolderId, messageId: action.replyTemplateMessageId, entryId: null,
    guid: action.replyTemplateGuid,
  };
}

function forward(action: RuleAction & { readonly actionType: 7 | 8 }, state: OutlookState, by: string): Decision {
  const { actionFlavor: flavor } = action;
  const addresses = addressesOf(action.recipients, state);
  if ((flavor & forwardFlavors.asTextMessage) !== 0) throw new Unusable("it forwards as a text message");
  if ((flavor & forwardFlavors.asAttachment) !== 0) {
    if (flavor !== forwardFlavors.asAttachment) throw new Unusable(`it forwards in the two ways ${flavor}`);
    return { kind: "forward", addresses, form: "attachment", by };
  }
  if ((flavor & (forwardFlavors.preserveSender | forwardFlavors.noChanges)) !== 0) {
    const isAutoForwarded = (flavor & forwardFlavors.preserveSender) !== 0;
    return { kind: "redirect", addresses, ...isAutoForwarded ? { isAutoForwarded } : {}, by };
  }
  return { kind: "forward", addresses, form: "inline", by };
}

/** [MS-OXORULE] 2.2.5.1.2.4.1 */
function addressesOf(recipients: readonly RuleRecipient[], state: OutlookState): string[] {
  const found = new Set<string>();
  for (const recipient of recipients) {
    const { type, address: named } = namedRecipient(recipient);
    const address = type === "SMTP" ? named : state.resolve?.(type, named) ?? "";
    if (foldAddress(address) === "") {
      throw new Unusable(`it sends to ${named === "" ? "nobody" : named}`, ruleErrors.recipients);
    }
    found.add(address);
  }
  if (found.size === 0) throw new Unusable("it sends to nobody", ruleErrors.recipients);
  return [...found];
}

function defer(rule: Rule, action: RuleAction, actionNumber: number): Decision {
  // Actions of an extended rule have another layout, and are never deferred. [MS-OXORULE] 2.2.6
  if (rule.form === "extended") throw new Unusable("an extended rule leaves an action to the client");
  return {
    kind: "defer", by: ruleName(rule),
    deferred: {
      ruleId: rule.ruleId, provider: rule.provider, providerData: rule.providerData, actionType: action.actionType,
      actionNumber, clientActions: encode(ruleActions("rop"), [action]),
    },
  };
}
