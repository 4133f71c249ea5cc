/**
 * What is known of a message after it was looked at once: plain data (survives JSON), byte offsets into the untouched
 * message. IMAP, POP3, search and conversion work from it and from byte ranges; nobody parses the message again.
 *
 * Every string here is Unicode and holds no CR, LF or NUL. Text "as it stood" keeps its encoded-words (RFC 2047);
 * bytes above 127 that stood bare in a header were read as UTF-8, or as the message's charset where they are not UTF-8,
 * so a writer that may send only ASCII encodes such text anew (`encodeWords` in `words.ts`).
 */

/** Of the stored form, see `index-text.ts`, which reads the earlier one too. */
export const mimeIndexVersion = 2;

/** RFC 9051 §7.5.2, RFC 2046 */
export interface MimeIndex {
  readonly version: number;
  /** Bytes of the whole message. */
  readonly sizeBytes: number;
  /** Offset of the first byte of the header: `root.headerStart`. BODY[HEADER] is `[headerStart, headerSizeBytes)`. */
  readonly headerStart: number;
  /** Offset of the first byte of the body: `root.bodyStart`. BODY[TEXT] and the line count of POP3 TOP start here. */
  readonly headerSizeBytes: number;
  /** Line ends of the whole message. */
  readonly lineCount: number;
  /** Line ends that are a LF without CR before it. */
  readonly bareLineFeedCount: number;
  /** A byte above 127 stands somewhere: needs 8BITMIME (or, `eightBitHeader`, SMTPUTF8) when sent on. */
  readonly eightBit: boolean;
  /** A byte above 127 stands in the message's own header. */
  readonly eightBitHeader: boolean;
  readonly nulBytes: boolean;
  /** A limit cut the structure: parts, depth, or the size of a header section. */
  readonly truncated: boolean;
  readonly envelope: Envelope;
  readonly root: MimePart;
  /** Header fields of the message kept for later use, in their order; `captureFields` of the indexer says which. */
  readonly fields: readonly CapturedField[];
  /** First readable characters of the message, white space collapsed, at most 255. */
  readonly preview: string;
  /** A part a person would call an attachment exists. */
  readonly hasAttachments: boolean;
  /** Decoded file names of all parts that have one, in order. */
  readonly attachmentNames: readonly string[];
}

/** One header field kept in the index: `name` in lower case, `value` unfolded, as it stood (encoded-words kept). */
export interface CapturedField {
  readonly name: string;
  readonly value: string;
}

export type MimePart = MultipartPart | MessagePart | TextPart | BasicPart;

/**
 * A part. `[headerStart, bodyStart)` is its header with the blank line (BODY[n.MIME]; for the root and for the body of
 * a message/rfc822 BODY[HEADER]), `[bodyStart, bodyEnd)` its body (BODY[n]); the line end before a boundary delimiter
 * belongs to the delimiter. RFC 2046 §5.1.1
 *
 * The root's `headerStart` is above 0 when an mbox "From " line or blank lines stand before the header.
 */
export interface MimePartCommon {
  readonly headerStart: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Line ends within `[bodyStart, bodyEnd)`. */
  readonly lineCount: number;
  /** Lower case, e.g. "text" and "plain". */
  readonly type: string;
  readonly subtype: string;
  readonly params: readonly MimeParam[];
  /** Content-Transfer-Encoding in lower case; "7bit" when absent. RFC 2045 §6.1 */
  readonly encoding: string;
  /** Content-ID as it stood, with its angle brackets. */
  readonly contentId?: string;
  readonly description?: string;
  readonly md5?: string;
  readonly disposition?: MimeDisposition;
  readonly language?: readonly string[];
  readonly location?: string;
}

export interface MultipartPart extends MimePartCommon {
  readonly kind: "multipart";
  /** At least one. */
  readonly children: readonly MimePart[];
}

/** message/rfc822 or message/global. RFC 2046 §5.2.1, RFC 6532 §3.7 */
export interface MessagePart extends MimePartCommon {
  readonly kind: "message";
  readonly envelope: Envelope;
  /** The enclosed message; its header starts where this part's body does, save for lines before the header. */
  readonly body: MimePart;
}

export interface TextPart extends MimePartCommon {
  readonly kind: "text";
}

export interface BasicPart extends MimePartCommon {
  readonly kind: "basic";
  /** A container past a limit, shown as application/octet-stream: this was its type. */
  readonly opaqueType?: string;
}

export interface MimeDisposition {
  /** Lower case, e.g. "attachment". */
  readonly type: string;
  readonly params: readonly MimeParam[];
}

/**
 * A parameter of Content-Type or Content-Disposition. `name` in lower case and `value` are what they mean (RFC 2231 and
 * encoded-words undone). BODYSTRUCTURE sends `wireName ?? name` with `wireValue ?? value`: continuations joined, the
 * percent-encoding (then the wire name ends in "*") or the encoded-words left as they stood.
 */
export interface MimeParam {
  readonly name: string;
  readonly value: string;
  readonly wireName?: string;
  readonly wireValue?: string;
}

/** RFC 9051 §7.5.2: null is NIL; an absent address field is an empty list. `sender` and `replyTo` default to `from`. */
export interface Envelope {
  readonly date: string | null;
  readonly subject: string | null;
  readonly from: readonly MimeAddress[];
  readonly sender: readonly MimeAddress[];
  readonly replyTo: readonly MimeAddress[];
  readonly to: readonly MimeAddress[];
  readonly cc: readonly MimeAddress[];
  readonly bcc: readonly MimeAddress[];
  readonly inReplyTo: string | null;
  readonly messageId: string | null;
}

/**
 * An address as ENVELOPE tells it. A group starts with `host` null and its name in `mailbox`, and ends with both null.
 * `name` is as it stood, without quotes, encoded-words kept: `decodeWords` gives the display name. RFC 9051 §7.5.2
 */
export interface MimeAddress {
  readonly name: string | null;
  /** At-domain-list, the obsolete source route. */
  readonly adl: string | null;
  readonly mailbox: string | null;
  readonly host: string | null;
}
