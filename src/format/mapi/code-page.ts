import iconv from "iconv-lite";
import { decodeTeletex, encodeTeletex } from "#format/mapi/teletex.ts";

const teletex = 20261;

/** Numbers of code pages that the converter knows by another name than `cp` and the number. [MS-UCODEREF] 2.2.1 */
const labels: Readonly<Record<number, string>> = {
  0: "windows-1252", 1: "windows-1252", 2: "macintosh", 3: "windows-1252", 42: "windows-1252",
  1200: "utf-16le", 1201: "utf-16be", 1361: "cp949", 65000: "utf-7", 65001: "utf-8", 20127: "us-ascii",
  10000: "macintosh", 10001: "shift_jis", 10002: "big5", 10003: "euc-kr", 10004: "windows-1256", 10005: "windows-1255",
  10006: "macgreek", 10007: "maccyrillic", 10008: "gb18030", 10029: "maccenteuro", 10081: "macturkish",
  20866: "koi8-r", 21866: "koi8-u", 20932: "euc-jp", 20936: "gb18030", 20949: "cp949", 38598: "iso-8859-8",
  50220: "iso-2022-jp", 50221: "iso-2022-jp", 50222: "iso-2022-jp", 50225: "iso-2022-kr", 50227: "gb18030",
  51932: "euc-jp", 51936: "gb18030", 51949: "euc-kr", 51950: "big5", 52936: "hz-gb-2312", 54936: "gb18030",
};

/**
 * The charset label of a Windows code page, for `format/mime/charset.ts`; null for 20127 and for none, which are
 * guessed. [MS-OXCMSG] 2.2.1.56.6
 */
export function codePageLabel(codePage: number | undefined): string | null {
  if (codePage === undefined || codePage === 20127) return null;
  if (codePage >= 28591 && codePage <= 28605) return `iso-8859-${codePage - 28590}`;
  return labels[codePage] ?? `cp${codePage}`;
}

/** Whether texts can be read and written in this Windows code page. [MS-UCODEREF] 2.2.1 */
export function isKnownCodePage(codePage: number): boolean {
  if (codePage === teletex) return true;
  const label = codePageLabel(codePage);
  return label === null ? codePage === 20127 : iconv.encodingExists(label);
}

/** Code page that 8-bit MAPI strings of a message in that Internet code page have: those are always Windows pages. */
const ansiOfInternet: Readonly<Record<number, number>> = {
  50220: 932, 50221: 932, 50222: 932, 51932: 932, 20932: 932, 932: 932,
  50225: 949, 51949: 949, 949: 949, 50227: 936, 51936: 936, 52936: 936, 54936: 936, 936: 936, 51950: 950, 950: 950,
  20127: 1252, 28591: 1252, 28605: 1252, 28592: 1250, 28595: 1251, 20866: 1251, 21866: 1251, 28597: 1253, 28599: 1254,
  28593: 1254, 28598: 1255, 38598: 1255, 28596: 1256, 28594: 1257, 28603: 1257, 874: 874, 65001: 65001,
};

/** The Windows code page of an Internet code page; undefined when there is none. [MS-OXCMSG] 2.2.1.56.6 */
export function ansiCodePage(internetCodePage: number | undefined): number | undefined {
  if (internetCodePage === undefined) return undefined;
  if (internetCodePage >= 1250 && internetCodePage <= 1258) return internetCodePage;
  return ansiOfInternet[internetCodePage];
}

/** Code page by primary language, the low ten bits of a locale id. [MS-LCID] 2.2 */
const codePageByLanguage: Readonly<Record<number, number>> = {
  0x01: 1256, 0x02: 1251, 0x04: 936, 0x05: 1250, 0x08: 1253, 0x0d: 1255, 0x0e: 1250, 0x11: 932, 0x12: 949, 0x15: 1250,
  0x18: 1250, 0x19: 1251, 0x1b: 1250, 0x1c: 1250, 0x1e: 874, 0x1f: 1254, 0x20: 1256, 0x22: 1251, 0x23: 1251,
  0x24: 1250, 0x25: 1257, 0x26: 1257, 0x27: 1257, 0x29: 1256, 0x2a: 1258, 0x2c: 1254, 0x2f: 1251, 0x3f: 1251,
  0x40: 1251, 0x44: 1251, 0x50: 1251,
};

/** The Windows code page of a locale. [MS-LCID] 2.2 */
export function codePageOfLocale(localeId: number): number {
  const language = localeId & 0x3ff;
  if (language === 0x04) {
    const isTraditional = localeId === 0x0404 || localeId === 0x0c04 || localeId === 0x1404;
    return isTraditional ? 950 : 936;
  }
  // Serbian, Croatian and Bosnian share a language number; the Cyrillic ones differ by region.
  if (language === 0x1a && (localeId === 0x0c1a || localeId === 0x1c1a || localeId === 0x201a)) return 1251;
  if (language === 0x1a) return 1250;
  return codePageByLanguage[language] ?? 1252;
}

/** Text as bytes of a Windows code page; what it lacks becomes `?`. [MS-UCODEREF] 2.2.1 */
export function encodeCodePage(text: string, codePage: number): Buffer {
  if (codePage === teletex) return encodeTeletex(text);
  const label = codePageLabel(codePage) ?? "windows-1252";
  return iconv.encode(text, iconv.encodingExists(label) ? label : "windows-1252");
}

/** The way back; what is no text of that page becomes U+FFFD. [MS-UCODEREF] 2.2.1 */
export function decodeCodePage(bytes: Uint8Array, codePage: number): string {
  if (codePage === teletex) return decodeTeletex(bytes);
  const label = codePageLabel(codePage) ?? "windows-1252";
  return iconv.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    iconv.encodingExists(label) ? label : "windows-1252");
}
