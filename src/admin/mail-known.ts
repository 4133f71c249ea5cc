/** Which messages a folder holds already, so that the same files read again make no second copies. */
import type { Ctx } from "#base/ctx.ts";
import type { ContentId, FolderId } from "#base/ids.ts";
import type { Mailbox } from "#mailbox/api.ts";

/** The header section of what may be only the beginning of a message, its empty line included. */
export function headOf(bytes: Buffer): Buffer {
  const end = bytes.indexOf("\r\n\r\n");
  return end === -1 ? bytes : bytes.subarray(0, end + 4);
}

/** The id between angle brackets; empty when there is none. RFC 5322 §3.6.4 */
function messageIdOf(text: string): string {
  return /<[^<>\s]{1,998}>/.exec(text)?.[0] ?? "";
}

function messageIdOfHead(head: Buffer): string {
  const field = /^message-id[ \t]*:((?:[^\r\n]|\r\n[ \t])*)/im.exec(head.toString("latin1"))?.[1];
  return field === undefined ? "" : messageIdOf(field);
}

interface Candidate {
  readonly uid: number;
  /** With angle brackets; empty when it has none. */
  readonly id: string;
  /** null for what nobody has seen as MIME. */
  readonly contentId: ContentId | null;
}

export class KnownMail {
  readonly #ctx: Ctx;
  readonly #mailbox: Mailbox;
  /** Messages that are there and were not met yet, by their size. */
  readonly #bySize = new Map<number, Candidate[]>();

  private constructor(ctx: Ctx, mailbox: Mailbox) {
    this.#ctx = ctx;
    this.#mailbox = mailbox;
  }

  /** With `again` it knows nothing, and everything is new. */
  static async of(ctx: Ctx, mailbox: Mailbox, folderId: FolderId, again: boolean): Promise<KnownMail> {
    const known = new KnownMail(ctx, mailbox);
    if (again) return known;
    for await (const rows of mailbox.items.rows(ctx, folderId)) {
      for (const { uid, sizeBytes, messageIdHeader, contentId } of rows) {
        const candidate = { uid, id: messageIdOf(messageIdHeader), contentId };
        if (known.#bySize.get(sizeBytes)?.push(candidate) === undefined) known.#bySize.set(sizeBytes, [candidate]);
      }
    }
    return known;
  }

  /**
   * Whether the folder has this message: one of the same Message-ID and size; of messages without an id, one of the
   * same header and size. Each one there stands for one in the files, so that those that are twice in the files are
   * twice in the folder.
   */
  async take(head: Buffer, sizeBytes: number): Promise<boolean> {
    const candidates = this.#bySize.get(sizeBytes);
    if (candidates === undefined) return false;
    const id = messageIdOfHead(head);
    const uid = candidates.find((one) => id !== "" && one.id === id)?.uid
      ?? await this.#uidByHead(head, candidates.filter((one) => id === "" || one.id === ""));
    if (uid === undefined) return false;
    candidates.splice(candidates.findIndex((one) => one.uid === uid), 1);
    return true;
  }

  /** Their first bytes are compared, where they lie. */
  async #uidByHead(head: Buffer, candidates: readonly Candidate[]): Promise<number | undefined> {
    for (const { uid, contentId } of candidates.slice(0, comparedMax)) {
      if (contentId === null || head.length === 0) continue;
      const content = await this.#mailbox.content(this.#ctx, contentId);
      if (head.equals(await content.read(0, head.length))) return uid;
    }
    return undefined;
  }
}

/** Messages of one size without an id that are looked into for one that comes in. */
const comparedMax = 100;
