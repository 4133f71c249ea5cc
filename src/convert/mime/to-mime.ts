import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { buildMessage } from "#format/mime/build.ts";
import { paramField } from "#format/mime/fields.ts";
import { headerFields } from "#format/mime/headers.ts";
import { encodeBag } from "#props/bag.ts";
import { properties } from "#props/registry.ts";
import { getProperty } from "#convert/item.ts";
import { bytePieces, textPieces, utf8Pieces } from "#convert/large.ts";
import { DeferredContents } from "#convert/mime/deferred.ts";
import { messageFlags } from "#convert/mime/from-mime.ts";
import { writeHeaders } from "#convert/mime/headers-write.ts";
import {
  attachmentParts, bodyPart, contentOf, dispositionFields, keptParams, mimeTag, textBodyPart,
} from "#convert/mime/parts-write.ts";
import { encapsulate } from "#convert/mime/people.ts";
import { parseReportClass } from "#convert/mime/report-fields.ts";
import { reportPart } from "#convert/mime/report-write.ts";
import type { BuildPart } from "#format/mime/build.ts";
import type { ItemAttachment, ItemBag, ItemContent } from "#convert/item.ts";
import type { CalendarText, PartChoices } from "#convert/mime/parts-write.ts";
import type { ResolveAddress } from "#convert/mime/people.ts";
import type { PropertyBag, ReadonlyPropertyBag } from "#props/types.ts";

const p = properties;

export interface ToMimeOptions {
  /** For a Message-ID the item lacks, and for addresses of other kinds. */
  readonly domain?: string;
  /** Bcc in the header: for what is kept, never for what is sent. */
  readonly includeBcc?: boolean;
  /** A plain text for HTML that came without one: for what is sent. */
  readonly plainFromHtml?: boolean;
  /** X-Unsent for a draft: for what is kept. */
  readonly includeUnsent?: boolean;
  /** The Internet address of another kind of address ("EX"), null when there is none. */
  readonly resolve?: ResolveAddress;
  /** The calendar of a meeting message. */
  readonly writeCalendar?: (item: ItemBag) => CalendarText | null;
}

/**
 * An item as a message, in pieces. Equal items give equal bytes; attachments are encoded as the pieces are taken, so
 * that none is held whole. It never holds a winmail.dat. [MS-OXCMAIL] 2.1, [MS-OXOSMIME] 2.1.4
 */
export function toMime(item: ItemBag, options: ToMimeOptions = {}): Iterable<Uint8Array> {
  const writer = new MessageWriter(options);
  const chunks = writer.message(item, seedOf(item), 0);
  return writer.deferred.write(chunks);
}

const domainDefault = "localhost.invalid";
const embeddedDepthMax = 40;

class MessageWriter {
  readonly deferred = new DeferredContents();
  readonly #options: ToMimeOptions;
  readonly #resolve: ResolveAddress;

  constructor(options: ToMimeOptions) {
    this.#options = options;
    const domain = options.domain ?? domainDefault;
    this.#resolve = (addressType, address) =>
      options.resolve?.(addressType, address) ?? encapsulate(addressType, address, domain);
  }

