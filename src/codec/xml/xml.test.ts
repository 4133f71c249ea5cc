/**
 * The XML kit: documents good and bad as tables, the bounds one by one, encodings, chunks cut anywhere, and as
 * properties that what is written is read back, that any bytes bring a tree or a WireError, and that cutting the bytes
 * changes nothing. The recorded requests of other programs in the corpus are read whole.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "#base/fault.ts";
import { parseXml, tryParseXml, XmlElement, XmlTreeBuilder } from "#codec/xml/element.ts";
import { XmlReader } from "#codec/xml/reader.ts";
import type { XmlBounds } from "#codec/xml/reader.ts";
import { escapeText, XmlWriter } from "#codec/xml/writer.ts";
import { corpusFolder, corpusMissing } from "../../../test/support/corpus.ts";
import { cpuMs } from "../../../test/support/cpu-time.ts";

/** `name{namespace}[attributes](content)`: short enough for tables. */
function show(element: XmlElement): string {
  const attributes = element.attributes.map((one) =>
    `${one.namespace === "" ? "" : `{${one.namespace}}`}${one.name}=${JSON.stringify(one.value)}`);
  if (element.type !== null) attributes.unshift(`type=${element.type.namespace}#${element.type.name}`);
  const content = element.content.map((one) => (typeof one === "string" ? JSON.stringify(one) : show(one)));
  const space = element.namespace === "" ? "" : `{${element.namespace}}`;
  return `${element.name}${space}${attributes.length === 0 ? "" : `[${attributes.join(" ")}]`}(${content.join(",")})`;
}

const good: readonly [name: string, document: string, expected: string][] = [
  ["empty", "<a/>", "a()"],
  ["declaration and white space", '<?xml version="1.0"?>\n <a> </a>\n', 'a(" ")'],
  ["version 1.1 is read as 1.0", '<?xml version="1.1"?><a/>', "a()"],
  ["references", "<a>&lt;&amp;&#65;&#x1F600;&quot;&apos;&gt;</a>", 'a("<&A😀\\"\'>")'],
  ["CDATA joins the text around it", "<a>x<![CDATA[<&]]>y</a>", 'a("x<&y")'],
  ["line ends", "<a>1\r\n2\r3\n4&#13;</a>", 'a("1\\n2\\n3\\n4\\r")'],
  ["comments and instructions vanish", "<?p q?><!-- c --><a>x<!-- - --><?p?>y</a>", 'a("xy")'],
  ["namespaces", '<a xmlns="u:1" xmlns:p="u:2"><p:b p:c="1" d="2"/><e xmlns=""/></a>',
    'a{u:1}(b{u:2}[{u:2}c="1" d="2"](),e())'],
  ["the same prefix again", '<p:a xmlns:p="u:1"><p:b xmlns:p="u:2"/><p:c/></p:a>', "a{u:1}(b{u:2}(),c{u:1}())"],
  ["xml:lang", '<a xml:lang="de"/>', 'a[{http://www.w3.org/XML/1998/namespace}lang="de"]()'],
  ["attribute white space", '<a b=" x\n\ty &#10;"/>', 'a[b=" x  y \\n"]()'],
  ["xsi:type with a prefix", '<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:t="u:t" i:type="t:B"/>',
    "a[type=u:t#B]()"],
  ["xsi:type in the default namespace",
    '<a xmlns="u:d" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type=" B "/>', "a{u:d}[type=u:d#B]()"],
  ["names of the language's own objects", '<__proto__ constructor="1"><toString/></__proto__>',
    '__proto__[constructor="1"](toString())'],
  ["declared as UTF-16, sent as UTF-8", '<?xml version="1.0" encoding="utf-16"?><a>ü</a>', 'a("ü")'],
];

test("well-formed documents", () => {
  for (const [name, document, expected] of good) assert.equal(show(parseXml(document)), expected, name);
});

const bombs = `<!DOCTYPE lolz [<!ENTITY a "lol">${"bcdefghij".split("").map((letter, index) =>
  `<!ENTITY ${letter} "${`&${"abcdefghi"[index]};`.repeat(10)}">`).join("")}]><lolz>&j;</lolz>`;

