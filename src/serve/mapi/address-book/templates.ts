/**
 * What Outlook's dialogs look like: details of an entry, one template for each display type, and the making of an
 * address that stands in no book. Texts are English whatever the language asked for. [MS-OXOABKT] 2.2
 */
import { encodeCodePage } from "#format/mapi/code-page.ts";
import { attributeNamed } from "#directory/attributes.ts";
import { makeTag } from "#props/types.ts";
import type { PropertyTag, PropertyTypeName } from "#props/types.ts";
import type { TaggedValue } from "#props/structures.ts";
import { encode } from "#codec/binary/code.ts";
import { addressBookEntryId, displayTypes } from "#wire/mapi/entry-ids.ts";
import { controlFlags, encodeScript, encodeTemplate, scriptInstructions } from "#wire/mapi/template.ts";
import type { Control } from "#wire/mapi/template.ts";

/** One line of a dialog: a caption and what stands beside it. */
interface Line {
  readonly caption: string;
  readonly property: PropertyTag;
  /** Text, of several lines or to be typed in, a list of values, or a list of entries. */
  readonly shape: "text" | "lines" | "input" | "values" | "entries";
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
const folderPages: readonly Page[] = [
  { title: "General", lines: [
    text("&Display name:", PidTagDisplayName), text("&Alias name:", PidTagAccount),
    text("E-mail:", PidTagSmtpAddress), text("&Notes:", 0x3004, "lines"),
  ] },
  memberOf, addresses,
];
const pagesByDisplayType: ReadonlyMap<number, readonly Page[]> = new Map<number, readonly Page[]>([
  [displayTypes.mailUser, personPages], [displayTypes.remoteMailUser, personPages],
  [displayTypes.distributionList, listPages], [displayTypes.agent, listPages], [displayTypes.forum, folderPages],
]);

const PidTagEmailAddress = makeTag(0x3003, "String8");
const { halt, error, emitProperty, jumpIfNotExists } = scriptInstructions;

/** An address of a type, made by hand. [MS-OXOABKT] 2.2.1 */
interface CreationTemplate {
  readonly addressType: string;
  readonly name: string;
  readonly dn: string;
  readonly minimalId: number;
  readonly pages: readonly Page[];
  readonly script: readonly number[];
}

/** Minimal ids between those with a meaning and those of entries; no STAT leads to them. [MS-OXNSPI] 2.2.9.1 */
const creationTemplates: readonly CreationTemplate[] = [{
  addressType: "SMTP", name: "Internet Address", minimalId: 0x0f,
  dn: "/o=Outpost/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Addressing" +
    "/cn=Address-Templates/cn=SMTP",
  pages: [{ title: "SMTP - General", lines: [
    text("&Display name:", PidTagDisplayName, "input"), line("&E-mail address:", PidTagEmailAddress, "input"),
  ] }],
  // The address is what was typed; without one there is none. The jump leads to the last word.
  script: [jumpIfNotExists, PidTagEmailAddress, 24, emitProperty, PidTagEmailAddress, halt, error],
}];
/** Details need no script: they make nothing. */
const noScript = [halt];

/** Whether this names a language; a locale without one, such as 0, is none. [MS-LCID] 2.2 */
export function isLocale(localeId: number): boolean {
  return (localeId & 0x3ff) !== 0 && localeId <= 0xf_ffff;
}

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
      const height = shape === "text" || shape === "input" ? lineHeight : boxHeight;
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

/** No detail is editable: what people may change by themselves Outlook asks for elsewhere. */
function valueControl(property: PropertyTag, shape: Line["shape"], top: number, height: number): Control {
  const place = { left: valueLeft, width: valueWidth, top, height, property };
  if (shape === "values") return { ...place, type: "valuesListBox", flags: 0, sizeMax: 0, text: "" };
  if (shape === "entries") return { ...place, type: "listBox", flags: 0, sizeMax: 0, text: "" };
  const flags = controlFlags.doubleByte | (shape === "lines" ? controlFlags.multipleLines : 0) |
    (shape === "input" ? controlFlags.editable | controlFlags.required : 0);
  return { ...place, type: "edit", flags, sizeMax: textSizeMax, text: "*" };
}

/** Dialog and script of one template. [MS-OXOABKT] 2.2.2.1, 2.2.2.2 */
export interface Template {
  readonly dialog: Buffer;
  readonly script: Buffer;
}

interface TemplateWish {
  readonly displayType: number;
  /** Of a creation template; null for details. */
  readonly dn: string | null;
  readonly codePage: number;
  readonly localeId: number;
}

/** The template that is meant, its texts in a code page; null when there is none. [MS-OXNSPI] 3.1.4.1.18 */
export function templateFor({ displayType, dn, codePage, localeId }: TemplateWish): Template | null {
  const made = creationTemplates.find((one) => one.dn.toLowerCase() === dn?.toLowerCase());
  const pages = dn === null ? pagesByDisplayType.get(displayType) : made?.pages;
  if (pages === undefined || (dn === null && !isLocale(localeId))) return null;
  return {
    dialog: encodeTemplate(controlsOf(pages), (caption) => encodeCodePage(caption, codePage)),
    script: encodeScript(made?.script ?? noScript),
  };
}

/** The table of addresses that can be made by hand; no rows for what is no language. [MS-OXOABKT] 2.2.1 */
export function creationTable(codePage: number, localeId: number): TaggedValue[][] {
  if (!isLocale(localeId)) return [];
  return creationTemplates.map(({ addressType, name, dn, minimalId }) => {
    const instanceKey = Buffer.alloc(4);
    instanceKey.writeUInt32LE(minimalId);
    return [
      { tag: makeTag(0x3002, "String8"), value: encodeCodePage(addressType, codePage) },
      { tag: makeTag(0x3001, "String8"), value: encodeCodePage(name, codePage) },
      { tag: makeTag(0x3900, "Integer32"), value: displayTypes.mailUser },
      {
        tag: makeTag(0x0fff, "Binary"),
        value: encode(addressBookEntryId, { type: displayTypes.addressTemplate, x500Dn: dn }),
      },
      { tag: makeTag(0x3005, "Integer32"), value: 0 },
      { tag: makeTag(0x3609, "Boolean"), value: true },
      { tag: makeTag(0x0ff6, "Binary"), value: instanceKey },
    ];
  });
}
