/** The details of an entry as Outlook's dialogs show them, for each display type. [MS-OXOABKT] 2.2.2 */
import { encodeCodePage } from "#format/mapi/code-page.ts";
import { attributeNamed } from "#directory/attributes.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyTypeName } from "#props/types.ts";
import { displayTypes } from "#wire/mapi/entry-ids.ts";
import { controlFlags, encodeTemplate } from "#wire/mapi/template.ts";
import type { Control } from "#wire/mapi/template.ts";

/** One line of a dialog: a caption and what stands beside it. */
interface Line {
  readonly caption: string;
  readonly property: PropertyTag;
  /** Text of several lines, a list of values, or a list of entries. */
  readonly shape: "text" | "lines" | "values" | "entries";
}

interface Page {
  readonly title: string;
  readonly lines: readonly Line[];
}

const line = (caption: string, property: PropertyTag, shape: Line["shape"] = "text"): Line =>
  ({ caption, property, shape });
const text = (caption: string, id: number, shape: Line["shape"] = "text"): Line =>
  line(caption, makeTag(id, "String8"), shape);

function attribute(caption: string, key: string): Line {
  const found = attributeNamed(key);
  if (found === undefined) throw new Error(`the directory has no attribute ${key}`);
  const type: PropertyTypeName = found.type === "number" ? "Integer32" : "String8";
  return line(caption, makeTag(found.tag >>> 16, type));
}

const entries = (caption: string, id: number): Line => line(caption, makeTag(id, "Object"), "entries");

const PidTagDisplayName = 0x3001;
const PidTagAccount = 0x3a00;
const PidTagSmtpAddress = 0x39fe;
const addresses: Page = {
  title: "E-mail Addresses", lines: [line("&E-mail addresses:", makeTag(0x800f, "MultipleString8"), "values")],
};
const memberOf: Page = { title: "Member Of", lines: [entries("&Group membership:", 0x8008)] };

const personPages: readonly Page[] = [
  { title: "General", lines: [
    attribute("&First:", "givenName"), attribute("&Initials:", "initials"), attribute("&Last:", "surname"),
    text("D&isplay:", PidTagDisplayName), text("Alia&s:", PidTagAccount), text("E-mail:", PidTagSmtpAddress),
    attribute("A&ddress:", "street"), attribute("Ci&ty:", "city"), attribute("St&ate:", "state"),
    attribute("&Zip code:", "postalCode"), attribute("Count&ry/Region:", "country"), attribute("Titl&e:", "title"),
    attribute("Compan&y:", "company"), attribute("De&partment:", "department"), attribute("&Office:", "office"),
    attribute("Assista&nt:", "assistant"), attribute("P&hone:", "phone"),
  ] },
  { title: "Organization", lines: [text("&Manager:", 0x8005), entries("Direct re&ports:", 0x800e)] },
  { title: "Phone/Notes", lines: [
    attribute("B&usiness:", "phone"), attribute("&Home:", "homePhone"), attribute("&Mobile:", "mobile"),
    attribute("&Pager:", "pager"), attribute("&Fax:", "fax"), attribute("A&ssistant:", "assistantPhone"),
    text("&Notes:", 0x3004, "lines"),
  ] },
  memberOf, addresses,
];
const listPages: readonly Page[] = [
  { title: "General", lines: [
    text("&Display name:", PidTagDisplayName), text("&Alias name:", PidTagAccount),
    text("E-mail:", PidTagSmtpAddress), entries("&Owner:", 0x800c), entries("&Members:", 0x8009),
    text("&Notes:", 0x3004, "lines"),
  ] },
  memberOf, addresses,
];
const pagesByDisplayType: ReadonlyMap<number, readonly Page[]> = new Map<number, readonly Page[]>([
  [displayTypes.mailUser, personPages], [displayTypes.remoteMailUser, personPages],
  [displayTypes.distributionList, listPages],
]);

/** Places in dialog units. */
const captionLeft = 12;
const captionWidth = 62;
const valueLeft = 76;
const valueWidth = 196;
const lineHeight = 12;
const boxHeight = 64;
const gap = 2;
const firstTop = 8;
const textSizeMax = 1024;

function controlsOf(pages: readonly Page[]): Control[] {
  const controls: Control[] = [];
  for (const { title, lines } of pages) {
    const nothing = { flags: 0, property: 0, sizeMax: 0 } as const;
    controls.push({ type: "page", left: 0, width: 0, top: 0, height: 0, ...nothing, text: title });
    let top = firstTop;
    for (const { caption, property, shape } of lines) {
      const height = shape === "text" ? lineHeight : boxHeight;
      controls.push({
        type: "label", left: captionLeft, width: captionWidth, top: top + gap, height: lineHeight, ...nothing,
        text: caption,
      });
      controls.push(valueControl(property, shape, top, height));
      top += height + gap;
    }
  }
  return controls;
}

/** Nothing is editable: what people may change by themselves Outlook asks for elsewhere. */
function valueControl(property: PropertyTag, shape: Line["shape"], top: number, height: number): Control {
  const place = { left: valueLeft, width: valueWidth, top, height, property };
  if (shape === "values") return { ...place, type: "valuesListBox", flags: 0, sizeMax: 0, text: "" };
  if (shape === "entries") return { ...place, type: "listBox", flags: 0, sizeMax: 0, text: "" };
  const flags = controlFlags.doubleByte | (shape === "lines" ? controlFlags.multipleLines : 0);
  return { ...place, type: "edit", flags, sizeMax: textSizeMax, text: "*" };
}

/** The template of a display type, its texts in a code page; null for a type that has none. */
export function templateFor(displayType: number, codePage: number): Buffer | null {
  const pages = pagesByDisplayType.get(displayType);
  return pages === undefined ? null
    : encodeTemplate(controlsOf(pages), (caption) => encodeCodePage(caption, codePage));
}
