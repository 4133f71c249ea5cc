import { codePageLabel } from "#format/mapi/code-page.ts";
import { canonicalCharset } from "#format/mime/charset.ts";

/**
 * Code page by the label a program most often writes, then by the converter's own name of the charset. A label stands
 * for the code page it says even where readers take a larger set. [MS-OXCMAIL] 2.2.3.3 (PidTagInternetCodepage)
 */
const codePages: Readonly<Record<string, number>> = {
  "utf-8": 65001, "us-ascii": 20127, "ascii": 20127, "utf-7": 65000,
  "iso-8859-1": 28591, "iso-8859-2": 28592, "iso-8859-3": 28593, "iso-8859-4": 28594, "iso-8859-5": 28595,
  "iso-8859-6": 28596, "iso-8859-7": 28597, "iso-8859-8": 28598, "iso-8859-9": 28599, "iso-8859-13": 28603,
  "iso-8859-15": 28605, "iso-8859-8-i": 38598,
  "windows-874": 874, "windows-1250": 1250, "windows-1251": 1251, "windows-1252": 1252, "windows-1253": 1253,
  "windows-1254": 1254, "windows-1255": 1255, "windows-1256": 1256, "windows-1257": 1257, "windows-1258": 1258,
  "koi8-r": 20866, "koi8-u": 21866, "gb2312": 936, "gbk": 936, "gb18030": 54936, "hz-gb-2312": 52936,
  "big5": 950, "big5-hkscs": 950, "euc-kr": 51949, "ks_c_5601-1987": 949, "cp949": 949, "iso-2022-kr": 50225,
  "shift_jis": 932, "iso-2022-jp": 50220, "euc-jp": 51932,
};

const labels = new Map<number, string>();
for (const [label, page] of Object.entries(codePages)) {
  if (!labels.has(page)) labels.set(page, label);
}

/** The number of a charset label, or null for one that has no code page of its own. [MS-UCODEREF] 2.2.1 */
export function codePageOf(label: string): number | null {
  const name = label.trim().toLowerCase();
  if (Object.hasOwn(codePages, name)) return codePages[name] ?? null;
  const numbered = /^(?:x-)?(?:cp|ibm|windows)[-_]?(\d{3,5})$/.exec(name)?.[1];
  if (numbered !== undefined && canonicalCharset(name) !== null) return Number(numbered);
  const known = canonicalCharset(name);
  if (known === null || !Object.hasOwn(codePages, known)) return null;
  return codePages[known] ?? null;
}

/** The label mail programs know a code page by; null for one that is guessed. [MS-OXCMAIL] 2.1.3.3 */
export function charsetOf(codePage: number): string | null {
  return labels.get(codePage) ?? codePageLabel(codePage);
}
