/**
 * Messages by which people share calendars: an invitation, a request, and the answers to one. Programs that do not know
 * them show plain mail with a link or a sentence. [MS-OXSHARE] 2.2, [MS-OXSHRMSG] 2.2
 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { tryParseXml } from "#codec/xml/element.ts";
import { escapeAttribute, escapeText } from "#codec/xml/writer.ts";
import { getProperty } from "#convert/item.ts";
import type { ItemObject } from "#convert/item.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { buildMessage } from "#format/mime/build.ts";
import { formatDate } from "#format/mime/date.ts";
import { addressField, idsField, rawField, textField } from "#format/mime/fields.ts";
import { properties } from "#props/registry.ts";

const p = properties;

/** [MS-OXPROPS] PidLidSharingFlavor; calendars are special folders. */
export const sharingFlavors = {
  invitation: 0x0002_0310, request: 0x0002_0500, invitationAndRequest: 0x0002_0710, accept: 0x0002_3310,
  deny: 0x0002_5100,
} as const;
export type SharingKind = keyof typeof sharingFlavors;

/** Of a folder that is not the first one of its kind. [MS-OXPROPS] PidLidSharingFlavor */
const otherFolderInvitation = 0x0310;

/** Whether the folder is told of, so that the reader can open it. */
export const tellsFolder = (kind: SharingKind): boolean => kind !== "request" && kind !== "deny";
/** Whether an answer is waited for. */
export const asksForFolder = (kind: SharingKind): boolean => kind === "request" || kind === "invitationAndRequest";

/** What is shared: a folder of this server by its ids, or a calendar by a link. */
export type SharedFolder =
  | { readonly kind: "internal"; readonly folderEntryId: Uint8Array; readonly storeEntryId: Uint8Array }
  | { readonly kind: "published"; readonly browseUrl: string; readonly icalUrl: string };

export interface SharingMessage {
  readonly kind: SharingKind;
  readonly initiator: DisplayAddress;
  readonly initiatorEntryId: Uint8Array;
  readonly to: DisplayAddress;
  /** Name of the calendar; that of the asker in a request. */
  readonly folderName: string;
  /** null in requests and refusals. */
  readonly folder: SharedFolder | null;
  readonly comment: string;
  readonly nowMs: number;
  /** Unique, without angle brackets. */
  readonly messageId: string;
}

/** [MS-OXSHARE] 2.2.2.13 PidLidSharingProviderGuid: Exchange. */
const exchangeProvider = "AEF0060000000000C000000000000046";
const sharingNamespace = "http://schemas.microsoft.com/sharing/2008";
const exchangeNamespace = "http://schemas.microsoft.com/exchange/sharing/2008";
const containerClass = "IPF.Appointment";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").toUpperCase();

const subjects: Readonly<Record<SharingKind, (message: SharingMessage) => string>> = {
  invitation: ({ initiator, folderName }) => `Sharing invitation: ${nameOf(initiator)} – ${folderName}`,
  request: ({ initiator }) => `Sharing request: ${nameOf(initiator)} asks for your calendar`,
  invitationAndRequest: ({ initiator, folderName }) =>
    `Sharing invitation and request: ${nameOf(initiator)} – ${folderName}`,
  accept: ({ initiator, folderName }) => `Sharing request allowed: ${nameOf(initiator)} – ${folderName}`,
  deny: ({ initiator }) => `Sharing request denied: ${nameOf(initiator)}`,
};

const sentences: Readonly<Record<SharingKind, (message: SharingMessage) => string>> = {
  invitation: ({ initiator, folderName }) => `${nameOf(initiator)} lets you see the calendar "${folderName}".`,
  request: ({ initiator }) => `${nameOf(initiator)} asks to see your calendar.`,
  invitationAndRequest: ({ initiator, folderName }) =>
    `${nameOf(initiator)} lets you see the calendar "${folderName}" and asks to see yours.`,
  accept: ({ initiator, folderName }) =>
    `${nameOf(initiator)} lets you see the calendar "${folderName}", as you asked.`,
  deny: ({ initiator }) => `${nameOf(initiator)} does not let you see the calendar that you asked for.`,
};

