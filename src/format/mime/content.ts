import { Buffer, isAscii } from "node:buffer";
import { fieldText, headerFields, visitFieldTexts } from "#format/mime/headers.ts";
import { envelopeFields } from "#format/mime/envelope.ts";
import { parseParameterized, paramValue } from "#format/mime/parameters.ts";
import type { CapturedField, MimeDisposition, MimeParam } from "#format/mime/types.ts";

/** What a header section says of its part. RFC 2045 §3 */
export interface ContentFields {
  readonly type: string;
  readonly subtype: string;
  readonly params: readonly MimeParam[];
  readonly encoding: string;
  readonly contentId?: string;
  readonly description?: string;
  readonly md5?: string;
  readonly disposition?: MimeDisposition;
  readonly language?: readonly string[];
  readonly location?: string;
}

export interface SectionFields {
  readonly content: ContentFields;
  /** Fields of `envelopeFields`, when they were asked for. */
  readonly envelope: ReadonlyMap<string, readonly string[]>;
  readonly captured: readonly CapturedField[];
}

const textLengthMax = 4096;
const addressTextLengthMax = 4 * 1024 * 1024;
const capturedMax = 200;

/** Fields kept in the index of a message beside its envelope: what columns, rules and conversion ask for later. */
export const captureFieldsDefault: readonly string[] = [
  "references", "importance", "x-priority", "priority", "x-msmail-priority", "sensitivity", "thread-topic",
  "thread-index", "list-id", "list-unsubscribe", "auto-submitted", "precedence", "disposition-notification-to",
  "return-receipt-to", "content-class", "keywords", "reply-by", "expires", "expiry-date", "return-path",
  "x-auto-response-suppress", "x-mailer", "user-agent", "x-message-flag", "received", "mime-version",
  "original-message-id", "x-spam-flag", "resent-from",
];

const contentNames = new Set([
  "content-type", "content-transfer-encoding", "content-id", "content-description", "content-md5",
  "content-disposition",
  "content-language", "content-location",
]);

/**
 * Reads a header section. The first field of each name counts. `defaultType` is what an absent Content-Type means,
 * `whole` asks for the envelope, `capture` for further fields (lower case); `text` is the section as latin1 when the
 * caller has it. RFC 2045 §5.2, RFC 2046 §5.1.5
 */
export function readSection(
  header: Uint8Array, defaultType: "text/plain" | "message/rfc822", whole: boolean, capture: ReadonlySet<string> | null,
  text?: string,
): SectionFields {
  const content = new Map<string, string>();
  const envelope = new Map<string, string[]>();
  const captured: CapturedField[] = [];
  const hint = whole ? charsetHint(header) : null;
  const isContent = (name: string): boolean => contentNames.has(name) && !content.has(name);
  const isCaptured = (name: string): boolean => capture !== null && captured.length < capturedMax && capture.has(name);
  const wants = (name: string): boolean => isContent(name) || (whole && envelopeFields.has(name)) || isCaptured(name);
  visitFieldTexts(header, hint, wants, (name, value) => {
    if (isContent(name)) content.set(name, clip(value, 64 * 1024));
    const rule = whole ? envelopeFields.get(name) : undefined;
    if (rule !== undefined) {
      const list = envelope.get(name);
      if (list === undefined) envelope.set(name, [clip(value, addressTextLengthMax)]);
      else if (rule === "all") list.push(clip(value, addressTextLengthMax));
    }
    if (isCaptured(name)) captured.push({ name, value: clip(value, textLengthMax * 4) });
  }, text);
  return { content: contentFields(content, defaultType), envelope, captured };
}

/** Bare 8-bit bytes in a header are most often in the charset of the body. */
function charsetHint(header: Uint8Array): string | null {
  if (isAscii(header)) return null;
  for (const field of headerFields(header)) {
    if (field.name === "content-type") {
      return paramValue(parseParameterized(clip(fieldText(header, field), textLengthMax)).params, "charset");
    }
  }
  return null;
}

