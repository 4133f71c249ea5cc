import { fileName } from "#format/mime/attachments.ts";
import { paramValue } from "#format/mime/parameters.ts";
import type { MimePart, MultipartPart } from "#format/mime/types.ts";

/** One stretch of the body: a text, or the same text in two forms. */
export interface BodySegment {
  plain?: MimePart;
  html?: MimePart;
}

export interface AttachedPart {
  readonly part: MimePart;
  /** In a multipart/related, so that the text may show it in place. RFC 2387 */
  readonly related: boolean;
  /** The Macintosh half of a multipart/appledouble. RFC 1740 */
  readonly appleFile?: MimePart;
}

/** What each part of a message is for. */
export interface Layout {
  readonly body: readonly BodySegment[];
  readonly calendar: MimePart | null;
  readonly tnef: MimePart | null;
  readonly attachments: readonly AttachedPart[];
  /** The parts of a multipart/report after the first: machine readable report, returned message. RFC 6522 */
  readonly report: { readonly status: MimePart; readonly kind: ReportKind } | null;
}

export type ReportKind = "delivery" | "disposition";

/** Which parts make the body and which become attachments. [MS-OXCMAIL] 2.2.3.3, 2.2.3.4 */
export function layoutOf(root: MimePart): Layout {
  const finder = new LayoutFinder();
  finder.root(root);
  return finder;
}

class LayoutFinder implements Layout {
  readonly body: BodySegment[] = [];
  readonly attachments: AttachedPart[] = [];
  calendar: MimePart | null = null;
  tnef: MimePart | null = null;
  report: Layout["report"] = null;

  root(root: MimePart): void {
    if (root.kind === "multipart" && root.subtype === "report") this.#report(root);
    else this.#mixed(root);
  }

  /** A part that stands by itself; the depth of parts is bounded by the index. */
  #mixed(part: MimePart): void {
    if (part.kind !== "multipart") {
      this.#leaf(part);
      return;
    }
    switch (part.subtype) {
      case "alternative": this.#alternative(part); break;
      case "related": this.#related(part); break;
      case "appledouble": this.#appleDouble(part); break;
      default: for (const child of part.children) this.#mixed(child);
    }
  }

  #leaf(part: MimePart): void {
    if (this.#take(part)) return;
    const form = bodyForm(part);
    const isFile = part.disposition?.type === "attachment" || (this.body.length > 0 && fileName(part) !== null);
    if (form !== null && !isFile) {
      this.body.push({ [form]: part });
    } else this.#attach(part);
  }

  /** Calendars and winmail.dat, which are neither body nor attachment; false for all else. */
  #take(part: MimePart): boolean {
    if (isTnef(part) && this.tnef === null) {
      this.tnef = part;
      return true;
    }
    if (isCalendar(part) && this.calendar === null) {
      this.calendar = part;
      return true;
    }
    return false;
  }

  #attach(part: MimePart, related = false, appleFile?: MimePart): void {
    this.attachments.push(appleFile === undefined ? { part, related } : { part, related, appleFile });
  }

  /**
   * The last form of each kind wins, the first plain text; forms nobody here reads (text/x-amp-html, text/enriched
   * beside plain text) say nothing more and go. RFC 2046 §5.1.4
   */
  #alternative(part: MultipartPart): void {
    const segment: BodySegment = {};
    const related: (() => void)[] = [];
    let spare: MimePart | undefined;
    for (const child of part.children) {
      if (child.kind === "multipart") related.push(...this.#richForm(child, segment));
      else if (child.disposition?.type === "attachment") this.#attach(child);
      else if (this.#take(child)) continue;
      else {
        const form = bodyForm(child);
        if (form === "html") segment.html = child;
        else if (form === "plain" && child.subtype === "plain") segment.plain ??= child;
        else if (form === "plain") spare = child;
        else if (child.type !== "text" || isCalendar(child)) this.#attach(child);
      }
    }
    if (segment.plain === undefined && segment.html === undefined && spare !== undefined) segment.plain = spare;
    if (segment.plain !== undefined || segment.html !== undefined) this.body.push(segment);
    for (const attach of related) attach();
  }

  /** A multipart as one form of an alternative: what it brings of text is that form, the rest hangs on. */
  #richForm(part: MultipartPart, segment: BodySegment): (() => void)[] {
    const inner = new LayoutFinder();
    inner.#mixed(part);
    for (const found of inner.body) {
      if (found.html !== undefined) segment.html = found.html;
      if (found.plain !== undefined) segment.plain ??= found.plain;
    }
    this.calendar ??= inner.calendar;
    this.tnef ??= inner.tnef;
    return [() => this.attachments.push(...inner.attachments)];
  }

  /** The text first, by `start` or by place, then what belongs to it. RFC 2387 §3 */
  #related(part: MultipartPart): void {
    const start = paramValue(part.params, "start");
    const found = start === null ? -1 : part.children.findIndex((child) => child.contentId === start.trim());
    const rootIndex = Math.max(0, found);
    for (const [index, child] of part.children.entries()) {
      if (index === rootIndex) {
        if (child.kind === "multipart" || bodyForm(child) !== null) this.#mixed(child);
        else this.#leaf(child);
      } else if (child.kind === "multipart") this.#mixed(child);
      else if (!this.#take(child)) this.#attach(child, true);
    }
  }

  #appleDouble(part: MultipartPart): void {
    const [first, second] = part.children;
    if (first?.subtype === "applefile" && second !== undefined && second.kind !== "multipart") {
      this.#attach(second, false, first);
      for (const child of part.children.slice(2)) this.#mixed(child);
    } else for (const child of part.children) this.#mixed(child);
  }

  /** RFC 6522 §3: text for people, the report, the message it is about. */
  #report(part: MultipartPart): void {
    for (const child of part.children) {
      const kind = reportKinds[`${child.type}/${child.subtype}`];
      if (kind !== undefined && this.report === null) this.report = { status: child, kind };
      else if (child.kind === "multipart" || this.report === null) this.#mixed(child);
      else this.#attach(child);
    }
  }
}

