import { cutText } from "#format/mime/text.ts";

const nameMax = 255;
const extensionMax = 32;

/** What Windows refuses, and what turns the reading direction to hide an extension. */
const refused = /[\0-\x1f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]/g;

/** Without folders and characters that Windows refuses. [MS-OXCMAIL] 2.2.3.4.1.1 */
export function safeFileName(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
  const clean = (last.trim() === "" ? name : last).replaceAll(refused, "_").trim();
  if (clean === "" || /^\.+$/.test(clean)) return "unnamed";
  if (clean.length <= nameMax) return clean.toWellFormed();
  const extension = extensionOf(clean);
  return `${cutText(clean, nameMax - extension.length)}${extension}`;
}

/** ".pdf", or "" when there is none. [MS-OXPROPS] PidTagAttachExtension */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  const extension = dot <= 0 ? "" : name.slice(dot);
  return extension.length > extensionMax || /\s/.test(extension) || extension === "." ? "" : extension;
}

/** The 8.3 name of old programs: LONGFI~1.PDF for what does not fit. [MS-OXCMSG] 2.2.2.11 */
export function shortFileName(name: string): string {
  const extension = extensionOf(name);
  const stem = extension === "" ? name : name.slice(0, -extension.length);
  const simple = stem.replaceAll(/[^A-Za-z0-9_$~!#%&'()@^{}-]/g, "");
  const tail = extension.slice(1).replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 3);
  if (simple === stem && stem.length <= 8 && tail === extension.slice(1)) return name;
  const head = simple === "" ? "FILE" : simple.slice(0, 6);
  return `${head}~1${tail === "" ? "" : `.${tail}`}`.toUpperCase();
}

/** For parts that come without a name. RFC 2046 §4 */
const extensions: Readonly<Record<string, string>> = {
  "text/plain": ".txt", "text/html": ".htm", "text/calendar": ".ics", "text/vcard": ".vcf", "text/x-vcard": ".vcf",
  "text/rfc822-headers": ".txt", "text/csv": ".csv", "text/css": ".css", "text/xml": ".xml", "text/x-patch": ".patch",
  "text/x-diff": ".diff", "text/enriched": ".txt", "text/rtf": ".rtf", "application/rtf": ".rtf",
  "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/bmp": ".bmp", "image/tiff": ".tif",
  "image/svg+xml": ".svg", "image/webp": ".webp", "audio/mpeg": ".mp3", "audio/wav": ".wav", "audio/x-wav": ".wav",
  "video/mp4": ".mp4", "video/mpeg": ".mpg", "application/pdf": ".pdf", "application/zip": ".zip",
  "application/msword": ".doc", "application/xml": ".xml", "application/json": ".json", "application/gzip": ".gz",
  "application/pgp-signature": ".asc", "application/pgp-keys": ".asc", "application/pkcs7-signature": ".p7s",
  "application/x-pkcs7-signature": ".p7s", "application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m",
  "message/rfc822": ".eml", "message/global": ".eml",
  "message/delivery-status": ".txt", "message/disposition-notification": ".txt",
};

export function mimeExtension(mimeTag: string): string {
  if (Object.hasOwn(extensions, mimeTag)) return extensions[mimeTag] ?? "";
  return mimeTag.startsWith("text/") || mimeTag.startsWith("message/") ? ".txt" : ".dat";
}