function contentFields(
  fields: ReadonlyMap<string, string>, defaultType: "text/plain" | "message/rfc822",
): ContentFields {
  const out: { -readonly [K in keyof ContentFields]: ContentFields[K] } = {
    ...mediaType(fields.get("content-type"), defaultType),
    encoding: transferEncoding(fields.get("content-transfer-encoding")),
  };
  const optional = (name: string): string | undefined => {
    const text = fields.get(name);
    return text === undefined || text === "" ? undefined : clip(text, textLengthMax);
  };
  const contentId = optional("content-id");
  if (contentId !== undefined) out.contentId = contentId;
  const description = optional("content-description");
  if (description !== undefined) out.description = description;
  const md5 = optional("content-md5");
  if (md5 !== undefined) out.md5 = md5;
  const location = optional("content-location");
  // A long URI is folded at any place; the white space is not part of it. RFC 2557 §4.4.1
  if (location !== undefined) out.location = location.replaceAll(/\s+/g, "");
  const disposition = fields.get("content-disposition");
  if (disposition !== undefined) {
    const { value, params } = parseParameterized(disposition);
    const type = token(value.toLowerCase());
    if (type !== "" || params.length > 0) out.disposition = { type: type === "" ? "attachment" : type, params };
  }
  const language = optional("content-language");
  if (language !== undefined) {
    const tags = language.replaceAll(/\([^()]*\)/g, "").split(/[\s,]+/).filter((tag) => tag !== "").slice(0, 32);
    if (tags.length > 0) out.language = tags;
  }
  return out;
}

function mediaType(
  text: string | undefined, defaultType: "text/plain" | "message/rfc822",
): { type: string; subtype: string; params: readonly MimeParam[] } {
  if (text === undefined || text === "") {
    return defaultType === "text/plain"
      ? { type: "text", subtype: "plain", params: [{ name: "charset", value: "us-ascii" }] }
      : { type: "message", subtype: "rfc822", params: [] };
  }
  const { value, params } = parseParameterized(text);
  const slash = value.indexOf("/");
  const type = token((slash < 0 ? value : value.slice(0, slash)).trim().toLowerCase());
  const subtype = slash < 0 ? "" : token(value.slice(slash + 1).trim().toLowerCase());
  if (type !== "" && subtype !== "") return { type, subtype, params };
  switch (type) {
    case "multipart": return { type, subtype: "mixed", params };
    case "application": case "image": case "audio": case "video":
      return { type: "application", subtype: "octet-stream", params };
    default:
      // RFC 2045 §5.2: what cannot be understood is plain text.
      return { type: "text", subtype: "plain", params };
  }
}

/** RFC 2046 §5.1.1 allows 70 characters; senders break that. */
const boundaryLengthMax = 1000;

/** The boundary of a multipart without the leading "--", or null when it has none to be found. RFC 2046 §5.1.1 */
export function boundaryOf(content: ContentFields): Buffer | null {
  if (content.type !== "multipart") return null;
  for (const param of content.params) {
    if (param.name !== "boundary") continue;
    const text = (param.wireName === undefined ? param.wireValue ?? param.value : param.value).trimEnd();
    return text === "" || text.length > boundaryLengthMax ? null : Buffer.from(text, "utf8");
  }
  return null;
}

function transferEncoding(text: string | undefined): string {
  if (text === undefined) return "7bit";
  const first = token(text.replace(/^["'\s]+/, "").split(/[\s;,("']/, 1)[0]?.toLowerCase() ?? "");
  switch (first) {
    case "": return "7bit";
    case "quoted": case "quoted_printable": case "quotedprintable": case "qp": return "quoted-printable";
    case "base-64": case "base_64": return "base64";
    case "7": case "7-bit": return "7bit";
    case "8": case "8-bit": return "8bit";
    default: return first;
  }
}

/** The leading characters that may stand in a token. RFC 2045 §5.1 */
function token(text: string): string {
  return /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,127}/.exec(text)?.[0] ?? "";
}

function clip(text: string, lengthMax: number): string {
  return text.length > lengthMax ? text.slice(0, lengthMax).toWellFormed() : text;
}
