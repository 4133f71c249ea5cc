import { limits } from "#base/limits.ts";
import { transferDecoder } from "#format/mime/decode.ts";
import { paramValue } from "#format/mime/parameters.ts";
import { properties } from "#props/registry.ts";
import { setProperty } from "#convert/item.ts";
import { LargeBag, LargeBytes, LargeText, Utf8Encoding } from "#convert/large.ts";
import { codePageOf } from "#convert/mime/charset.ts";
import { HtmlWords, Unflowing, framed, plainDecoding, rewrite, textDecoding } from "#convert/mime/text-decoding.ts";
import type { MimePart } from "#format/mime/types.ts";
import type { ItemBag } from "#convert/item.ts";
import type { Decoding, Segment } from "#convert/large.ts";
import type { ReadBytes } from "#convert/mime/contents.ts";
import type { BodySegment } from "#convert/mime/layout.ts";
import type { PropertyTag } from "#props/types.ts";

const p = properties;

/** PidTagNativeBody. [MS-OXCMSG] 2.2.1.56.2 */
export const nativeBodies = { undefined: 0, plain: 1, rtf: 2, html: 3 } as const;
export const utf8CodePage = 65001;

/**
 * The body in the forms that came; a form that did not come is left for who asks. HTML keeps its bytes and its charset
 * when one part brings all of it, else it is joined in UTF-8. A form above `heldMaxBytes` is not held, but told from
 * the message when it is asked for. [MS-OXCMAIL] 2.2.3.3
 */
export function setBodies(
  item: ItemBag, read: ReadBytes, body: readonly BodySegment[], heldMaxBytes: number = limits.itemBodyHeldMaxBytes,
): void {
  const [only] = body;
  if (only === undefined) return;
  const put = (tag: PropertyTag, large: LargeText | LargeBytes): void => {
    if (item.bag instanceof LargeBag && large.aboutBytes > heldMaxBytes) item.bag.set(tag, large);
    else item.bag.set(tag, large.value());
  };
  const plain = body.flatMap(({ plain: part }) => part ?? []);
  if (plain.length === body.length) {
    put(p.PidTagBody.tag, new LargeText(read, joined(plain.map((part) => [part, () => plainDecoding(part)]))));
  }
  if (body.every(({ html }) => html === undefined)) {
    setProperty(item, p.PidTagNativeBody, nativeBodies.plain);
    setProperty(item, p.PidTagInternetCodepage, codePage(only.plain) ?? utf8CodePage);
    return;
  }
  setProperty(item, p.PidTagNativeBody, nativeBodies.html);
  const page = only.html === undefined || body.length > 1 ? null : codePage(only.html);
  setProperty(item, p.PidTagInternetCodepage, page ?? utf8CodePage);
  put(p.PidTagHtml.tag, new LargeBytes(read, page !== null && only.html !== undefined ? asItIs(only.html)
    : inUtf8(joined(body.flatMap((segment) => htmlOf(segment))))));
}

type Opened = readonly [part: MimePart, open: () => Decoding<string>];

/** One after the other, on lines of their own. */
function joined(parts: readonly Opened[]): Segment<string>[] {
  return parts.map(([{ bodyStart, bodyEnd }, open], index) => ({
    start: bodyStart, end: bodyEnd,
    open: () => (index === parts.length - 1 ? open() : framed(open(), "", "\r\n")),
  }));
}

function htmlOf({ html, plain }: BodySegment): Opened[] {
  if (html !== undefined) return [[html, () => textDecoding(html)]];
  if (plain === undefined) return [];
  return [[plain, () => framed(plainDecoding(plain), "<pre style=\"white-space: pre-wrap\">", "</pre>", escapeHtml)]];
}

function asItIs({ bodyStart, bodyEnd, encoding }: MimePart): Segment<Uint8Array>[] {
  return [{ start: bodyStart, end: bodyEnd, open: () => transferDecoder(encoding) }];
}

/** Half a character at the end of a piece waits for the next. */
function inUtf8(segments: readonly Segment<string>[]): Segment<Uint8Array>[] {
  return segments.map(({ start, end, open }) => ({
    start, end,
    open: () => {
      const decoding = open();
      const encoding = new Utf8Encoding();
      return {
        write: (bytes) => encoding.write(decoding.write(bytes)),
        end: () => encoding.end(decoding.end()),
      };
    },
  }));
}

/** Null where the bytes must be written anew: an unknown charset, or one that is wider than a byte throughout. */
function codePage(part: MimePart | undefined): number | null {
  const charset = part === undefined ? null : paramValue(part.params, "charset");
  const page = charset === null ? null : codePageOf(charset);
  return page === 20127 || page === 65000 ? null : page;
}

/** Plain text, CRLF line ends, flowed lines joined. RFC 3676 §4 */
export function plainText(read: ReadBytes, part: MimePart): string {
  return new LargeText(read, joined([[part, () => plainDecoding(part)]])).value();
}

/** RFC 3676 §4.1 to §4.5 */
export function unflow(text: string, deleteSpace: boolean): string {
  return rewrite(new Unflowing(deleteSpace), text);
}

/** Words of HTML for readers of plain text. [MS-OXBBODY] 2.1 */
export function textOfHtml(html: string): string {
  return rewrite(new HtmlWords(), html);
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