const bad: readonly [name: string, document: string | Uint8Array, message: RegExp, bounds?: Partial<XmlBounds>][] = [
  ["nothing", "", /root/],
  ["only white space", " \n", /root/],
  ["text only", "hello", /text data outside|must contain a root/i],
  ["unclosed", "<a><b></a>", /unexpected close tag/],
  ["cut off", "<a><b>", /unclosed tag/],
  ["two roots", "<a/><b/>", /documents may contain only one root/],
  ["unknown reference", "<a>&nbsp;</a>", /undefined entity/],
  ["reference named like an object's", "<a>&constructor;</a>", /undefined entity/],
  ["reference to NUL", "<a>&#0;</a>", /malformed character entity/],
  ["unbound prefix", "<p:a/>", /unbound namespace prefix/],
  ["unbound prefix of a type", '<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="t:B"/>',
    /no namespace/],
  ["attribute twice", '<a b="1" b="2"/>', /duplicate attribute/],
  ["attribute twice by namespace", '<a xmlns:p="u" xmlns:q="u" p:b="" q:b=""/>', /duplicate attribute/],
  ["prefix xmlns", "<xmlns:a/>", /xmlns/],
  ["control character", "<a>\x01</a>", /disallowed character/],
  ["control character in a long run", `<a>${"x".repeat(70_000)}\x01${"x".repeat(70_000)}</a>`, /allow/],
  ["]]> in text", "<a>]]></a>", /disallowed/],
  ["DTD", "<!DOCTYPE a><a/>", /document type declaration/],
  ["DTD from outside", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', /document type declaration/],
  ["entity bomb", bombs, /document type declaration/],
  ["parameter entity", '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/">%x;]><a/>', /document type declaration/],
  ["not UTF-8", Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e]), /encoding/],
  ["UTF-8 cut off", Buffer.from([0x3c, 0x61, 0x2f, 0x3e, 0xc3]), /encoding/],
  ["unknown encoding", '<?xml version="1.0" encoding="ebcdic"?><a/>', /ebcdic/],
  ["UTF-32", Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0]), /UTF-32/],
  ["too deep", "<a>".repeat(129), /nested too deeply/],
  ["too deep for the caller", "<a><b><c/></b></a>", /nested too deeply/, { depthMax: 2 }],
  ["too many elements", `<a>${"<b/>".repeat(10)}</a>`, /too many elements/, { elementsMax: 10 }],
  ["too many attributes", `<a ${Array.from({ length: 65 }, (_, index) => `b${index}=""`).join(" ")}/>`,
    /too many attr/],
  ["too many declarations", `<a ${Array.from({ length: 65 }, (_, index) => `xmlns:b${index}="u"`).join(" ")}/>`,
    /too many attr/],
  ["long name", `<${"a".repeat(1025)}/>`, /name is too long/],
  ["long attribute name", `<a ${"b".repeat(1025)}="1"/>`, /name is too long/],
  ["name without end", `<${"a".repeat(200_000)}`, /too long/, { textMaxCharacters: 50_000 }],
  ["long text", `<a>${"x".repeat(1001)}</a>`, /too long/, { textMaxCharacters: 1000 }],
  ["long text of references", `<a>${"&lt;".repeat(100_000)}</a>`, /too long/, { textMaxCharacters: 50_000 }],
  ["long attribute", `<a b="${"x".repeat(1001)}"/>`, /too long/, { textMaxCharacters: 1000 }],
  ["comment without end", `<a><!-- ${"x".repeat(200_000)}`, /too long/, { textMaxCharacters: 50_000 }],
  ["long document", `<a>${" ".repeat(1000)}</a>`, /document is too long/, { documentMaxBytes: 1000 }],
];

test("everything else is refused with a WireError", () => {
  for (const [name, document, message, bounds] of bad) {
    assert.throws(() => parseXml(document, bounds), (error) => {
      assert.ok(error instanceof WireError, `${name}: ${String(error)}`);
      assert.match(error.message, message, name);
      return true;
    }, name);
    assert.equal(tryParseXml(document, bounds), null);
  }
});

