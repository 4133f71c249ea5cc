/**
 * What rules of every kind lead to, in the order they decided it, and what that means for one delivery. Outlook's
 * rules, Sieve scripts and the server's own lists speak this one language, so that delivery knows no rules.
 */
import type { TaggedValue } from "#props/structures.ts";
import type { ShortTermId } from "#props/object-ids.ts";

/** Folders that every mailbox has and rules name. */
export type RuleRole = "inbox" | "junkEmail" | "deletedItems";

export type FolderTarget =
  | { readonly kind: "role"; readonly role: RuleRole }
  /** As IMAP names it, parts parted by "/"; `create` makes what is missing. RFC 5490 §3.2 */
  | { readonly kind: "path"; readonly path: string; readonly create: boolean }
  /** The folder of a special use, else the path. RFC 8579 §4 */
  | { readonly kind: "specialUse"; readonly attribute: string; readonly path: string; readonly create: boolean }
  /** Of a rule's action; `storeEntryId` is empty for a folder of the same mailbox. [MS-OXORULE] 2.2.5.1.2.1 */
  | { readonly kind: "entryId"; readonly folderEntryId: Uint8Array; readonly storeEntryId: Uint8Array };

/** IMAP flags and keywords, `\Seen` and such. RFC 5232 §2 */
export type Flags = readonly string[];

/** A mail to a template, by the names its rule has for it. [MS-OXORULE] 2.2.5.1.2.2 */
export interface ReplyTemplate {
  readonly folderId: ShortTermId | null;
  readonly messageId: ShortTermId | null;
  /** Extended rules name the template by its entry id. */
  readonly entryId: Uint8Array | null;
  readonly guid: string;
}

export interface VacationRequest {
  /** One answer to each sender while this is the same. RFC 5230 §4.7 */
  readonly handle: string;
  readonly seconds: number;
  readonly subject: string | null;
  readonly from: string | null;
  /** Further addresses of the owner. */
  readonly addresses: readonly string[];
  readonly isMime: boolean;
  readonly reason: string;
}

type Act =
  /** A copy goes into a folder. `flags` null leaves those that hold for all. */
  | { readonly kind: "file"; readonly folder: FolderTarget; readonly flags: Flags | null }
  /** Nothing stays in the inbox by itself any more: moved, deleted, discarded. */
  | { readonly kind: "leave" }
  /** All copies get these. */
  | { readonly kind: "flag"; readonly flags: Flags }
  | { readonly kind: "tag"; readonly tagged: TaggedValue }
  /** Sent on as it is. RFC 5228 §4.2 */
  | {
    readonly kind: "redirect"; readonly addresses: readonly string[];
    /** The message tells that a rule did it. [MS-OXORULE] 2.2.5.1.1 (PR) */
    readonly isAutoForwarded?: boolean;
  }
  /** Sent on as mail of the owner. [MS-OXORULE] 2.2.5.1.1 */
  | { readonly kind: "forward"; readonly addresses: readonly string[]; readonly form: "inline" | "attachment" }
  /** Sent on to somebody who acts for the owner. [MS-OXORULE] 2.2.5.1.2.4 */
  | { readonly kind: "delegate"; readonly addresses: readonly string[] }
  | {
    readonly kind: "reply"; readonly template: ReplyTemplate; readonly isOof: boolean; readonly ruleId: string;
    /** ST_KEEP_OOF_HIST: each sender once. */
    readonly once: boolean;
    /** The template's recipients and body stand alone; nothing of the message is told. */
    readonly flavor: "standard" | "toTemplate" | "stock";
  }
  | { readonly kind: "vacation"; readonly request: VacationRequest }
  | { readonly kind: "refuse"; readonly status: string; readonly text: string }
  /** A client carries it out. [MS-OXORULE] 2.2.6 */
  | { readonly kind: "defer"; readonly deferred: DeferredActions }
  /** Remembered, so that the same key is a duplicate. RFC 7352 §3 */
  | { readonly kind: "remember"; readonly key: string; readonly seconds: number }
  /** A rule that cannot be followed; delivery goes on without it. */
  | {
    readonly kind: "setAside"; readonly ruleId: string; readonly name: string; readonly reason: string;
    /** PidTagRuleError, and the action that failed. [MS-OXORULE] 2.2.7.2 to 2.2.7.4 */
    readonly ruleError?: number; readonly actionType?: number; readonly actionNumber?: number;
  };