  message(item: ItemBag, seed: string, depth: number): Uint8Array[] {
    const flags = getProperty(item, p.PidTagMessageFlags) ?? 0;
    const isUnsent = (flags & messageFlags.unsent) !== 0 && (depth > 0 || this.#options.includeUnsent === true);
    const fields = writeHeaders(item, {
      resolve: this.#resolve, includeBcc: depth > 0 || this.#options.includeBcc === true, unsent: isUnsent,
      messageId: depth > 0 ? null : `${seed}@${this.#options.domain ?? domainDefault}`,
    });
    const choices: PartChoices = {
      deferred: this.deferred,
      plainFromHtml: this.#options.plainFromHtml === true,
      writeCalendar: this.#options.writeCalendar,
      // The place in the tree goes into the boundary, since a message may enclose its own likeness.
      message: (embedded, index) => (depth >= embeddedDepthMax ? []
        : this.message(embedded, digest([seed, String(index)]), depth + 1)),
    };
    const signed = signedEntity(item);
    if (signed !== null) {
      const head = Buffer.from([...fields, "MIME-Version: 1.0", ""].join("\r\n"), "utf8");
      return [head, this.deferred.raw(signed)];
    }
    return buildMessage({ fields, body: this.#body(item, choices), boundarySeed: seed });
  }

  #body(item: ItemBag, choices: PartChoices): BuildPart {
    const messageClass = getProperty(item, p.PidTagMessageClass) ?? "";
    const secure = opaqueContent(item, messageClass);
    if (secure !== null) return this.#secure(item, secure);
    const encrypted = keptParams(item, /^multipart\/encrypted$/);
    const [control, data] = item.attachments;
    if (encrypted !== null && control !== undefined && data !== undefined && item.attachments.length === 2 &&
      mimeTag(control) === encrypted["protocol"]?.toLowerCase()) {
      const parts = [control, data].map((one) => {
        const type = mimeTag(one);
        return this.deferred.asIs({ type, fields: dispositionFields(one, type, true) }, contentOf(one));
      });
      return { kind: "multipart", subtype: "encrypted", parts, params: encrypted };
    }
    const report = parseReportClass(messageClass);
    if (report === null) return bodyPart(item, choices);
    const { reportType, part } = reportPart(item, report, this.#resolve);
    const parts = [textBodyPart(item, choices), part, ...attachmentParts(item, choices)];
    return { kind: "multipart", subtype: "report", parts, params: { "report-type": reportType } };
  }

  /** [MS-OXOSMIME] 2.1.4.2 */
  #secure(item: ItemBag, attachment: ItemAttachment): BuildPart {
    const kept = keptParams(item, /^application\/(?:x-)?pkcs7-mime$|^application\/octet-stream$/);
    return this.deferred.base64({
      type: "application/pkcs7-mime",
      params: { name: "smime.p7m", ...kept },
      fields: [paramField("Content-Disposition", "attachment", { filename: "smime.p7m" })],
    }, contentOf(attachment));
  }
}

/** More than any header of a signed entity. */
const entityHeaderMax = 65_536;

/**
 * A clear-signed message as it stands in its attachment, with its own content fields. Outlook and Exchange keep other
 * fields there too, which the message says itself. [MS-OXOSMIME] 2.1.3.1, 2.1.4.1
 */
function signedEntity(item: ItemBag): ItemContent | null {
  const [only] = item.attachments;
  if (only === undefined || item.attachments.length > 1) return null;
  if (getProperty(only, p.PidTagAttachMimeTag)?.toLowerCase() !== "multipart/signed") return null;
  const content = contentOf(only);
  for (const chunk of content.chunks()) {
    const start = Buffer.from(chunk.subarray(0, entityHeaderMax)).toString("latin1");
    const end = /\r?\n\r?\n/.exec(start);
    if (end === null) return null;
    const section = Buffer.from(start.slice(0, end.index + end[0].length), "latin1");
    const fields = [...headerFields(section)];
    if (!/^content-type:\s*multipart\/signed/im.test(start.slice(0, end.index))) return null;
    const own = fields.filter(({ name }) => name.startsWith("content-") && name !== "content-class");
    if (own.length === fields.length) return content;
    const head = Buffer.concat([...own.map((field) => section.subarray(field.start, field.end)), Buffer.from("\r\n")]);
    return { aboutBytes: content.aboutBytes, chunks: () => replaceStart(content.chunks(), section.length, head) };
  }
  return null;
}

/** The first piece holds all that is replaced. */
function* replaceStart(chunks: Iterable<Uint8Array>, size: number, start: Uint8Array): Generator<Uint8Array> {
  let isFirst = true;
  for (const chunk of chunks) {
    if (isFirst) yield start;
    yield isFirst ? chunk.subarray(size) : chunk;
    isFirst = false;
  }
}

function opaqueContent(item: ItemBag, messageClass: string): ItemAttachment | null {
  if (!/\.SMIME$/i.test(messageClass)) return null;
  const [only] = item.attachments;
  return only === undefined || item.attachments.length > 1 || only.embedded !== undefined ? null : only;
}

/** Of the item's own properties and of all bytes that go out unencoded, where a boundary could hide. */
function seedOf(item: ItemBag): string {
  const hash = createHash("sha256");
  const pending: [item: ItemBag, depth: number][] = [[item, 0]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [one, depth] = next;
    hash.update(encodeBag(withoutBodies(one.bag)));
    for (const piece of utf8Pieces(textPieces(one.bag, p.PidTagBody.tag) ?? [])) hash.update(piece);
    for (const piece of bytePieces(one.bag, p.PidTagHtml.tag) ?? []) hash.update(piece);
    const isSecure = getProperty(one, p.PidNameContentType) !== undefined;
    for (const recipient of one.recipients) hash.update(encodeBag(recipient.bag));
    for (const attachment of one.attachments) {
      if (attachment.embedded !== undefined && depth < embeddedDepthMax) pending.push([attachment.embedded, depth + 1]);
      const tag = getProperty(attachment, p.PidTagAttachMimeTag)?.toLowerCase() ?? "";
      if (attachment.embedded !== undefined || !(isSecure || /^(?:message|multipart)\//.test(tag))) continue;
      for (const chunk of contentOf(attachment).chunks()) hash.update(chunk);
    }
  }
  return hash.digest("hex").slice(0, 32);
}

function withoutBodies(bag: ReadonlyPropertyBag): PropertyBag {
  const rest: PropertyBag = new Map();
  for (const tag of bag.keys()) {
    if (tag !== p.PidTagBody.tag && tag !== p.PidTagHtml.tag) rest.set(tag, bag.get(tag)!);
  }
  return rest;
}

function digest(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);
}