test("an error tells the byte where it stood", () => {
  const rows: [string | Uint8Array, number][] = [
    ["<a>&x;</a>", 6], ["<a>ü&x;</a>", 8], [Buffer.from("\ufeff<a>&x;</a>", "utf16le"), 14],
  ];
  for (const [document, offset] of rows) {
    assert.throws(() => parseXml(document), (error) => {
      assert.ok(error instanceof WireError);
      // A byte order mark is not a character of the document.
      assert.ok(Math.abs(error.offset - offset) <= 2, `${error.message}, wanted ${offset}`);
      return true;
    });
  }
});

test("encodings by byte order mark, first bytes and declaration", () => {
  const text = '<?xml version="1.0" encoding="ENC"?><a>grüße 😀</a>';
  const swapped = (bytes: Buffer): Buffer => Buffer.from(bytes).swap16();
  const rows: [string, Uint8Array][] = [
    ["UTF-8", Buffer.from(text.replace("ENC", "UTF-8"))],
    ["UTF-8 with a mark", Buffer.from(`\ufeff${text.replace("ENC", "utf-8")}`)],
    ["UTF-16 little endian with a mark", Buffer.from(`\ufeff${text.replace("ENC", "utf-16")}`, "utf16le")],
    ["UTF-16 big endian with a mark", swapped(Buffer.from(`\ufeff${text.replace("ENC", "utf-16")}`, "utf16le"))],
    ["UTF-16 little endian", Buffer.from(text.replace("ENC", "utf-16"), "utf16le")],
    ["UTF-16 big endian", swapped(Buffer.from(text.replace("ENC", "utf-16"), "utf16le"))],
    ["without a declaration, UTF-16", Buffer.from("<a>grüße 😀</a>", "utf16le")],
  ];
  for (const [name, bytes] of rows) {
    assert.equal(show(parseXml(bytes)), 'a("grüße 😀")', name);
    assert.equal(show(inPieces(bytes, 1)), 'a("grüße 😀")', `${name}, byte by byte`);
  }
  const latin = Buffer.from(text.replace("ENC", "iso-8859-1").replace(" 😀", ""), "latin1");
  assert.equal(show(parseXml(latin)), 'a("grüße")');
});

function inPieces(bytes: Uint8Array, sizeBytes: number): XmlElement {
  const content: string[] = [];
  const stack: XmlElement[] = [];
  let root: XmlElement | null = null;
  const flush = (): void => {
    if (content.length > 0) stack.at(-1)!.content.push(content.splice(0).join(""));
  };
  const reader = new XmlReader({
    open(opening) {
      flush();
      const element = new XmlElement(opening);
      if (root === null) root = element;
      else stack.at(-1)!.content.push(element);
      stack.push(element);
    },
    text: (text) => { content.push(text); },
    close() {
      flush();
      stack.pop();
    },
  });
  for (let at = 0; at < bytes.length; at += sizeBytes) reader.write(bytes.subarray(at, at + sizeBytes));
  reader.end();
  return root!;
}

test("a long text goes to the handler in pieces, line ends settled across their borders", () => {
  const line = `${"QUJD".repeat(19)}\r\n`;
  const mime = line.repeat(40_000);
  const document = Buffer.from(`<m><c>${mime}</c>${mime}<d>x</d></m>`);
  let longest = 0;
  let total = 0;
  let elements = "";
  const reader = new XmlReader({
    open: ({ name }) => { elements += name; },
    text(text) {
      longest = Math.max(longest, text.length);
      assert.ok(!text.includes("\r"));
      total += text.length;
    },
    close: () => { elements += "/"; },
  }, { textMaxCharacters: 100_000 });
  for (let at = 0; at < document.length; at += 16_385) reader.write(document.subarray(at, at + 16_385));
  reader.end();
  assert.equal(elements, "mc/d//");
  assert.equal(total, 2 * 40_000 * (line.length - 1) + 1);
  assert.ok(longest <= 100_000, `${longest}`);
});

