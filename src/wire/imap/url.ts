import type { Partial, Section } from "#wire/imap/fetch.ts";
import { parseSection } from "#wire/imap/fetch.ts";
import { utf8Text } from "#wire/imap/mailboxname.ts";

/** A part of a message on this server, named within its mailboxes. RFC 5092 §5 */
export interface MessageUrl {
  /** Undefined: the selected folder. */
  readonly mailbox: string | undefined;
  readonly uidValidity: number | undefined;
  readonly uid: number;
  readonly section: Section;
  readonly partial: Partial | undefined;
}

const pattern = new RegExp("^(?:/([^;?#]+?)(?:;UIDVALIDITY=(\\d{1,10}))?/)?;UID=(\\d{1,10})" +
  "(?:/;SECTION=([^;?#]+?))?(?:/;PARTIAL=(\\d{1,10})(?:\\.(\\d{1,10}))?)?$", "i");

const whole: Section = { partPath: [], text: "", fieldNames: [] };

/**
 * `/INBOX;UIDVALIDITY=785799047/;UID=113330/;SECTION=1.5.9`, relative to the server, or `;UID=2` to the selected
 * folder; undefined for any other URL, those of other servers included. RFC 5092 §5, RFC 4469 §3
 */
export function parseMessageUrl(text: string): MessageUrl | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, path, uidValidity, uid, sectionText, offset, size] = match;
  const mailbox = path === undefined ? undefined : percentDecode(path);
  const section = sectionText === undefined ? whole : parseSection(percentDecode(sectionText) ?? "?");
  if (section === undefined || (path !== undefined && mailbox === undefined)) return undefined;
  return {
    mailbox, uidValidity: uidValidity === undefined ? undefined : Number(uidValidity), uid: Number(uid), section,
    partial: offset === undefined ? undefined
      : { offset: Number(offset), sizeBytes: size === undefined ? Number.MAX_SAFE_INTEGER : Number(size) },
  };
}

/** RFC 5092 §11: UTF-8 in percent signs. */
function percentDecode(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  return utf8Text(text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))));
}
