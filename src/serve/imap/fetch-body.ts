/** Writing the octets of messages: parts of them as they lie, or with their transfer encoding undone. */
import type { FieldNames } from "#format/mime/header-slice.ts";
import type { MimeIndex } from "#format/mime/types.ts";
import type { MessageContent, MessageRow } from "#mailbox/api.ts";
import type { SectionBytes } from "#serve/imap/body.ts";
import type { SessionState } from "#serve/imap/state.ts";
import type { BinaryItem, BinarySizeItem, SectionItem } from "#wire/imap/fetch.ts";
import { Fault } from "#base/fault.ts";
import { UnknownEncoding, decodePart, decodedPieces, locateSection } from "#serve/imap/body.ts";
import { OutOfStep } from "#serve/imap/state.ts";
import { octetsOf } from "#wire/imap/encode.ts";

/** A section with what is worked out once for all messages of a FETCH. */
export interface SectionPlan {
  readonly item: SectionItem | BinaryItem | BinarySizeItem;
  /** ` BODY[…] `, ready to be written. */
  readonly label: string;
  readonly names: FieldNames | undefined;
}

/** Thrown before anything of a message is written: what it asks for cannot be had. RFC 3516 §4.3 */
export { UnknownEncoding };

/** False when the message's bytes cannot be had; nothing of it is written then. */
export async function writeSections(
  state: SessionState, sections: readonly SectionPlan[], row: MessageRow & { readonly index?: MimeIndex },
  begin: string, hasItems: boolean,
): Promise<boolean> {
  const { client } = state;
  const found = await locateSections(state, sections, row);
  if (found === undefined) return false;
  client.write(begin);
  for (const [index, { item, label }] of sections.entries()) {
    client.write(hasItems || index > 0 ? ` ${label}` : label);
    const located = found.located[index]!;
    if (item.item === "BINARY.SIZE[]") client.write(String(sizeOf(located)));
    else await writeSection(state, found.content, located, item.item === "BINARY[]");
  }
  client.write(")\r\n");
  return true;
}

/** Everything that can fail happens before the first byte of the answer. */
async function locateSections(
  state: SessionState, sections: readonly SectionPlan[], row: MessageRow & { readonly index?: MimeIndex },
): Promise<{ content: MessageContent; located: SectionBytes[] } | undefined> {
  try {
    const content = await state.selected.mailbox.content(state.ctx, row.contentId);
    const located: SectionBytes[] = [];
    for (const { item, names } of sections) {
      located.push(item.item === "BODY[]" ? await locateSection(item, names, row.index, content)
        : await decodePart(item, row.index, content));
    }
    return { content, located };
  } catch (error) {
    if (!(error instanceof Fault) || error.code === "cancelled") throw error;
    state.ctx.log.warn({ uid: row.uid, error: error.message }, "a message could not be read");
    return undefined;
  }
}

/** Reads this small come at once. */
const wholeReadMaxBytes = 64 * 1024;
/** Texts this small are cheaper within the text around them than as a piece of their own. */
const inTextMaxBytes = 1024;

function sizeOf(section: SectionBytes): number {
  return section.kind === "none" ? 0 : section.kind === "bytes" ? section.bytes.length : section.sizeBytes;
}

async function writeSection(
  state: SessionState, content: MessageContent, section: SectionBytes, isBinary: boolean,
): Promise<void> {
  const { client } = state;
  if (section.kind === "none") {
    client.write("NIL");
    return;
  }
  const size = sizeOf(section);
  // RFC 3516 §4.2: only what holds a NUL has to be a literal8, and any may be.
  client.write(isBinary ? `~{${size}}\r\n` : `{${size}}\r\n`);
  if (size === 0) return;
  if (section.kind === "bytes") {
    if (size <= inTextMaxBytes) client.write(octetsOf(section.bytes));
    else client.writeBytes(section.bytes);
    return;
  }
  let written = 0;
  try {
    if (section.kind === "range" && size <= wholeReadMaxBytes) {
      const bytes = await content.read(section.offset, size);
      client.writeBytes(bytes);
      written = bytes.length;
    } else if (section.kind === "decoded") {
      for await (const piece of decodedPieces(section, content)) {
        client.writeBytes(piece);
        written += piece.length;
        await client.drain();
      }
    } else {
      for await (const chunk of content.stream(section.offset, size)) {
        client.writeBytes(chunk);
        written += chunk.length;
        await client.drain();
      }
    }
  } catch (error) {
    if (error instanceof Fault && error.code === "cancelled") throw error;
    throw new OutOfStep("the bytes of a message ended early", { cause: error });
  }
  if (written !== size) throw new OutOfStep(`a message has ${written} bytes where ${size} were promised`);
}