const nameOf = ({ name, address }: DisplayAddress): string => (name === "" ? address : name);

/** The bytes of the message. [MS-OXSHARE] 2.2.1 to 2.2.5 */
export function buildSharing(message: SharingMessage): Uint8Array {
  const { kind, initiator, to, folderName, folder, comment, nowMs, messageId } = message;
  const flavor = sharingFlavors[kind];
  const links = folder?.kind === "published" ? `\r\n\r\n${folder.browseUrl}\r\n${folder.icalUrl}` : "";
  const words = [`${sentences[kind](message)}${links}`, comment].filter((part) => part !== "").join("\r\n\r\n");
  return Buffer.concat(buildMessage({
    fields: [
      rawField("Date", formatDate(nowMs)), addressField("From", [initiator]), addressField("To", [to]),
      textField("Subject", subjects[kind](message)), idsField("Message-ID", [messageId]),
      "Content-Class: Sharing",
      // Special folder, as the one of the asker is too. [MS-OXPROPS] PidLidSharingCapabilities
      "X-Sharing-Capabilities: 402B0",
      `X-Sharing-Flavor: ${flavor.toString(16).toUpperCase()}`,
      `X-Sharing-Provider-Guid: ${exchangeProvider}`,
      "X-Sharing-Provider-Name: Microsoft Exchange",
      "X-Sharing-Provider-Url: HTTP://www.microsoft.com/exchange/",
      `X-Sharing-Local-Type: ${containerClass}`,
      ...folder === null ? [] : [textField("X-Sharing-Remote-Name", folderName),
        `X-Sharing-Remote-Type: ${containerClass}`],
      ...folder?.kind !== "internal" ? [] : [
        rawField("X-Sharing-Remote-Uid", hex(folder.folderEntryId)),
        rawField("X-Sharing-Remote-Store-Uid", hex(folder.storeEntryId)),
      ],
      ...folder?.kind !== "published" ? [] : [rawField("X-Sharing-Browse-Url", folder.browseUrl)],
    ],
    body: {
      kind: "multipart", subtype: "mixed",
      parts: [
        { kind: "text", text: `${words}\r\n` },
        {
          kind: "bytes", type: "application/x-sharing-metadata-xml", bytes: Buffer.from(sharingXml(message), "utf8"),
          params: { name: "sharing_metadata.xml" },
          fields: ['Content-Disposition: attachment; filename="sharing_metadata.xml"'],
        },
      ],
    },
    boundarySeed: messageId,
  }));
}

/** The document beside the message. [MS-OXSHRMSG] 2.2.1 */
export function sharingXml({ kind, initiator, initiatorEntryId, to, folder }: SharingMessage): string {
  const target = `TargetRecipients="${escapeAttribute(to.address)}"`;
  const internal = `<Provider Type="ms-exchange-internal" ${target}`;
  const provider = folder === null ? `${internal}/>`
    : folder.kind === "internal"
      ? `${internal}><FolderId xmlns="${exchangeNamespace}">${hex(folder.folderEntryId)}</FolderId>` +
        `<MailboxId xmlns="${exchangeNamespace}">${hex(folder.storeEntryId)}</MailboxId></Provider>`
      : `<Provider Type="ms-exchange-publish" ${target}>` +
        `<BrowseUrl xmlns="${exchangeNamespace}">${escapeText(folder.browseUrl)}</BrowseUrl>` +
        `<ICalUrl xmlns="${exchangeNamespace}">${escapeText(folder.icalUrl)}</ICalUrl></Provider>`;
  const providers = `<Providers>${provider}</Providers>`;
  const request = `<Request><Providers><Provider Type="ms-exchange-internal" ${target}/></Providers></Request>`;
  const parts: Readonly<Record<SharingKind, string>> = {
    invitation: `<Invitation>${providers}</Invitation>`, request,
    invitationAndRequest: `<Invitation>${providers}</Invitation>${request}`,
    accept: `<AcceptOfRequest>${providers}</AcceptOfRequest>`, deny: `<DenyOfRequest>${providers}</DenyOfRequest>`,
  };
  return '<?xml version="1.0" encoding="utf-8"?>\r\n' +
    `<SharingMessage xmlns="${sharingNamespace}"><DataType>calendar</DataType><Initiator>` +
    `<Name>${escapeText(initiator.name)}</Name><SmtpAddress>${escapeText(initiator.address)}</SmtpAddress>` +
    `<EntryId>${hex(initiatorEntryId)}</EntryId></Initiator>${parts[kind]}</SharingMessage>\r\n`;
}

