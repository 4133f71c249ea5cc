/** Texts as messages are sorted by them. RFC 5256 §2.1, RFC 5051 */
import { foldText } from "#format/mime/fold.ts";

/** Longer subjects are looked at up to here. */
const subjectMaxCharacters = 1000;

export interface BaseSubject {
  /** Folded, so that texts which compare alike are the same; {@link inOrder} gives what they are sorted by. RFC 5051 */
  readonly base: string;
  /** Something was taken away that marks a reply or a forwarded message. */
  readonly isReply: boolean;
}

const trailer = /(?:\(fwd\)|[ \t])$/i;
const leader = /^(?:(?:\[[^[\]]*\][ \t]*)*(?:re|fwd?)[ \t]*(?:\[[^[\]]*\])?[ \t]*:|[ \t])/i;
const blob = /^\[[^[\]]*\][ \t]*/;

/** Nothing of what is taken away begins or ends like this: true of most subjects that begin a conversation. */
function isBare(subject: string): boolean {
  const size = subject.length;
  if (size === 0 || size > subjectMaxCharacters) return false;
  const last = subject.charCodeAt(size - 1);
  // `)` of `(fwd)`, `]` of `[fwd: …]`.
  if (last <= 0x20 || last === 0x29 || last === 0x5d) return false;
  const first = subject.charCodeAt(0) | 0x20;
  // White space, `[` (folded to `{`), `re`, `fw`.
  if (first <= 0x20 || first === 0x7b || first === 0x72 || first === 0x66) return false;
  return !oddSpace.test(subject);
}

const oddSpace = / {2}|[\t\r\n]/;

/** What is left of a decoded subject without `Re:`, `[list]` and `(fwd)`. RFC 5256 §2.1 */
export function baseSubject(subject: string): BaseSubject {
  if (isBare(subject)) return { base: foldText(subject), isReply: false };
  let text = subject.slice(0, subjectMaxCharacters).replace(/[ \t\r\n]+/g, " ");
  let isReply = false;
  for (;;) {
    for (let match = trailer.exec(text); match !== null; match = trailer.exec(text)) {
      isReply ||= match[0].length > 1;
      text = text.slice(0, match.index);
    }
    for (let before = ""; before !== text;) {
      before = text;
      for (let match = leader.exec(text); match !== null; match = leader.exec(text)) {
        isReply ||= match[0].trim() !== "";
        text = text.slice(match[0].length);
      }
      const withoutBlob = text.replace(blob, "");
      if (withoutBlob !== "") text = withoutBlob;
    }
    if (!/^\[fwd:.*\]$/i.test(text)) return { base: foldText(text), isReply };
    isReply = true;
    text = text.slice(5, -1);
  }
}

/**
 * What a folded text is sorted by: its order as text is that of UTF-8, since the halves of pairs come after all other
 * characters. RFC 5051 §2
 */
export function inOrder(folded: string): string {
  return isInOrder(folded) ? folded : folded.replace(/[\ud800-\uffff]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return String.fromCharCode(code >= 0xe000 ? code - 0x800 : code + 0x2000);
  });
}

/** Whether {@link inOrder} leaves the text as it is, or each of many texts joined. RFC 5051 §2 */
export function isInOrder(folded: string): boolean {
  return !/[\ud800-\uffff]/.test(folded);
}
