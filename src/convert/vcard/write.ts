/** Contacts and personal distribution lists written as vCard 3.0 or 4.0. [MS-OXVCARD] 2.1.3, RFC 2426, RFC 6350 */
import { attachmentBytes, getProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { decodeOneOff } from "#convert/mime/one-off.ts";
import { fromFileTime } from "#convert/mime/times.ts";
import { properties } from "#props/registry.ts";
import { base64Of, derOf } from "#convert/vcard/binary.ts";
import { formatDay, formatInstant, yearUntold } from "#convert/vcard/dates.ts";
import {
  addressFields, addressKinds, dateFields, emailFields, phoneFields, textFields,
} from "#convert/vcard/fields.ts";
import type { AddressKind, PhoneKind, StringProperty } from "#convert/vcard/fields.ts";
import { OldShapes, sensitivityOf, uidOf, unknownOf } from "#convert/vcard/kept.ts";
import type { Slot } from "#convert/vcard/kept.ts";
import type { Line, Parameter } from "#convert/vcard/lines.ts";
import { memberLines } from "#convert/vcard/members.ts";
import { composeAddress, dayOf, fileAsOf } from "#convert/vcard/shapes.ts";
import { foldLine, formatLine, line, types } from "#convert/vcard/text.ts";
import { escapeText } from "#format/content-lines.ts";

export type VcardVersion = "3.0" | "4.0";

export interface VcardWriteOptions {
  readonly version: VcardVersion;
  /** For an item that has none of its own. */
  readonly uid?: string;
}

/** PREF is a number in vCard 4 and a type before; lines from elsewhere are spelled for the version. RFC 6350 §5.3 */
function inVersion(one: Line, version: VcardVersion): Line {
  const isPreferred = one.parameters.some(({ name, value }) =>
    name === "PREF" || (name === "TYPE" && value.toLowerCase() === "pref"));
  const rest = one.parameters.filter(({ name, value }) => version === "4.0"
    ? !(name === "TYPE" && value.toLowerCase() === "pref") && name !== "ENCODING" : name !== "PREF");
  if (!isPreferred) return rest.length === one.parameters.length ? one : { ...one, parameters: rest };
  if (version === "3.0") {
    const has = rest.some(({ name, value }) => name === "TYPE" && value.toLowerCase() === "pref");
    return { ...one, parameters: has ? rest : [...rest, ...types("pref")] };
  }
  const has = rest.some(({ name }) => name === "PREF");
  return { ...one, parameters: has ? rest : [...rest, { name: "PREF", value: "1" }] };
}

/** One card on its way out. */
class Writing {
  readonly item: ItemBag;
  readonly version: VcardVersion;
  readonly shapes: OldShapes;
  readonly lines: Line[] = [];

  constructor(item: ItemBag, version: VcardVersion) {
    this.item = item;
    this.version = version;
    this.shapes = new OldShapes(item);
  }

  text(property: StringProperty): string {
    return getProperty(this.item, property) ?? "";
  }

  /** A line that had another shape when it was read gets it back; its value only in the version it came in. */
  add(slot: Slot, fresh: Line): void {
    const old = this.shapes.of(slot, fresh);
    if (old === undefined) {
      this.lines.push(inVersion(fresh, this.version));
      return;
    }
    const isSame = this.shapes.version === this.version;
    if (!isSame && old.name !== fresh.name) {
      // Another line says it in this version, with parameters of its own.
      this.lines.push(inVersion({ ...fresh, group: old.group }, this.version));
      return;
    }
    const replaced = new Set(["ENCODING", "VALUE", "X-APPLE-OMIT-YEAR"]);
    const parameters = [
      ...old.parameters.filter(({ name }) => !replaced.has(name)),
      ...fresh.parameters.filter(({ name }) => replaced.has(name)),
    ];
    const whole = isSame ? old : { ...fresh, group: old.group, parameters };
    this.lines.push(inVersion(whole, this.version));
  }

  plain(name: string, value: string, parameters: readonly Parameter[] = []): void {
    this.lines.push(inVersion(line(name, value, parameters), this.version));
  }
}

function writeNames(writing: Writing, isGroup: boolean): void {
  const { item } = writing;
  const name = writing.text(properties.PidTagDisplayName) || writing.text(properties.PidTagSubject)
    || (isGroup ? writing.text(properties.PidLidDistributionListName) : "");
  writing.add("text/FN", line("FN", escapeText(name)));
  const parts = [
    properties.PidTagSurname, properties.PidTagGivenName, properties.PidTagMiddleName,
    properties.PidTagDisplayNamePrefix, properties.PidTagGeneration,
  ].map((property) => escapeText(writing.text(property)));
  if (writing.version === "3.0" || parts.some((part) => part !== "")) {
    writing.add("structure/N", line("N", parts.join(";")));
  }
  const company = writing.text(properties.PidTagCompanyName);
  const department = writing.text(properties.PidTagDepartmentName);
  if (company !== "" || department !== "") {
    const units = department === "" ? [] : department.split(";");
    const fresh = line("ORG", [company, ...units].map(escapeText).join(";"));
    const old = writing.shapes.of("text/PidTagDepartmentName", line("X-DEPARTMENT", escapeText(department)));
    if (old === undefined) writing.add("structure/ORG", fresh);
    else {
      writing.lines.push(old);
      if (company !== "") writing.add("structure/ORG", line("ORG", escapeText(company)));
    }
  }
  const fileAs = writing.text(properties.PidLidFileUnder);
  const told = line("X-EVOLUTION-FILE-AS", escapeText(fileAs));
  const old = fileAs === "" ? undefined : writing.shapes.of("text/FileAs", told);
  const isUsual = fileAs === "" || fileAs === fileAsOf(item, undefined).text;
  if (old !== undefined || !isUsual) writing.lines.push(old ?? told);
}

function writePhones(writing: Writing): void {
  for (const [kind, { property, name, types: words }] of Object.entries(phoneFields)) {
    const number = writing.text(property);
    if (number !== "") writing.add(`tel/${kind as PhoneKind}`, line(name, escapeText(number), types(...words)));
  }
}

/** Only addresses that anybody can write to. [MS-OXOCNTC] 2.2.1.2 */
function writeEmails(writing: Writing): void {
  const found: string[] = [];
  for (const { addressType, address, original, entryId } of emailFields) {
    const type = writing.text(addressType).toUpperCase();
    const bytes = getProperty(writing.item, entryId);
    const oneOff = bytes === undefined ? null : decodeOneOff(bytes);
    const candidates = [
      type === "" || type === "SMTP" ? writing.text(address) : "", oneOff?.addressType === "SMTP" ? oneOff.address : "",
      writing.text(original),
    ];
    const chosen = candidates.find((candidate) => candidate.includes("@")) ?? candidates[0] ?? "";
    if (chosen !== "") found.push(chosen);
  }
  found.forEach((address, index) => {
    const isFirst = index === 0 && found.length > 1;
    const words = writing.version === "3.0" ? types("internet") : [];
    writing.add("uri/EMAIL", line("EMAIL", escapeText(address), [...words, ...(isFirst ? types("pref") : [])]));
  });
}

function writeAddress(writing: Writing, kind: AddressKind): void {
  const { item, version } = writing;
  const field = addressFields[kind];
  const office = kind === "work" ? writing.text(properties.PidTagOfficeLocation) : "";
  const street = writing.text(field.street).replaceAll(/\r\n?/g, "\n").split("\n").map(escapeText).join(",");
  const rest = [field.city, field.state, field.postalCode, field.country].map((one) => escapeText(writing.text(one)));
  const parts = [escapeText(writing.text(field.postOfficeBox)), escapeText(office), street, ...rest];
  const isMailing = getProperty(item, properties.PidLidPostalAddressId) === field.id;
  const kindWords = version === "4.0" && kind === "other" ? [] : [field.type];
  const parameters = types(...kindWords, ...(isMailing ? ["pref"] : []));
  const label = writing.text(field.formatted);
  const isOwn = label !== "" && label !== composeAddress(item, field);
  const isEmpty = parts.every((part) => part === "");
  if (isOwn && version === "4.0") parameters.push({ name: "LABEL", value: label.replaceAll("\r\n", "\n") });
  if (!isEmpty || (isOwn && version === "4.0")) {
    writing.add(`address/${kind}`, line("ADR", parts.join(";"), parameters));
  }
  const labelLine = line("LABEL", escapeText(label), types(field.type));
  const old = label === "" ? undefined : writing.shapes.of(`text/LABEL:${kind}`, labelLine);
  if (old !== undefined || (isOwn && version === "3.0")) writing.lines.push(inVersion(old ?? labelLine, version));
}

function writePostal(writing: Writing): void {
  for (const kind of addressKinds) writeAddress(writing, kind);
  const id = getProperty(writing.item, properties.PidLidPostalAddressId) ?? 0;
  if (id > 0) writing.plain("X-MS-OL-DEFAULT-POSTAL-ADDRESS", String(id));
}

function writeDates(writing: Writing): void {
  const { item, version } = writing;
  for (const field of Object.values(dateFields)) {
    const day = dayOf(item, field);
    if (day === null) continue;
    const name = version === "4.0" ? field.name4 : field.names[0];
    const omitted = version === "3.0" && day.year === yearUntold;
    const parameters = omitted ? [{ name: "X-APPLE-OMIT-YEAR", value: String(yearUntold) }] : [];
    const value = version === "3.0" ? [{ name: "VALUE", value: "date" }] : [];
    writing.add(`date/${field.name4}`, line(name, formatDay(day, version), [...value, ...parameters]));
  }
  const changed = getProperty(item, properties.PidTagLastModificationTime);
  const at = changed === undefined ? null : fromFileTime(changed);
  if (at !== null) writing.add("instant/REV", line("REV", formatInstant(at)));
}

function writeUrls(writing: Writing): void {
  const home = writing.text(properties.PidTagPersonalHomePage);
  const work = writing.text(properties.PidTagBusinessHomePage);
  const page = writing.text(properties.PidLidHtml);
  if (home !== "") writing.add("uri/URL:home", line("URL", escapeUri(home), types("home")));
  if (work !== "") writing.add("uri/URL:work", line("URL", escapeUri(work), types("work")));
  if (page !== "" && page !== work) writing.add("uri/URL:page", line("URL", escapeUri(page)));
  const im = writing.text(properties.PidLidInstantMessagingAddress);
  if (im === "") return;
  const name = /^[a-z][a-z0-9+.-]{1,20}:/i.test(im) && writing.version === "4.0" ? "IMPP" : "X-MS-IMADDRESS";
  writing.add("uri/IMPP", line(name, escapeUri(im)));
}

/** A URI has no escapes, but backslashes and line ends would be read as such. RFC 6350 §4.2 */
function escapeUri(text: string): string {
  return text.replaceAll(/\\|\r\n?|\n/g, (found) => (found === "\\" ? "\\\\" : "\\n"));
}

function writePhoto(writing: Writing): void {
  const photo = writing.item.attachments.find((one) => getProperty(one, properties.PidTagAttachmentContactPhoto));
  if (photo === undefined) return;
  const type = getProperty(photo, properties.PidTagAttachMimeTag) ?? "image/jpeg";
  const text = base64Of(attachmentBytes(photo));
  if (text === "") return;
  if (writing.version === "4.0") writing.plain("PHOTO", `data:${type};base64,${text}`);
  else {
    const word = type.startsWith("image/") ? type.slice(6).toUpperCase() : type;
    writing.plain("PHOTO", text, [{ name: "ENCODING", value: "b" }, ...types(word)]);
  }
}

function writePeople(writing: Writing): void {
  const { item, version } = writing;
  const isText = { name: "VALUE", value: "text" };
  const spouse = writing.text(properties.PidTagSpouseName);
  if (spouse !== "") {
    const fresh = version === "4.0" ? line("RELATED", escapeText(spouse), [isText, ...types("spouse")])
      : line("X-MS-SPOUSE", escapeText(spouse));
    writing.add("text/PidTagSpouseName", fresh);
  }
  for (const child of getProperty(item, properties.PidTagChildrensNames) ?? []) {
    if (version === "4.0") writing.plain("RELATED", escapeText(child), [isText, ...types("child")]);
    else writing.plain("X-MS-CHILD", escapeText(child));
  }
  const gender = getProperty(item, properties.PidTagGender);
  if (gender === 1 || gender === 2) {
    const letter = gender === 1 ? "F" : "M";
    const fresh = line(version === "4.0" ? "GENDER" : "X-GENDER", letter);
    const old = writing.shapes.of(`uid/GENDER:${gender}`, fresh);
    if (version === "4.0") writing.plain("GENDER", letter);
    else writing.plain(old?.name ?? fresh.name, old?.value ?? letter);
  }
}

function writeTexts(writing: Writing): void {
  for (const { property, names, name4 } of textFields) {
    const text = writing.text(property);
    const name = writing.version === "4.0" ? name4 ?? names[0] : names[0];
    if (text !== "" && name !== undefined) writing.add(`text/${property.name}`, line(name, escapeText(text)));
  }
  const words = getProperty(writing.item, properties.PidNameKeywords) ?? [];
  if (words.length > 0) writing.add("list/CATEGORIES", line("CATEGORIES", words.map(escapeText).join(",")));
  const sensitivity = sensitivityOf(writing.item);
  if (sensitivity === undefined) return;
  const old = writing.shapes.of("text/CLASS", line("CLASS", sensitivity));
  if (old !== undefined || sensitivity !== "PUBLIC") writing.plain("CLASS", sensitivity);
}

/**
 * One card with CRLF line ends. Lines that were kept when the item was read stand in it again, and lines whose property
 * still says the same have their old parameters and groups. [MS-OXVCARD] 2.1.3, RFC 6350 §3
 */
export function writeVcard(item: ItemBag, { version, uid }: VcardWriteOptions): string {
  const writing = new Writing(item, version);
  const messageClass = getProperty(item, properties.PidTagMessageClass) ?? "";
  const isGroup = messageClass.toUpperCase().startsWith("IPM.DISTLIST");
  writing.plain("VERSION", version);
  writing.plain("PRODID", "-//Outpost//EN");
  const ownUid = uidOf(item) ?? uid;
  if (ownUid !== undefined) writing.add("text/UID", line("UID", escapeText(ownUid)));
  if (isGroup) writing.plain(version === "4.0" ? "KIND" : "X-ADDRESSBOOKSERVER-KIND", "group");
  else {
    const old = writing.shapes.of("uid/KIND", line("KIND", "individual"));
    if (old !== undefined) writing.plain("KIND", "individual");
  }
  writeNames(writing, isGroup);
  writeEmails(writing);
  writePhones(writing);
  writePostal(writing);
  writeDates(writing);
  writeUrls(writing);
  writePeople(writing);
  writeTexts(writing);
  for (const bytes of getProperty(item, properties.PidTagUserX509Certificate) ?? []) {
    const der = derOf(bytes);
    if (der === undefined) continue;
    if (version === "4.0") writing.plain("KEY", `data:application/pkix-cert;base64,${base64Of(der)}`);
    else writing.plain("KEY", base64Of(der), [{ name: "ENCODING", value: "b" }, ...types("X509")]);
  }
  writePhoto(writing);
  if (isGroup) writing.lines.push(...memberLines(item, version, writing.shapes));
  writing.lines.push(...unknownOf(item));
  return `BEGIN:VCARD\r\n${writing.lines.map((one) => foldLine(formatLine(one))).join("")}END:VCARD\r\n`;
}

/** Several cards in one file, as address books export them. RFC 6350 §3.2 */
export function writeVcards(items: readonly ItemBag[], options: VcardWriteOptions): string {
  return items.map((item) => writeVcard(item, options)).join("");
}
