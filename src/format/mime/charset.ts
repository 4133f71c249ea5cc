import { Buffer, isAscii, isUtf8 } from "node:buffer";
import iconv from "iconv-lite";

/** Streaming: any cut of the same bytes gives the same text. */
export interface CharsetDecoder {
  write(bytes: Uint8Array): string;
  end(): string;
}

/**
 * Labels mail programs send that are missing in the converter's own list, or that mean a larger set than they say:
 * the web's encoding table reads ISO-8859-1 as windows-1252 and GB2312 as GB18030, and so do mail programs.
 */
const repairs: Readonly<Record<string, string>> = {
  "": "guess", "us-ascii": "guess", "ascii": "guess", "ansi_x3.4-1968": "guess", "646": "guess", "default": "guess",
  "unknown": "guess", "unknown-8bit": "guess", "x-unknown": "guess", "_autodetect": "guess", "utf-8-sig": "utf-8",
  "utf8": "utf-8", "utf": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf8mb4": "utf-8", "cp65001": "utf-8",
  "windows-65001": "utf-8", "cp_utf8": "utf-8", "csutf8": "utf-8",
  "iso-8859-1": "windows-1252", "iso8859-1": "windows-1252", "latin1": "windows-1252", "latin-1": "windows-1252",
  "l1": "windows-1252", "iso_8859-1": "windows-1252", "iso-8859-1-windows-3.1-latin-1": "windows-1252",
  "cp819": "windows-1252", "ibm819": "windows-1252", "csisolatin1": "windows-1252", "iso88591": "windows-1252",
  "iso-8859-9": "windows-1254", "iso8859-9": "windows-1254", "latin5": "windows-1254", "iso_8859-9": "windows-1254",
  "iso-8859-11": "windows-874", "tis-620": "windows-874", "tis620": "windows-874",
  "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8", "logical": "iso-8859-8", "visual": "iso-8859-8",
  "iso-8859-6-i": "iso-8859-6", "iso-8859-6-e": "iso-8859-6",
  "gb2312": "gb18030", "gb_2312-80": "gb18030", "gb2312-80": "gb18030", "csgb2312": "gb18030", "euc-cn": "gb18030",
  "gbk": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030", "windows-936": "gb18030", "chinese": "gb18030",
  "gb_2312": "gb18030", "hz": "hz-gb-2312", "hz-gb-2312": "hz-gb-2312",
  "big5": "big5-hkscs", "big-5": "big5-hkscs", "cn-big5": "big5-hkscs", "x-x-big5": "big5-hkscs",
  "cp950": "big5-hkscs", "big5hkscs": "big5-hkscs", "csbig5": "big5-hkscs",
  "ks_c_5601-1987": "cp949", "ks_c_5601-1989": "cp949", "ks_c_5601": "cp949", "ksc_5601": "cp949", "ksc5601": "cp949",
  "korean": "cp949", "euc-kr": "cp949", "euckr": "cp949", "windows-949": "cp949", "uhc": "cp949",
  "x-windows-949": "cp949",
  "shift-jis": "shift_jis", "sjis": "shift_jis", "x-sjis": "shift_jis", "ms_kanji": "shift_jis", "cp932": "shift_jis",
  "windows-31j": "shift_jis", "windows-932": "shift_jis", "shiftjis": "shift_jis", "x-ms-cp932": "shift_jis",
  "x-euc-jp": "euc-jp", "eucjp": "euc-jp", "cp51932": "euc-jp", "ujis": "euc-jp",
  "iso-2022-jp": "iso-2022-jp", "csiso2022jp": "iso-2022-jp", "iso-2022-jp-1": "iso-2022-jp",
  "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-3": "iso-2022-jp", "iso-2022-jp-2004": "iso-2022-jp",
  "iso-2022-jp-ms": "iso-2022-jp", "iso2022jp": "iso-2022-jp", "cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp",
  "cp50222": "iso-2022-jp", "jis": "iso-2022-jp", "x-jis": "iso-2022-jp",
  "iso-2022-kr": "iso-2022-kr", "csiso2022kr": "iso-2022-kr", "iso-2022-cn": "iso-2022-cn",
  "iso-2022-cn-ext": "iso-2022-cn",
  "macintosh": "macintosh", "mac": "macintosh", "x-mac-roman": "macintosh", "macroman": "macintosh",
  "apple-roman": "macintosh", "x-mac-cyrillic": "maccyrillic", "x-mac-ukrainian": "maccyrillic",
  "x-mac-ce": "maccenteuro", "x-mac-centraleurroman": "maccenteuro", "x-mac-greek": "macgreek",
  "x-mac-turkish": "macturkish", "x-mac-icelandic": "maciceland", "x-mac-croatian": "maccroatian",
  "x-mac-romanian": "macromania", "x-mac-thai": "macthai", "x-mac-japanese": "shift_jis", "x-mac-korean": "cp949",
  "x-mac-chinesesimp": "gb18030", "x-mac-chinesetrad": "big5-hkscs",
  "koi8": "koi8-r", "koi": "koi8-r", "koi8r": "koi8-r", "koi8u": "koi8-u", "koi8-ru": "koi8-u",
  "x-cp1250": "windows-1250", "x-cp1251": "windows-1251", "x-cp1252": "windows-1252", "ansi": "windows-1252",
  "utf-7": "utf-7", "unicode-1-1-utf-7": "utf-7", "unicode": "utf-16", "ucs-2": "utf-16", "iso-10646-ucs-2": "utf-16",
  "csunicode": "utf-16", "utf16": "utf-16", "unicodebig": "utf-16be", "unicodefffe": "utf-16be",
};

