/** Annotations as one caller may see and change them: shared ones, and their own. RFC 5464 §3.3 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { ChangeNumber, FolderId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import type { Access } from "#mailbox/permissions/open-access.ts";
import {
  everybody, readAnnotationChanges, readAnnotations, readNamedAnnotations, setAnnotations, wholeMailbox,
} from "#mailbox/tx/annotations.ts";
import type { AnnotationRow } from "#mailbox/tx/annotations.ts";
import type { Store } from "#store/api.ts";

export interface Annotation {
  /** As it was written; without regard to case it is the same name. */
  readonly name: string;
  readonly value: Uint8Array;
}

/** One to be set, or with null taken away. */
export interface AnnotationToSet {
  readonly name: string;
  readonly value: Uint8Array | null;
}

export interface AnnotationNews {
  /** null: of the mailbox as a whole. */
  readonly folderId: FolderId | null;
  readonly name: string;
  readonly cn: ChangeNumber;
}

/** Names begin with `/private/` or `/shared/`: the first are each person's own. */
export interface Annotations {
  /** Of a folder, or with null of the mailbox as a whole; in the order of their names. */
  of(ctx: Ctx, folderId: FolderId | null): Promise<Annotation[]>;
  /** One name in all folders the caller may see. */
  named(ctx: Ctx, name: string): Promise<ReadonlyMap<FolderId, Annotation>>;
  /** All or none. Fault `tooMany`, `overQuota`, `tooBig`, `accessDenied`. */
  set(ctx: Ctx, folderId: FolderId | null, changes: readonly AnnotationToSet[]): Promise<ChangeNumber>;
  /** What was set or taken away after `since`. */
  changes(ctx: Ctx, since: ChangeNumber): Promise<AnnotationNews[]>;
}

/** Whether a name is one of a person's own. RFC 5464 §3.2 */
export function isPrivateName(name: string): boolean {
  return /^\/private(\/|$)/i.test(name);
}

export class OpenAnnotations implements Annotations {
  readonly #store: Store;
  readonly #mailboxId: MailboxId;
  readonly #access: Access;
  readonly #memberId: number;

  constructor(store: Store, mailboxId: MailboxId, access: Access, memberId: number) {
    this.#store = store;
    this.#mailboxId = mailboxId;
    this.#access = access;
    this.#memberId = memberId;
  }

  async #check(ctx: Ctx, folderId: FolderId | null, operation: "readAnnotations" | "changeAnnotations"): Promise<void> {
    if (folderId === null) await this.#access.checkStore(ctx, "full");
    else await this.#access.check(ctx, folderId, operation);
  }

  async of(ctx: Ctx, folderId: FolderId | null): Promise<Annotation[]> {
    await this.#check(ctx, folderId, "readAnnotations");
    const rows = await this.#store.read(ctx, this.#mailboxId,
      () => readAnnotations(this.#mailboxId, folderId ?? wholeMailbox, this.#memberId));
    return rows.map(toAnnotation);
  }

  async named(ctx: Ctx, name: string): Promise<Map<FolderId, Annotation>> {
    await this.#access.current(ctx);
    const rows = await this.#store.read(ctx, this.#mailboxId,
      () => readNamedAnnotations(this.#mailboxId, this.#memberId, keyOf(name)));
    const seen = rows.filter((row) => row.folder_id !== wholeMailbox && this.#mayRead(row.folder_id));
    return new Map(seen.map((row) => [row.folder_id as FolderId, toAnnotation(row)]));
  }

  #mayRead(folderId: number): boolean {
    return this.#access.allows(folderId, "readAnnotations");
  }

  async set(ctx: Ctx, folderId: FolderId | null, changes: readonly AnnotationToSet[]): Promise<ChangeNumber> {
    const isShared = changes.some(({ name }) => !isPrivateName(name));
    await this.#check(ctx, folderId, isShared ? "changeAnnotations" : "readAnnotations");
    for (const { name, value } of changes) {
      if (name.length > limits.annotationNameMaxCharacters) {
        throw new Fault("invalidArgument", `A name has at most ${limits.annotationNameMaxCharacters} characters.`);
      }
      if (value !== null && value.length > limits.annotationMaxBytes) {
        throw new Fault("tooBig", `An annotation has at most ${limits.annotationMaxBytes} bytes.`);
      }
    }
    return await this.#store.transact(ctx, this.#mailboxId, setAnnotations, {
      folderId: folderId ?? wholeMailbox,
      changes: changes.map(({ name, value }) => ({
        name, nameKey: keyOf(name), memberId: isPrivateName(name) ? this.#memberId : everybody, value,
      })),
    }) as ChangeNumber;
  }

  async changes(ctx: Ctx, since: ChangeNumber): Promise<AnnotationNews[]> {
    await this.#access.current(ctx);
    const rows = await this.#store.read(ctx, this.#mailboxId,
      () => readAnnotationChanges(this.#mailboxId, this.#memberId, since, limits.imapNotifyAnswersMax));
    return rows.filter((row) => row.folder_id === wholeMailbox || this.#mayRead(row.folder_id)).map((row) => ({
      folderId: row.folder_id === wholeMailbox ? null : row.folder_id as FolderId, name: row.name,
      cn: row.cn as ChangeNumber,
    }));
  }
}

function toAnnotation(row: AnnotationRow): Annotation {
  return { name: row.name, value: row.value! };
}

function keyOf(name: string): string {
  return name.toLowerCase();
}
