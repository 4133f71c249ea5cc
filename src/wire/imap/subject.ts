/** Texts as messages are sorted by them. RFC 5256 §2.1, RFC 5051 */

import { isAscii } from "#wire/imap/encode.ts";

/** Longer subjects are looked at up to here. */
const subjectMaxCharacters = 1000;

export interface BaseSubject {
  readonly base: string;
  /** Something was taken away that marks a reply or a forwarded message. */
  readonly isReply: boolean;
}

const trailer = /(?:\(fwd\)|[ \t])$/i;
const leader = /^(?:(?:\[[^[\]]*\][ \t]*)*(?:re|fwd?)[ \t]*(?:\[[^[\]]*\])?[ \t]*:|[ \t])/i;
const blob = /^\[[^[\]]*\][ \t]*/;

/** What is left of a decoded subject without `Re:`, `[list]` and `(fwd)`. RFC 5256 §2.1 */
export function baseSubject(subject: string): BaseSubject {
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
    if (!/^\[fwd:.*\]$/i.test(text)) return { base: casemap(text), isReply };
    isReply = true;
    text = text.slice(5, -1);
  }
}

/** The form in which texts are compared: without case, characters taken apart. RFC 5051 §2 */
export function casemap(text: string): string {
  return isAscii(text) ? text.toUpperCase() : text.toUpperCase().normalize("NFKD");
}
