/** Pictures and certificates inside a line. RFC 6350 §6.2.4, RFC 2426 §5.8.4, vCard 2.1 §2.1.4.3 */
import { Buffer } from "node:buffer";
import { decodeTransfer } from "#format/mime/decode.ts";
import { parameterOf, typesOf } from "#convert/vcard/lines.ts";
import type { Line } from "#convert/vcard/lines.ts";
import { unescapeText } from "#convert/vcard/text.ts";

export interface LineData {
  readonly bytes: Uint8Array;
  /** Media type in lower case. */
  readonly type: string;
}

const magics: readonly (readonly [string, string])[] = [
  ["ffd8ff", "image/jpeg"], ["89504e47", "image/png"], ["474946", "image/gif"], ["424d", "image/bmp"],
  ["52494646", "image/webp"],
];

function sniffed(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 4)).toString("hex");
  return magics.find(([magic]) => start.startsWith(magic))?.[1];
}

const empty = new Uint8Array(0);

function decoded(text: string): Uint8Array {
  return text === "" ? empty : decodeTransfer(Buffer.from(text, "latin1"), "base64");
}

/** Undefined for a link and for nothing. RFC 6350 §5.2, RFC 2397 §3 */
export function dataOf(one: Line): LineData | undefined {
  const value = one.value.trim();
  const told = parameterOf(one, "MEDIATYPE")?.toLowerCase();
  const types = [...typesOf(one)].find((type) => type !== "pref" && type !== "work" && type !== "home");
  let type = told ?? (types === undefined ? undefined : types.includes("/") ? types : `image/${types}`);
  let bytes: Uint8Array;
  if (/^data:/i.test(value)) {
    const whole = unescapeText(value);
    const comma = whole.indexOf(",");
    if (comma < 0 || !/;base64$/i.test(whole.slice(0, comma))) return undefined;
    type = whole.slice(5, comma).split(";")[0]?.toLowerCase() || type;
    bytes = decoded(whole.slice(comma + 1));
  } else {
    const coding = parameterOf(one, "ENCODING")?.toUpperCase();
    if (coding !== "B" && coding !== "BASE64") return undefined;
    bytes = decoded(value);
  }
  return bytes.length === 0 ? undefined : { bytes, type: sniffed(bytes) ?? type ?? "application/octet-stream" };
}

/** RFC 4648 §4 */
export const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** Tags of the parts of a certificate as Outlook keeps it with a contact. [MS-OXOABK] 2.2.4.36 */
const certificateTag = 0x0003;

/** The certificate itself, in DER, whether it stands alone or among Outlook's parts. [MS-OXOABK] 2.2.4.36 */
export function derOf(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] === 0x30) return bytes;
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= source.length;) {
    const size = source.readUInt16LE(at + 2);
    if (size < 4 || at + size > source.length) return undefined;
    const isCertificate = source.readUInt16LE(at) === certificateTag && source[at + 4] === 0x30;
    if (isCertificate) return source.subarray(at + 4, at + size);
    at += size;
  }
  return undefined;
}