/** `by` names the rule, for logs and for the owner. */
export type Decision = Act & { readonly by: string };

export interface DeferredActions {
  readonly ruleId: bigint;
  readonly provider: string;
  readonly providerData: Uint8Array;
  readonly actionType: number;
  readonly actionNumber: number;
  /** RuleActions as they stand in PidTagClientActions. */
  readonly clientActions: Uint8Array;
}

export interface Placement {
  readonly folder: FolderTarget;
  readonly flags: Flags;
}

export type SendDecision = Extract<Decision, { kind: "redirect" | "forward" | "delegate" | "reply" | "vacation" }>;

/** What is to be done with one message, once each. */
export interface Plan {
  /** Empty for a message that is kept nowhere. */
  readonly placements: readonly Placement[];
  readonly tags: readonly TaggedValue[];
  readonly sends: readonly SendDecision[];
  readonly refusal: { readonly status: string; readonly text: string; readonly by: string } | null;
  readonly deferred: readonly DeferredActions[];
  readonly remembered: readonly { readonly key: string; readonly seconds: number }[];
  readonly setAside: readonly Extract<Decision, { kind: "setAside" }>[];
}

export const inbox: FolderTarget = { kind: "role", role: "inbox" };

/** Two spellings of one folder stay two here; delivery joins them once it knows the folders. */
export function targetKey(target: FolderTarget): string {
  switch (target.kind) {
    case "role": return `role ${target.role}`;
    case "path": return `path ${target.path}`;
    case "specialUse": return `use ${target.attribute.toLowerCase()} ${target.path}`;
    case "entryId": return `id ${Buffer.from(target.storeEntryId).toString("hex")} ` +
      Buffer.from(target.folderEntryId).toString("hex");
  }
}

/**
 * The plan that ordered decisions come to. A message goes into each folder once, with the marks of the first decision
 * that puts it there; it stays in `home` unless something took it away; a refused message is kept nowhere.
 */
export function settle(decisions: readonly Decision[], home: FolderTarget = inbox): Plan {
  const common = new Set<string>();
  for (const decision of decisions) if (decision.kind === "flag") for (const flag of decision.flags) common.add(flag);
  const refused = decisions.find((decision) => decision.kind === "refuse");
  const placements = new Map<string, Placement>();
  const place = (folder: FolderTarget, flags: Flags | null): void => {
    const key = targetKey(folder);
    if (!placements.has(key)) placements.set(key, { folder, flags: [...new Set([...common, ...flags ?? []])] });
  };
  if (refused === undefined) {
    if (!decisions.some((decision) => decision.kind === "leave")) place(home, null);
    for (const decision of decisions) if (decision.kind === "file") place(decision.folder, decision.flags);
  }
  const sends: SendDecision[] = [];
  for (const decision of decisions) if (isSend(decision)) sends.push(decision);
  return {
    placements: [...placements.values()],
    tags: decisions.flatMap((decision) => (decision.kind === "tag" ? [decision.tagged] : [])),
    sends,
    refusal: refused === undefined ? null : { status: refused.status, text: refused.text, by: refused.by },
    deferred: decisions.flatMap((decision) => (decision.kind === "defer" ? [decision.deferred] : [])),
    remembered: decisions.flatMap((decision) =>
      (decision.kind === "remember" ? [{ key: decision.key, seconds: decision.seconds }] : [])),
    setAside: decisions.filter((decision) => decision.kind === "setAside"),
  };
}

function isSend(decision: Decision): decision is SendDecision {
  return decision.kind === "redirect" || decision.kind === "forward" || decision.kind === "delegate" ||
    decision.kind === "reply" || decision.kind === "vacation";
}
