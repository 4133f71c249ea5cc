/** Parts of messages that are here already, taken into a new one. RFC 4469 §3 */
import type { SessionState } from "#serve/imap/state.ts";
import type { FolderView } from "#serve/imap/view.ts";
import type { MessageUrl } from "#wire/imap/url.ts";
import { Fault } from "#base/fault.ts";
import { FieldNames } from "#format/mime/header-slice.ts";
import { locateSection } from "#serve/imap/body.ts";
import { BadUrl } from "#serve/imap/state.ts";
import { findPlace } from "#serve/imap/places.ts";
import { parseMessageUrl } from "#wire/imap/url.ts";

/** Hands the bytes a URL names to `write`. Throws {@link BadUrl} for a URL of nothing here. RFC 4469 §4 */
export async function copyFromUrl(
  state: SessionState, url: string, write: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const named = parseMessageUrl(url);
  if (named === undefined) throw new BadUrl(url, "not an address of a message here");
  const { mailbox, folderId, uidValidity } = await folderOf(state, url, named);
  const isOfThen = named.uidValidity !== undefined && named.uidValidity !== uidValidity;
  if (isOfThen) throw new BadUrl(url, "another UIDVALIDITY");
  for await (const [row] of mailbox.structures(state.ctx, folderId, [{ first: named.uid, last: named.uid }])) {
    if (row === undefined) break;
    const { section, partial } = named;
    const names = section.fieldNames.length > 0 ? new FieldNames(section.fieldNames) : undefined;
    const content = await mailbox.content(state.ctx, row.contentId);
    const item = { item: "BODY[]", label: "BODY", isPeek: true, section, partial } as const;
    const located = await locateSection(item, names, row.index, content);
    if (located.kind === "none") break;
    if (located.kind === "bytes") await write(located.bytes);
    else for await (const chunk of content.stream(located.offset, located.sizeBytes)) await write(chunk);
    return;
  }
  throw new BadUrl(url, "there is no such message or part");
}

async function folderOf(
  state: SessionState, url: string, named: MessageUrl,
): Promise<Pick<FolderView, "mailbox" | "folderId" | "uidValidity">> {
  if (named.mailbox === undefined) {
    if (state.view === undefined) throw new BadUrl(url, "no folder is selected");
    return state.view;
  }
  try {
    const { mailbox, info } = await findPlace(state, named.mailbox);
    return { mailbox, folderId: info.folderId, uidValidity: info.uidValidity };
  } catch (error) {
    if (error instanceof Fault && error.code === "notFound") throw new BadUrl(url, "there is no such folder");
    throw error;
  }
}