const reportKinds: Readonly<Partial<Record<string, ReportKind>>> = {
  "message/delivery-status": "delivery", "message/global-delivery-status": "delivery",
  "message/disposition-notification": "disposition", "message/global-disposition-notification": "disposition",
};

/** "html" or "plain" for text that can be a body. */
function bodyForm(part: MimePart): "html" | "plain" | null {
  if (part.type !== "text") return null;
  switch (part.subtype) {
    case "html": return "html";
    case "plain": case "enriched": case "richtext": return "plain";
    default: return null;
  }
}

function isCalendar(part: MimePart): boolean {
  if (part.type !== "text" || part.subtype !== "calendar") return false;
  // Some programs send an invitation as a file alone; a calendar that is a file says no method. RFC 6047 §2.4
  return part.disposition?.type !== "attachment" || paramValue(part.params, "method") !== null;
}

/** RFC 2045 §5.1; [MS-OXTNEF] 2.1.1 */
export function isTnef(part: MimePart): boolean {
  if (part.kind !== "basic" || part.type !== "application") return false;
  if (part.subtype === "ms-tnef" || part.subtype === "vnd.ms-tnef") return true;
  return part.subtype === "octet-stream" && fileName(part)?.toLowerCase() === "winmail.dat";
}

/** Signed in clear: kept whole, byte by byte. [MS-OXOSMIME] 2.1.3.1 */
export function isClearSigned(root: MimePart): boolean {
  return root.kind === "multipart" && root.subtype === "signed";
}

/** Signed or encrypted as one block of CMS. [MS-OXOSMIME] 2.1.3.2 */
export function isOpaqueSecure(root: MimePart): boolean {
  if (root.kind !== "basic" || root.type !== "application") return false;
  if (root.subtype === "pkcs7-mime" || root.subtype === "x-pkcs7-mime") return true;
  return root.subtype === "octet-stream" && /\.p7m$/i.test(fileName(root) ?? "");
}
