/** A mailbox of Kim's on a real store, and people of a small directory who open it. */
import { Fault } from "#base/fault.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Directory, MailboxStanding, NamedEntry, Sharing } from "#directory/api.ts";
import type { EntryKind } from "#directory/kinds.ts";
import type { Mailbox, Mailboxes } from "#mailbox/api.ts";
import { createMailboxes } from "#mailbox/mailbox.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox } from "#store/contract-test-kit.ts";

/** Entry ids. Lee is in the sales group, which is in the staff group. */
export const people = { kim: 1, lee: 2, mia: 3, sales: 10, staff: 11, outside: 20 } as const;
export type Person = "kim" | "lee" | "mia" | "nobody" | "server";

const kinds: Record<keyof typeof people, EntryKind> = {
  kim: "user", lee: "user", mia: "user", sales: "group", staff: "group", outside: "contact",
};

export class SmallDirectory {
  readonly memberships = new Map<number, number[]>([[people.lee, [people.sales, people.staff]]]);
  readonly rights = new Map<number, MailboxStanding["right"]>();
  readonly seePrivate = new Set<number>();
  #standings = new Map<number, MailboxStanding>();

  /** As any change of the directory. */
  changed(): void {
    this.#standings = new Map();
  }

  async #standing(entryId: number): Promise<MailboxStanding> {
    const known = this.#standings.get(entryId) ?? {
      right: this.rights.get(entryId) ?? "none", seesPrivate: this.seePrivate.has(entryId),
      selfAndGroups: new Set([entryId, ...this.memberships.get(entryId) ?? []]),
    };
    this.#standings.set(entryId, known);
    return known;
  }

  async #named(ids: readonly number[]): Promise<ReadonlyMap<number, NamedEntry>> {
    const found = new Map<number, NamedEntry>();
    for (const [name, entryId] of Object.entries(people)) {
      const kind = kinds[name as keyof typeof people];
      if (!ids.includes(entryId)) continue;
      found.set(entryId, { entryId: entryId as EntryId, address: `${name}@example.org`, displayName: name, kind });
    }
    return found;
  }

  get api(): Directory {
    const sharing: Partial<Sharing> = {
      mailboxStanding: (_ctx, entryId) => this.#standing(entryId),
      namedEntries: (_ctx, ids) => this.#named(ids),
    };
    const directory: Partial<Directory> = {
      mailboxOwner: () => Promise.resolve(
        { entryId: people.kim as EntryId, address: "kim@example.org", displayName: "Kim", quotaBytes: null }),
      mailboxRight: () => Promise.reject(new Fault("internal", "The standing tells it.")),
      sharing: sharing as Sharing,
    };
    return directory as Directory;
  }
}

export interface Shared {
  readonly mailboxId: MailboxId;
  readonly directory: SmallDirectory;
  open(who: Person): Promise<Mailbox>;
}

export async function openShared(store: Store): Promise<Shared> {
  const mailboxId = await newMailbox(store);
  const directory = new SmallDirectory();
  const mailboxes = createMailboxes(store, directory.api);
  return { mailboxId, directory, open: (who) => openAs(mailboxes, mailboxId, who) };
}

/** The same mailbox over another store, as another process has it. */
export function openMailboxOf(store: Store, { mailboxId, directory }: Shared, who: Person): Promise<Mailbox> {
  return openAs(createMailboxes(store, directory.api), mailboxId, who);
}

function openAs(mailboxes: Mailboxes, mailboxId: MailboxId, who: Person): Promise<Mailbox> {
  return mailboxes.open(ctx, {
    entryId: who === "nobody" ? -1 : who === "server" ? 0 : people[who], address: `${who}@example.org`,
    displayName: who, mailboxId: who === "kim" ? mailboxId : null,
  }, mailboxId);
}
