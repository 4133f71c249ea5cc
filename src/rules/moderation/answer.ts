/** What a moderator answers, by Outlook's buttons or in words. [MS-OXOMSG] 2.2.1.75 */
import { plainBodyOf } from "#convert/bodies.ts";
import { getProperty } from "#convert/item.ts";
import { voteOf } from "#convert/voting.ts";
import { cutText } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import { properties } from "#props/registry.ts";
import type { RuleMessage } from "#rules/message.ts";
import { approvalClasses } from "#rules/moderation/request.ts";

const p = properties;

export interface ModeratorAnswer {
  readonly decision: "approve" | "reject";
  /** What its sender is told; empty for nothing. */
  readonly comment: string;
}

const linesMax = 200;
const commentMaxCharacters = 1000;

/** null when neither is said. A vote comes before the subject that Outlook makes of it, and that before words. */
export function readAnswer(message: RuleMessage): ModeratorAnswer | null {
  const { item } = message;
  const lines = (plainBodyOf(item) ?? "").split(/\r?\n/, linesMax).map((line) => line.trim());
  const spoken = lines.findIndex((line) => line !== "");
  const byClass = (getProperty(item, p.PidTagMessageClass) ?? "").toLowerCase();
  const said = byClass === approvalClasses.approve.toLowerCase() ? "approve"
    : byClass === approvalClasses.reject.toLowerCase() ? "reject"
    : wordOf(voteOf(item) ?? "") ?? wordOf(decodeWords(message.first("subject") ?? ""), true);
  const decision = said ?? wordOf(lines[spoken] ?? "");
  if (decision === null) return null;
  const from = said === null || wordOf(lines[spoken] ?? "") !== null ? spoken + 1 : Math.max(spoken, 0);
  return { decision, comment: commentIn(lines.slice(from)) };
}

function wordOf(text: string, isSubject = false): "approve" | "reject" | null {
  const pattern = isSubject ? /^\s*(approve|reject)d?\s*:/i : /^\s*(approve|reject)(?:d|ed)?(?![\p{L}\p{N}])/iu;
  const word = pattern.exec(text)?.[1]?.toLowerCase();
  return word === "approve" || word === "reject" ? word : null;
}

/** Up to what programs put above the message they answer. */
function commentIn(lines: readonly string[]): string {
  const quoted = lines.findIndex((line) => /^(?:>|--$|-----|_____|From:|On .*wrote:$)/i.test(line));
  const own = (quoted < 0 ? lines : lines.slice(0, quoted)).join(" ").replaceAll(/[\x00-\x1f\x7f\s]+/g, " ").trim();
  return cutText(own, commentMaxCharacters);
}