const known = new Map<string, string>();
const knownLabelsMax = 500;

/** The converter's name for a label as mail carries it, or null when nobody knows it. RFC 2978, RFC 2046 §4.1.2 */
export function canonicalCharset(label: string): string | null {
  let name = label.length > 60 ? label.slice(0, 60) : label;
  name = name.toLowerCase().replaceAll(/["'\\\s]/g, "");
  const hit = known.get(name);
  if (hit !== undefined) return hit === "" ? null : hit;
  const found = lookUpCharset(name);
  if (known.size < knownLabelsMax) known.set(name, found ?? "");
  return found;
}

function lookUpCharset(name: string): string | null {
  const candidates = [name, name.replaceAll("_", "-"), name.replace(/^(charset=|x-|cs)/, "")];
  const codePage = /^(?:cp|windows|win|ms|microsoft-cp|dos|ibm|x-cp|x-windows)[-_]?0*(\d{3,5})$/.exec(name);
  if (codePage) candidates.push(`windows-${codePage[1]}`, `cp${codePage[1]}`);
  const iso = /^iso[-_ ]?8859[-_ ]?(\d{1,2})/.exec(name);
  if (iso) candidates.push(`iso-8859-${iso[1]}`);
  for (const candidate of candidates) {
    if (Object.hasOwn(repairs, candidate)) return repairs[candidate] ?? null;
    // What the converter calls an encoding although it is none: transfer encodings of its host.
    if (/^(?:base64|hex|binary|ucs2|.*internal.*)$/.test(candidate)) continue;
    if (candidate !== "" && iconv.encodingExists(candidate)) return candidate;
  }
  return null;
}

/** A decoder for a label; an absent or unknown one is guessed: UTF-8, and windows-1252 for bytes that are not. */
export function charsetDecoder(label: string | null): CharsetDecoder {
  const name = label === null ? "guess" : canonicalCharset(label) ?? "guess";
  switch (name) {
    case "guess": return new GuessDecoder();
    case "utf-8": return webDecoder(name);
    case "windows-1252": return webDecoder(name);
    case "iso-2022-jp": return new EscapeDecoder("euc-jp", false);
    case "iso-2022-kr": return new EscapeDecoder("cp949", true);
    case "iso-2022-cn": return new EscapeDecoder("gb18030", true);
    case "hz-gb-2312": return new HzDecoder();
    default: return converterDecoder(name);
  }
}

/** Decodes at once what a label says; never fails. */
export function decodeCharset(bytes: Uint8Array, label: string | null): string {
  if (isAscii(bytes)) {
    const name = label === null ? "guess" : canonicalCharset(label) ?? "guess";
    if (name === "guess" || name === "utf-8" || name === "windows-1252") return asBuffer(bytes).toString("latin1");
  }
  const decoder = charsetDecoder(label);
  return decoder.write(bytes) + decoder.end();
}

/**
 * Bytes of a header as text: ASCII and UTF-8 (RFC 6532) as they are; else the charset `hint` of the message, else
 * windows-1252; bare ISO-2022-JP (7-bit, by its escape) too.
 */
export function decodeHeaderBytes(bytes: Uint8Array, hint: string | null = null): string {
  if (isAscii(bytes)) {
    if (bytes.includes(0x1b)) return decodeCharset(bytes, "iso-2022-jp");
    return asBuffer(bytes).toString("latin1");
  }
  if (isUtf8(bytes)) return asBuffer(bytes).toString("utf8");
  const name = hint === null ? null : canonicalCharset(hint);
  return decodeCharset(bytes, name === null || name === "utf-8" || name === "guess" ? "windows-1252" : name);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function webDecoder(name: string): CharsetDecoder {
  return new WebDecoder(name);
}

/** The platform's decoder, which is made only when something other than ASCII comes. */
class WebDecoder implements CharsetDecoder {
  readonly #name: string;
  #inner: TextDecoder | null = null;
  #isFirst = true;
  /** Nothing of a character is held over. */
  #isWhole = true;

  constructor(name: string) {
    this.#name = name;
  }

  write(bytes: Uint8Array): string {
    if (bytes.length === 0) return "";
    if (this.#isWhole && isAscii(bytes)) {
      this.#isFirst = false;
      return asBuffer(bytes).toString("latin1");
    }
    // The mark at the very start is none of the text; elsewhere it is.
    this.#inner ??= new TextDecoder(this.#name, { ignoreBOM: !this.#isFirst });
    this.#isFirst = false;
    this.#isWhole = bytes[bytes.length - 1]! < 0x80;
    return this.#inner.decode(bytes, { stream: true });
  }

  end(): string {
    return this.#inner === null ? "" : this.#inner.decode();
  }
}

function converterDecoder(name: string): CharsetDecoder {
  return new BlockDecoder(iconv.getDecoder(name));
}

const nothing = Buffer.alloc(0);
const blockSize = 4096;

/**
 * Hands the converter a block at a time, cut after a line end or when full. How the converter treats broken sequences
 * depends on where its input is cut, so the cuts must depend on the content alone. It may keep what it is given.
 */
class BlockDecoder implements CharsetDecoder {
  readonly #inner: { write(bytes: Buffer): string; end(): string | undefined };
  readonly #block = Buffer.allocUnsafe(blockSize);
  #size = 0;

  constructor(inner: { write(bytes: Buffer): string; end(): string | undefined }) {
    this.#inner = inner;
  }

  write(bytes: Uint8Array): string {
    let text = "";
    let at = 0;
    while (at < bytes.length) {
      const feed = bytes.indexOf(0x0a, at);
      const lineEnd = feed < 0 ? bytes.length : feed + 1;
      const end = Math.min(lineEnd, at + blockSize - this.#size);
      this.#block.set(bytes.subarray(at, end), this.#size);
      this.#size += end - at;
      at = end;
      if (this.#size === blockSize || (feed >= 0 && end === feed + 1)) text += this.#flush();
    }
    return text;
  }

  end(): string {
    return this.#flush() + (this.#inner.end() ?? "");
  }

  #flush(): string {
    const size = this.#size;
    this.#size = 0;
    return size === 0 ? "" : this.#inner.write(Buffer.from(this.#block.subarray(0, size)));
  }
}

/** UTF-8 where it is well-formed, windows-1252 for each byte that is not: right for both, whatever the cut. */
class GuessDecoder implements CharsetDecoder {
  #held: Buffer = nothing;

  write(bytes: Uint8Array): string {
    const input = this.#held.length === 0 ? asBuffer(bytes) : Buffer.concat([this.#held, bytes]);
    const keep = incompleteTail(input);
    if (keep === 0) {
      this.#held = nothing;
      return guess(input);
    }
    this.#held = Buffer.from(input.subarray(input.length - keep));
    return guess(input.subarray(0, input.length - keep));
  }

  end(): string {
    const rest = this.#held;
    this.#held = nothing;
    return guess(rest);
  }
}

/** Length of a UTF-8 sequence that begins at the end and may go on in the next chunk: 0 to 3. */
function incompleteTail(bytes: Buffer): number {
  const last = bytes.length - 1;
  for (let back = 0; back < 3 && last - back >= 0; back++) {
    const byte = bytes[last - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc2) {
      const size = byte >= 0xf5 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return size > back + 1 ? back + 1 : 0;
    }
    if (byte >= 0xc0) return 0;
  }
  return 0;
}

function guess(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  const out: string[] = [];
  let run = 0;
  for (let at = 0; at < bytes.length;) {
    const size = sequenceSize(bytes, at);
    if (size > 0) {
      at += size;
      continue;
    }
    if (at > run) out.push(bytes.toString("utf8", run, at));
    out.push(windows1252(bytes[at] ?? 0));
    at++;
    run = at;
  }
  if (bytes.length > run) out.push(bytes.toString("utf8", run));
  return out.join("");
}

/** Bytes of the well-formed UTF-8 sequence at `at`, 0 when there is none. RFC 3629 §4 */
function sequenceSize(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (at + size > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let index = 2; index < size; index++) {
    if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return size;
}

const windows1252Table = new TextDecoder("windows-1252").decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));

function windows1252(byte: number): string {
  return windows1252Table.charAt(byte);
}

/**
 * ISO-2022 by rewriting to the 8-bit form (EUC) of the same sets, byte by byte: escapes choose a set, SO and SI shift.
 * RFC 1468 (JP), RFC 1554 (JP-2), RFC 1557 (KR), RFC 1922 (CN).
 */
class EscapeDecoder implements CharsetDecoder {
  readonly #inner: CharsetDecoder;
  /** Only SO brings the double-byte set in (KR, CN); in JP the escape itself does. */
  readonly #shifted: boolean;
  #escape: number[] = [];
  #set: "ascii" | "double" | "kana" | "supplement" = "ascii";
  #shift = false;
  #half = false;

  constructor(inner: string, shifted: boolean) {
    this.#inner = converterDecoder(inner);
    this.#shifted = shifted;
  }

  write(bytes: Uint8Array): string {
    const out = new Uint8Array(bytes.length * 3 + 16);
    let length = 0;
    for (const byte of bytes) length = this.#byte(byte, out, length);
    return this.#inner.write(out.subarray(0, length));
  }

  end(): string {
    const rest = Uint8Array.from(this.#escape);
    this.#escape = [];
    return this.#inner.write(rest) + this.#inner.end();
  }

  #byte(byte: number, out: Uint8Array, length: number): number {
    if (this.#escape.length > 0) {
      this.#escape.push(byte);
      return this.#endEscape(out, length);
    }
    if (byte === 0x1b) {
      this.#escape.push(byte);
      return length;
    }
    if (byte === 0x0e || byte === 0x0f) {
      this.#shift = byte === 0x0e;
      return length;
    }
    if (byte === 0x0a || byte === 0x0d) {
      // A line always begins in ASCII; senders that forget to switch back would garble all that follows.
      this.#half = false;
      this.#shift = false;
      if (!this.#shifted) this.#set = "ascii";
      out[length] = byte;
      return length + 1;
    }
    const set = this.#shifted ? (this.#shift ? "double" : "ascii") : this.#shift ? "kana" : this.#set;
    if (byte < 0x21 || byte > 0x7e || set === "ascii") {
      this.#half = false;
      out[length] = byte;
      return length + 1;
    }
    if (set === "kana") out[length++] = 0x8e;
    else {
      if (set === "supplement" && !this.#half) out[length++] = 0x8f;
      this.#half = !this.#half;
    }
    out[length] = byte | 0x80;
    return length + 1;
  }

  #endEscape(out: Uint8Array, length: number): number {
    const text = String.fromCharCode(...this.#escape.slice(1));
    if (/^(?:\(|\$|\$[()*+]|\.|\*|&|&@|&@\x1b|N)$/.test(text) && text !== "N") return length;
    const escape = this.#escape;
    this.#escape = [];
    this.#half = false;
    if (/^\([BJH]$/.test(text)) this.#set = "ascii";
    else if (text === "(I") this.#set = "kana";
    else if (/^\$\(?[@BOQ]$/.test(text)) this.#set = "double";
    else if (text === "$(D") this.#set = "supplement";
    else if (!/^(?:\$[)*+].|\$.|\$\(.|\(.|\..|N|&@\x1b)$/.test(text)) {
      for (const byte of escape) out[length++] = byte;
    }
    return length;
  }
}

/** HZ: `~{` and `~}` around GB2312 in 7 bits. RFC 1843 */
class HzDecoder implements CharsetDecoder {
  readonly #inner = converterDecoder("gb18030");
  #tilde = false;
  #double = false;

  write(bytes: Uint8Array): string {
    const out = new Uint8Array(bytes.length + 1);
    let length = 0;
    for (const byte of bytes) {
      if (this.#tilde) {
        this.#tilde = false;
        if (byte === 0x7b) this.#double = true;
        else if (byte === 0x7d) this.#double = false;
        else if (byte === 0x7e) out[length++] = 0x7e;
        continue;
      }
      if (byte === 0x7e) {
        this.#tilde = true;
        continue;
      }
      if (byte === 0x0a) this.#double = false;
      out[length++] = this.#double && byte > 0x20 ? byte | 0x80 : byte;
    }
    return this.#inner.write(out.subarray(0, length));
  }

  end(): string {
    return this.#inner.end();
  }
}
