/** Mail to groups that waits for a moderator, for those who administer the server. */
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import type { Admin } from "#admin/admin.ts";
import { RuleMessage } from "#rules/message.ts";
import { decodeWords } from "#format/mime/words.ts";
import { serverScope } from "#store/api.ts";
import { loadContent, readContentStart } from "#transport/content.ts";
import { heldRecipients } from "#transport/queue-store.ts";
import { Transport } from "#transport/transport.ts";

export interface HeldView {
  readonly id: string;
  readonly group: string;
  readonly sender: string;
  readonly subject: string;
  readonly sizeBytes: number;
  readonly receivedMs: number;
}

/** The oldest first, of one group or of all. */
export async function listHeld(ctx: Ctx, admin: Admin, group: string | null): Promise<HeldView[]> {
  const { store } = admin;
  const key = group?.toLowerCase() ?? null;
  const views: HeldView[] = [];
  const rows = await store.read(ctx, serverScope, () => heldRecipients(limits.heldListedMax));
  for (const { message, recipient } of rows) {
    if (key !== null && recipient.address.toLowerCase() !== key) continue;
    const start = await readContentStart(store, await loadContent(ctx, store, message), limits.headerSectionMaxBytes);
    const read = new RuleMessage({
      envelope: { sender: message.envelopeSender, recipient: recipient.address }, bytes: start, receivedMs: 0,
    });
    views.push({
      id: message.queueId, group: recipient.address, sender: message.envelopeSender,
      subject: decodeWords(read.first("subject") ?? "").replaceAll(/[\x00-\x1f\x7f]+/g, " "),
      sizeBytes: message.sizeBytes, receivedMs: message.acceptedMs,
    });
  }
  return views;
}

/** Lets a message pass or sends it back; `hostname` is the server's, in what its sender is told. Fault `notFound`. */
export async function decideHeld(
  ctx: Ctx, admin: Admin, { id, hostname, ...decision }: {
    id: string; hostname: string; decision: "approve" | "reject"; comment: string;
  },
): Promise<void> {
  const { store, directory } = admin;
  // It only puts mail into the queue; the server that runs, or the next one, delivers.
  const transport = new Transport({
    ctx, store, directory, deliver: () => Promise.reject(new Error("tools deliver nothing")),
    config: { hostname, outbound: { mode: "off" } },
  });
  await transport.moderate(ctx, id, { ...decision, by: admin.by });
}
