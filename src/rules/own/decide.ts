/** What the owner's plain rules, forwarding and sub-addresses decide. */
import { decodeWords } from "#format/mime/words.ts";
import { foldCase } from "#props/compare.ts";
import type { Decision, FolderTarget } from "#rules/decisions.ts";
import type { RuleMessage } from "#rules/message.ts";
import type { ForwardSettings, PlainRule } from "#rules/own/settings.ts";
import { Prefilter } from "#rules/prefilter.ts";

const folderOf = (path: string): FolderTarget => ({ kind: "path", path, create: true });

type PlainField = "from" | "to" | "subject";

/** The texts in which a rule looks for its own. */
function textsOf(message: RuleMessage, field: PlainField): string[] {
  if (field === "subject") return message.named("subject").map(decodeWords);
  if (field === "from") return [...peopleText(message, "from"), message.envelope.sender];
  return [...peopleText(message, "to"), ...peopleText(message, "cc")];
}

const compiled = new WeakMap<readonly PlainRule[], Prefilter<PlainRule, PlainField>>();

/** Made once for a list of rules, which must not change after. */
function compilePlain(rules: readonly PlainRule[]): Prefilter<PlainRule, PlainField> {
  let found = compiled.get(rules);
  if (found === undefined) {
    found = new Prefilter(rules, (rule) => {
      for (const field of ["subject", "from", "to"] as const) {
        const texts = rule[field];
        if (texts !== undefined) return { field, texts };
      }
      return null;
    });
    compiled.set(rules, found);
  }
  return found;
}

/** In their order; a rule that stops is the last. */
export function decidePlain(rules: readonly PlainRule[], message: RuleMessage): Decision[] {
  const decisions: Decision[] = [];
  for (const rule of compilePlain(rules).candidates((field) => textsOf(message, field).join("\n"))) {
    if (!rule.isOn || !applies(rule, message)) continue;
    const by = rule.name === "" ? "a rule" : rule.name;
    if (rule.marksRead === true) decisions.push({ kind: "flag", flags: ["\\Seen"], by });
    if (rule.flags !== undefined) decisions.push({ kind: "flag", flags: rule.flags, by });
    if (rule.copyTo !== undefined) decisions.push({ kind: "file", folder: folderOf(rule.copyTo), flags: null, by });
    if (rule.moveTo !== undefined) {
      decisions.push({ kind: "file", folder: folderOf(rule.moveTo), flags: null, by }, { kind: "leave", by });
    }
    if (rule.deletes === true) decisions.push({ kind: "leave", by });
    if (rule.redirectTo !== undefined) decisions.push({ kind: "redirect", addresses: rule.redirectTo, by });
    if (rule.forwardTo !== undefined) {
      decisions.push({ kind: "forward", addresses: rule.forwardTo, form: "inline", by });
    }
    if (rule.stops === true || rule.deletes === true) break;
  }
  return decisions;
}

function holdsOne(texts: readonly string[], wanted: readonly string[]): boolean {
  const folded = texts.map(foldCase);
  return wanted.some((one) => folded.some((text) => text.includes(foldCase(one))));
}

const peopleText = (message: RuleMessage, name: string): string[] =>
  message.people(name).map(({ name: shown, address }) => `${shown} <${address}>`);

function applies(rule: PlainRule, message: RuleMessage): boolean {
  if (rule.from !== undefined && !holdsOne(textsOf(message, "from"), rule.from)) return false;
  if (rule.to !== undefined && !holdsOne(textsOf(message, "to"), rule.to)) return false;
  if (rule.subject !== undefined && !holdsOne(textsOf(message, "subject"), rule.subject)) return false;
  if (rule.header !== undefined && !holdsOne(message.named(rule.header.name).map(decodeWords), rule.header.contains)) {
    return false;
  }
  if (rule.sizeOverBytes !== undefined && message.sizeBytes <= rule.sizeOverBytes) return false;
  return rule.hasAttachments === undefined || message.index.hasAttachments === rule.hasAttachments;
}

/** All mail goes on to others. */
export function decideForward(forward: ForwardSettings | null): Decision[] {
  if (forward === null) return [];
  const by = "forwarding";
  const redirect: Decision = { kind: "redirect", addresses: forward.addresses, by };
  return forward.keepsCopy ? [redirect] : [redirect, { kind: "leave", by }];
}

/** The detail of `user+detail@domain`; empty when there is none. RFC 5233 §1 */
export function detailOf(address: string, separator = "+"): string {
  const local = address.slice(0, Math.max(0, address.lastIndexOf("@")));
  const at = local.indexOf(separator);
  return at < 0 ? "" : local.slice(at + separator.length);
}

/** Into the folder that the address names, where there is one: senders must not make folders. */
export function decideDetail(message: RuleMessage): Decision[] {
  const path = detailOf(message.envelope.recipient).normalize("NFC");
  if (path === "" || /[\x00-\x1f\x7f]/.test(path)) return [];
  const by = "sub-address";
  return [{ kind: "file", folder: { kind: "path", path, create: false }, flags: null, by }, { kind: "leave", by }];
}
