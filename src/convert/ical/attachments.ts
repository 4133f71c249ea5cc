/** ATTACH, by value and by reference, both ways. RFC 5545 §3.8.1.1, [MS-OXCICAL] 2.1.3.1.1.20.1 */
import { Buffer } from "node:buffer";
import { limits } from "#base/limits.ts";
import { properties } from "#props/registry.ts";
import { attachmentBytes, getProperty, newItemObject, setProperty } from "#convert/item.ts";
import { attachMethods } from "#convert/mime/attachments-read.ts";
import { parameter, propertiesOf } from "#convert/ical/lines.ts";
import type { Component, Property } from "#convert/ical/lines.ts";
import type { ItemAttachment, ItemBag } from "#convert/item.ts";

const p = properties;
const notRendered = -1;

function nameOf({ parameters, value }: Property, isInline: boolean): string {
  const told = parameters.get("FILENAME") ?? parameters.get("X-FILENAME") ?? parameters.get("X-APPLE-FILENAME");
  const fromPath = isInline ? "" : value.trim().replace(/[?#].*$/, "").replace(/^.*\//, "");
  const name = (told ?? fromPath).replaceAll(/[\x00-\x1f/\\]/g, "_").slice(0, 255);
  return name === "" ? "attachment" : name;
}

function attachmentOf(property: Property, index: number): ItemAttachment {
  const { parameters } = property;
  const isInline = parameters.get("VALUE")?.toUpperCase() === "BINARY" ||
    parameters.get("ENCODING")?.toUpperCase() === "BASE64";
  const name = nameOf(property, isInline);
  const attachment: ItemAttachment = newItemObject();
  setProperty(attachment, p.PidTagAttachNumber, index);
  setProperty(attachment, p.PidTagAttachLongFilename, name);
  setProperty(attachment, p.PidTagDisplayName, name);
  setProperty(attachment, p.PidTagAttachMimeTag, parameters.get("FMTTYPE"));
  setProperty(attachment, p.PidTagRenderingPosition, notRendered);
  if (isInline) {
    const bytes = Buffer.from(property.value, "base64");
    setProperty(attachment, p.PidTagAttachMethod, attachMethods.byValue);
    setProperty(attachment, p.PidTagAttachDataBinary, bytes);
    setProperty(attachment, p.PidTagAttachSize, bytes.length);
  } else {
    setProperty(attachment, p.PidTagAttachMethod, attachMethods.byWebReference);
    setProperty(attachment, p.PidTagAttachLongPathname, property.value.trim());
    setProperty(attachment, p.PidTagAttachSize, 0);
  }
  return attachment;
}

export function readAttachments(item: ItemBag, event: Component): void {
  for (const property of propertiesOf(event, "ATTACH")) {
    if (item.attachments.length >= limits.itemPartsMax) return;
    item.attachments.push(attachmentOf(property, item.attachments.length));
  }
}

/** PidTagAttachmentFlags of a changed occurrence. [MS-OXOCAL] 2.2.10.1.2 */
export const exceptionFlag = 2;

export const isException = (attachment: ItemAttachment): boolean =>
  ((getProperty(attachment, p.PidTagAttachmentFlags) ?? 0) & exceptionFlag) !== 0;

/** Enclosed messages and OLE objects stay behind: no calendar holds them. [MS-OXCICAL] 2.1.3.1.1.20.1 */
export function writeAttachments(item: ItemBag): string[] {
  const lines: string[] = [];
  for (const attachment of item.attachments) {
    if (isException(attachment) || attachment.embedded !== undefined) continue;
    const type = parameter("FMTTYPE", getProperty(attachment, p.PidTagAttachMimeTag));
    const told = getProperty(attachment, p.PidTagAttachLongFilename) ?? getProperty(attachment, p.PidTagAttachFilename);
    const method = getProperty(attachment, p.PidTagAttachMethod) ?? attachMethods.byValue;
    const address = getProperty(attachment, p.PidTagAttachLongPathname) ?? "";
    if (method === attachMethods.byWebReference || method === attachMethods.byReference) {
      const isPlain = address !== "" && !/[\x00-\x20]/.test(address);
      const fromPath = address.replace(/[?#].*$/, "").replace(/^.*\//, "");
      const name = told === fromPath || told === "attachment" ? "" : parameter("FILENAME", told);
      if (isPlain) lines.push(`ATTACH${type}${name}:${address}`);
    } else if (method === attachMethods.byValue) {
      const name = told === "attachment" ? "" : parameter("FILENAME", told);
      const data = Buffer.from(attachmentBytes(attachment)).toString("base64");
      lines.push(`ATTACH${type}${name};ENCODING=BASE64;VALUE=BINARY:${data}`);
    }
  }
  return lines;
}