test("text of chosen elements goes past the tree", () => {
  const sizes: number[] = [];
  let mime = "";
  const builder = new XmlTreeBuilder(({ name }) => (name !== "MimeContent" ? null : (piece) => {
    sizes.push(piece.length);
    mime += piece;
  }));
  const reader = new XmlReader(builder, { textMaxCharacters: 100_000 });
  const content = "QUJD".repeat(100_000);
  const document = Buffer.from(`<Item><MimeContent>${content}</MimeContent><Subject>&lt;s&gt;</Subject></Item>`);
  for (let at = 0; at < document.length; at += 30_000) reader.write(document.subarray(at, at + 30_000));
  reader.end();
  assert.equal(mime, content);
  assert.ok(sizes.length > 5);
  assert.equal(show(builder.root!), 'Item(MimeContent(),Subject("<s>"))');
});

test("hostile documents are refused in time", () => {
  const deep = Buffer.from("<a>".repeat(3_000_000));
  const wide = Buffer.from(`<a ${"b".repeat(10)}="${"&lt;".repeat(2_000_000)}"/>`);
  const flat = Buffer.from(`<a>${"<b/>".repeat(2_000_000)}`);
  for (const document of [deep, wide, flat]) {
    const began = cpuMs();
    assert.throws(() => parseXml(document, { textMaxCharacters: 100_000, elementsMax: 10_000 }), WireError);
    assert.ok(cpuMs() - began < 1000, `${cpuMs() - began} ms`);
  }
});

test("written as it should be", () => {
  const writer = new XmlWriter({ prefixes: { s: "u:soap", "": "u:default" } });
  writer.open("u:soap", "Envelope").open("u:default", "Body", [{ name: "a", value: "\"<&>\n'" }])
    .element("u:default", "Empty").element("u:default", "Text", "a < b && c > d\r\n\u0001\ud800")
    .element("", "Bare").open("u:other", "Other", [{ namespace: "u:more", name: "x", value: "1" },
      { namespace: "http://www.w3.org/2001/XMLSchema-instance", name: "type",
        value: { namespace: "u:soap", name: "T" } }])
    .close().close().close();
  assert.equal(writer.end(), '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="u:soap">'
    + '<Body xmlns="u:default" a="&quot;&lt;&amp;&gt;&#xA;\'"><Empty />'
    + "<Text>a &lt; b &amp;&amp; c &gt; d&#xD;\n\ufffd\ufffd</Text>"
    + '<Bare xmlns="" /><n1:Other xmlns:n1="u:other" xmlns:n2="u:more" '
    + 'xmlns:n3="http://www.w3.org/2001/XMLSchema-instance" n2:x="1" n3:type="s:T" /></Body></s:Envelope>');
});

test("declared at the root, without a declaration, in pieces", () => {
  const pieces: string[] = [];
  const writer = new XmlWriter({
    prefixes: { s: "u:s", t: "u:t" }, declaredAtRoot: ["t"], declaration: false, pieceCharacters: 10,
    onPiece: (piece) => pieces.push(piece),
  });
  writer.open("u:s", "a").element("u:t", "b", "x".repeat(30)).close();
  assert.equal(writer.end(), "");
  assert.equal(pieces.join(""), `<s:a xmlns:s="u:s" xmlns:t="u:t"><t:b>${"x".repeat(30)}</t:b></s:a>`);
  assert.ok(pieces.length >= 2);
});

test("a writer that is used wrongly says so", () => {
  assert.throws(() => new XmlWriter().open("", "a b"), /assertion/);
  assert.throws(() => new XmlWriter().text("x"), /assertion/);
  assert.throws(() => new XmlWriter().close(), /assertion/);
  assert.throws(() => new XmlWriter().element("", "a").open("", "b"), /assertion/);
  assert.throws(() => new XmlWriter().open("", "a").end(), /assertion/);
  assert.throws(() => new XmlWriter().open("", "a", [{ name: "<", value: "" }]), /assertion/);
});

const nameOf = fc.constantFrom("a", "B", "c-d", "_e", "ü", "toString", "__proto__");
const namespaceOf = fc.constantFrom("", "u:1", "u:2", "http://example.test/ü?a=b&c", "urn:x");
/** Characters XML can hold. */
const textOf = fc.string({ unit: "grapheme" })
  .map((value) => value.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "").toWellFormed());

