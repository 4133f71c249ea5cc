import { RtfReader } from "#format/rtf/reader.ts";
import type { RtfDocument, RtfSink, RtfState } from "#format/rtf/reader.ts";

const fieldsMax = 64;
const instructionMax = 4096;
const listDepthMax = 9;
const alignments: Readonly<Record<string, string>> = { ql: "", qc: "center", qr: "right", qj: "justify" };
/** What may stand behind a link; anything else (scripts above all) is shown without one. */
const linkForm = /^(?:https?|ftp|mailto|tel|news|cid):/i;

/** Text as it may stand between tags and in quoted attributes. HTML 4.01 §5.3.2 */
export function escapeHtml(text: string): string {
  if (!/[&<>"\u00a0]/.test(text)) return text;
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")
    .replaceAll("\u00a0", "&nbsp;");
}

interface Field {
  /** Groups open when it began. */
  readonly depth: number;
  instruction: string;
  /** Found when the first text it stands for comes. */
  link?: string | undefined;
  isRead: boolean;
}

/** The address of a field `HYPERLINK "…"`, or undefined. */
function linkOf(instruction: string): string | undefined {
  const match = /^\s*HYPERLINK\s+(?:\\[a-z]\s+)*(?:"([^"]*)"|(\S+))/i.exec(instruction);
  const address = (match?.[1] ?? match?.[2] ?? "").trim();
  return linkForm.test(address) ? address : undefined;
}

class HtmlSink implements RtfSink {
  readonly #out: string[] = [];
  #paragraph: string[] = [];
  #isParagraphEmpty = true;
  /** Closing tags of the formatting in force, and the key that tells one formatting from another. */
  #closing = "";
  #format = "";
  #align = "";
  #inTable = false;
  #cells: string[] | undefined = undefined;
  #isTableOpen = false;
  #listText: string | undefined = undefined;
  #listLevel = 0;
  readonly #lists: ("ol" | "ul")[] = [];
  #depth = 0;
  readonly #fields: Field[] = [];

  text(text: string, state: Readonly<RtfState>, document: RtfDocument): void {
    if (state.destination === "fieldInstruction") {
      const field = this.#fields.at(-1);
      if (field !== undefined && field.instruction.length < instructionMax) field.instruction += text;
      if (field !== undefined) field.isRead = false;
      return;
    }
    if (state.hidden) return;
    if (state.destination === "listText") {
      this.#listText = ((this.#listText ?? "") + text).slice(0, 32);
      return;
    }
    if (state.destination !== "body") return;
    this.#setFormat(state, document);
    this.#paragraph.push(escapeHtml(text).replaceAll("  ", " &nbsp;"));
    this.#isParagraphEmpty = false;
  }

  control(word: string, parameter: number | undefined, state: Readonly<RtfState>): void {
    if (word === "field" && this.#fields.length < fieldsMax) {
      this.#fields.push({ depth: this.#depth, instruction: "", isRead: false });
      return;
    }
    if (state.destination !== "body") return;
    switch (word) {
      case "par": case "sect": case "page": this.#endParagraph(); return;
      case "line": case "nestrow": this.#paragraph.push("<br>"); return;
      case "tab": case "nestcell": this.#paragraph.push("&emsp;"); return;
      case "cell": this.#endCell(); return;
      case "row": this.#endRow(); return;
      case "intbl": this.#inTable = true; return;
      case "ilvl": this.#listLevel = Math.min(Math.max(parameter ?? 0, 0), listDepthMax - 1); return;
      case "pn": this.#listText ??= "\u2022"; return;
      case "pard":
        this.#align = "";
        this.#inTable = false;
        this.#listLevel = 0;
        return;
      default:
        if (Object.hasOwn(alignments, word)) this.#align = alignments[word]!;
    }
  }

  group(isOpen: boolean): void {
    this.#depth += isOpen ? 1 : -1;
    while (this.#fields.length > 0 && this.#fields.at(-1)!.depth > this.#depth) this.#fields.pop();
  }

  finish(): string {
    if (!this.#isParagraphEmpty) this.#endParagraph();
    if (this.#cells !== undefined) this.#endRow();
    this.#closeTable();
    this.#closeLists(0);
    return this.#out.join("");
  }

  #setFormat(state: Readonly<RtfState>, document: RtfDocument): void {
    const field = this.#fields.at(-1);
    if (field !== undefined && !field.isRead) {
      field.link = linkOf(field.instruction.slice(0, instructionMax));
      field.isRead = true;
    }
    const link = field?.link;
    const font = state.font < 0 ? document.defaultFont : state.font;
    const { bold, italic, underline, strike, position, color, fontSize } = state;
    const key = [bold, italic, underline, strike, position, color, fontSize, font, link ?? ""].join(" ");
    if (key === this.#format) return;
    this.#endFormat();
    this.#format = key;
    const styles: string[] = [];
    const name = document.fontNames.get(font);
    if (name !== undefined && name !== "") styles.push(`font-family:'${escapeHtml(name.replace(/['\\;]/g, ""))}'`);
    if (fontSize !== 24 && fontSize > 0 && fontSize < 1000) styles.push(`font-size:${fontSize / 2}pt`);
    const colorText = document.colors[color];
    if (colorText !== undefined && color !== 0) styles.push(`color:${colorText}`);
    const tags: [string, string][] = [];
    if (link !== undefined) tags.push([`a href="${escapeHtml(link)}"`, "a"]);
    if (styles.length > 0) tags.push([`span style="${styles.join(";")}"`, "span"]);
    if (bold) tags.push(["b", "b"]);
    if (italic) tags.push(["i", "i"]);
    if (underline && link === undefined) tags.push(["u", "u"]);
    if (strike) tags.push(["s", "s"]);
    if (position !== 0) tags.push(position > 0 ? ["sup", "sup"] : ["sub", "sub"]);
    this.#paragraph.push(tags.map(([open]) => `<${open}>`).join(""));
    this.#closing = tags.reverse().map(([, close]) => `</${close}>`).join("");
  }

  #endFormat(): void {
    if (this.#closing !== "") this.#paragraph.push(this.#closing);
    this.#closing = "";
    this.#format = "";
  }

  #take(): string {
    this.#endFormat();
    const html = this.#paragraph.join("");
    this.#paragraph = [];
    this.#isParagraphEmpty = true;
    return html;
  }

  #endParagraph(): void {
    if (this.#inTable) {
      this.#paragraph.push("<br>");
      return;
    }
    this.#closeTable();
    const html = this.#take();
    if (this.#listText === undefined) {
      this.#closeLists(0);
      const style = this.#align === "" ? "" : ` style="text-align:${this.#align}"`;
      this.#out.push(`<p${style}>${html === "" ? "&nbsp;" : html}</p>\r\n`);
      return;
    }
    this.#openList(/^\s*\(?[0-9a-z]{1,4}[.)]/i.test(this.#listText) ? "ol" : "ul");
    this.#listText = undefined;
    this.#out.push(`<li>${html}</li>\r\n`);
  }

  #openList(kind: "ol" | "ul"): void {
    this.#closeLists(this.#listLevel + 1);
    if (this.#lists.length === this.#listLevel + 1 && this.#lists.at(-1) !== kind) this.#closeLists(this.#listLevel);
    while (this.#lists.length <= this.#listLevel) {
      this.#lists.push(kind);
      this.#out.push(`<${kind}>\r\n`);
    }
  }

  #closeLists(level: number): void {
    while (this.#lists.length > level) this.#out.push(`</${this.#lists.pop()!}>\r\n`);
  }

  #endCell(): void {
    this.#listText = undefined;
    (this.#cells ??= []).push(this.#take());
  }

  #endRow(): void {
    if (this.#cells === undefined) return;
    this.#closeLists(0);
    if (!this.#isTableOpen) this.#out.push("<table border=\"1\">\r\n");
    this.#isTableOpen = true;
    this.#out.push("<tr>", ...this.#cells.splice(0, 1000).map((cell) => `<td>${cell}</td>`), "</tr>\r\n");
    this.#cells = undefined;
  }

  #closeTable(): void {
    if (this.#isTableOpen) this.#out.push("</table>\r\n");
    this.#isTableOpen = false;
  }
}

/**
 * A likeness of native RTF in HTML: fonts, colours, bold and the like, paragraphs, lists, tables, links; no pictures.
 * Nothing that runs can be in it. HTML 4.01, [MS-OXRTFEX] 2.2.3.1
 */
export function rtfToHtml(rtf: Uint8Array): string {
  const sink = new HtmlSink();
  new RtfReader(rtf, sink).run();
  return `<html><body>\r\n${sink.finish()}</body></html>\r\n`;
}
