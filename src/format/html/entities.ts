/** 160 to 255 in order. HTML 4.01 §24.2 */
const latin1 = ("nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 " +
  "sup3 " +
  "acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde " +
  "Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc " +
  "Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml " +
  "aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc " +
  "otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml").split(" ");

/** 913 to 969, with the gaps of HTML 4.01 §24.3 as "-". */
const greek = ("Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho - Sigma Tau " +
  "Upsilon Phi Chi Psi Omega - - - - - - - alpha beta gamma delta epsilon zeta eta theta iota kappa lambda " +
  "mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega").split(" ");

const others: Readonly<Record<string, number>> = {
  quot: 34, amp: 38, apos: 39, lt: 60, gt: 62, QUOT: 34, AMP: 38, LT: 60, GT: 62, COPY: 169, REG: 174,
  OElig: 338, oelig: 339, Scaron: 352, scaron: 353, Yuml: 376, fnof: 402, circ: 710, tilde: 732, ensp: 8194, emsp: 8195,
  thinsp: 8201, zwnj: 8204, zwj: 8205, lrm: 8206, rlm: 8207, ndash: 8211, mdash: 8212, lsquo: 8216, rsquo: 8217,
  sbquo: 8218, ldquo: 8220, rdquo: 8221, bdquo: 8222, dagger: 8224, Dagger: 8225, bull: 8226, hellip: 8230,
  permil: 8240, prime: 8242, Prime: 8243, lsaquo: 8249, rsaquo: 8250, oline: 8254, frasl: 8260, euro: 8364,
  trade: 8482, larr: 8592, uarr: 8593, rarr: 8594, darr: 8595, harr: 8596, minus: 8722, lowast: 8727, radic: 8730,
  infin: 8734, asymp: 8776, ne: 8800, equiv: 8801, le: 8804, ge: 8805, sum: 8721, prod: 8719, loz: 9674, spades: 9824,
  clubs: 9827, hearts: 9829, diams: 9830, colon: 58, comma: 44, period: 46, num: 35, excl: 33, lpar: 40, rpar: 41,
  sol: 47, NewLine: 10, Tab: 9, commat: 64, check: 10003, star: 9734, starf: 9733,
};

const named = new Map<string, string>(Object.entries(others).map(([name, code]) => [name, String.fromCharCode(code)]));
latin1.forEach((name, index) => named.set(name, String.fromCharCode(160 + index)));
greek.forEach((name, index) => named.set(name, String.fromCharCode(913 + index)));
named.delete("-");

/** Longest reference looked for between "&" and ";". */
export const entityLengthMax = 32;

/**
 * The text of a character reference without "&" and ";" (`amp`, `#228`, `#xE4`), or null when it is none. Numbers 128
 * to 159 mean windows-1252, as browsers read them. HTML 4.01 §5.3
 */
export function entityText(body: string): string | null {
  if (body.charCodeAt(0) !== 0x23) return named.get(body) ?? null;
  const hex = body.charAt(1) === "x" || body.charAt(1) === "X";
  const digits = body.slice(hex ? 2 : 1);
  if (!(hex ? /^[0-9A-Fa-f]{1,8}$/ : /^[0-9]{1,10}$/).test(digits)) return null;
  const code = parseInt(digits, hex ? 16 : 10);
  if (code >= 0x80 && code <= 0x9f) return windows1252.charAt(code - 0x80);
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return "\ufffd";
  return String.fromCodePoint(code);
}

const windows1252 = new TextDecoder("windows-1252").decode(Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index));