const treeOf = fc.letrec<{ element: XmlElement }>((tie) => ({
  element: fc.record({
    namespace: namespaceOf, name: nameOf,
    attributes: fc.uniqueArray(fc.record({ namespace: namespaceOf, name: nameOf, value: textOf }),
      { maxLength: 4, selector: (one) => `{${one.namespace}}${one.name}` }),
    type: fc.option(fc.record({ namespace: namespaceOf, name: nameOf })),
    content: fc.array(fc.oneof({ maxDepth: 5 }, textOf, tie("element")), { maxLength: 4 }),
  }).map(({ content, ...opening }) => {
    const element = new XmlElement(opening);
    for (const one of content) {
      const last = element.content.at(-1);
      if (one === "") continue;
      if (typeof one === "string" && typeof last === "string") element.content[element.content.length - 1] = last + one;
      else element.content.push(one);
    }
    return element;
  }),
})).element;

test("what is written is read back", () => {
  const prefixes = fc.constantFrom<Record<string, string>>({}, { "": "u:1" }, { p: "u:1", "": "u:2" }, { n1: "u:2" });
  fc.assert(fc.property(treeOf, prefixes, (tree, wanted) => {
    const document = new XmlWriter({ prefixes: wanted }).tree(tree).end();
    assert.equal(show(parseXml(document)), show(tree), document);
  }), { numRuns: 400 });
});

test("cutting the bytes changes nothing", () => {
  fc.assert(fc.property(treeOf, fc.integer({ min: 1, max: 9 }), fc.boolean(), (tree, size, wide) => {
    const document = new XmlWriter().tree(tree).end();
    const bytes = wide ? Buffer.from(`\ufeff${document}`, "utf16le") : Buffer.from(document);
    assert.equal(show(inPieces(bytes, size)), show(parseXml(bytes)));
  }), { numRuns: 200 });
});

test("any bytes give a tree or a WireError", () => {
  const piece = fc.constantFrom("<", ">", "/", "a", "<a", "<a>", "</a>", "<a/>", "&", ";", "&amp;", "&#x", "<![CDATA[",
    "]]>", "<!--", "-->", "<!DOCTYPE", "[", "<?", "?>", "xml", " xmlns", ":", "=\"", "\"", "'", " ", "\r", "\n", "\0",
    "ü", "😀", "\ud800", "\ufeff", "xmlns:b=\"u\"", "b:c", "<!ENTITY x \"y\">", "%x;");
  const texts = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join("")));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 60 }), texts, texts.map((one) => Buffer.concat([
    Buffer.from("<a>"), one, Buffer.from("</a>"),
  ])));
  fc.assert(fc.property(bytes, fc.integer({ min: 1, max: 7 }), (document, size) => {
    const read = (parse: () => XmlElement): string => {
      try {
        return show(parse());
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
        return "refused";
      }
    };
    assert.equal(read(() => parseXml(document)), read(() => inPieces(document, size)));
  }), { numRuns: 3000 });
});

test("any text is escaped so that it is text", () => {
  const anyText = fc.array(fc.integer({ max: 0xffff, min: 0 })).map((codes) => String.fromCharCode(...codes));
  fc.assert(fc.property(anyText, (value) => {
    const root = parseXml(`<a b="1">${escapeText(value)}</a>`);
    assert.equal(root.children.length, 0);
    assert.equal(root.text, value.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd").toWellFormed());
  }));
});

const recorded = join(corpusFolder, "protocol");
test("recorded documents of other programs", { skip: corpusMissing || !existsSync(recorded) }, () => {
  let read = 0;
  const refused: string[] = [];
  for (const name of readdirSync(recorded).filter((one) => one.endsWith(".xml"))) {
    const bytes = readFileSync(join(recorded, name));
    const tree = tryParseXml(bytes);
    if (tree === null) {
      refused.push(name);
      continue;
    }
    read++;
    const prefixes = { t: "http://schemas.microsoft.com/exchange/services/2006/types" };
    const again = parseXml(new XmlWriter({ prefixes }).tree(tree).end());
    assert.equal(show(again), show(tree), name);
  }
  assert.ok(read > 150, `${read} read, refused: ${refused.join(" ")}`);
});