/** What a message that was read says. */
export interface ReadSharing {
  readonly kind: SharingKind;
  /** As the document says; null without one. Whoever grants by it compares it with From. */
  readonly initiator: DisplayAddress | null;
  readonly folder: SharedFolder | null;
}

const kindsByPart: readonly (readonly [string, SharingKind])[] = [
  ["AcceptOfRequest", "accept"], ["DenyOfRequest", "deny"], ["Invitation", "invitation"], ["Request", "request"],
];

/** The document of a sharing message; null for one of another kind. Throws WireError. [MS-OXSHRMSG] 2.2.1 */
export function readSharingXml(bytes: Uint8Array): ReadSharing | null {
  if (bytes.length > limits.sharingXmlMaxBytes) throw new WireError("the sharing document is too large", 0);
  const root = tryParseXml(bytes);
  if (root === null) throw new WireError("the sharing document is no XML", 0);
  if (root.name !== "SharingMessage" || root.namespace !== sharingNamespace) return null;
  const found = kindsByPart.find(([name]) => root.child(name) !== null);
  if (found === undefined || root.childText("DataType")?.toLowerCase() !== "calendar") return null;
  const [partName, partKind] = found;
  const kind = partKind === "invitation" && root.child("Request") !== null ? "invitationAndRequest" : partKind;
  const initiator = root.child("Initiator");
  const address = initiator?.childText("SmtpAddress") ?? "";
  return {
    kind, initiator: address === "" ? null : { name: initiator?.childText("Name") ?? "", address },
    folder: folderOf(root.child(partName)!.child("Providers")?.childrenNamed("Provider") ?? []),
  };
}

type Elements = NonNullable<ReturnType<typeof tryParseXml>>["children"];

function folderOf(providers: Elements): SharedFolder | null {
  for (const provider of providers) {
    const text = (name: string): string => provider.childText(name, exchangeNamespace) ?? "";
    const [folder, store] = [text("FolderId"), text("MailboxId")];
    if (provider.attribute("Type") === "ms-exchange-internal" && isHex(folder) && isHex(store)) {
      return {
        kind: "internal", folderEntryId: new Uint8Array(Buffer.from(folder, "hex")),
        storeEntryId: new Uint8Array(Buffer.from(store, "hex")),
      };
    }
    const [browseUrl, icalUrl] = [text("BrowseUrl"), text("ICalUrl")];
    if (provider.attribute("Type") === "ms-exchange-publish" && browseUrl !== "") {
      return { kind: "published", browseUrl, icalUrl };
    }
  }
  return null;
}

const isHex = (text: string): boolean => text.length > 0 && text.length % 2 === 0 && /^[0-9A-Fa-f]+$/.test(text);

/** The kind by the properties of an item; null for what shares nothing. [MS-OXPROPS] PidLidSharingFlavor */
export function sharingKindOf(item: ItemObject): SharingKind | null {
  const told = getProperty(item, p.PidNameXSharingFlavor)?.trim() ?? "";
  const flavor = getProperty(item, p.PidLidSharingFlavor) ??
    (/^[0-9A-Fa-f]{1,8}$/.test(told) ? Number.parseInt(told, 16) : undefined);
  if (flavor === otherFolderInvitation) return "invitation";
  const found = Object.entries(sharingFlavors).find(([, value]) => value === flavor);
  return found === undefined ? null : found[0] as SharingKind;
}
