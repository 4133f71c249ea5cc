/**
 * What people change in the address book by themselves: members of the groups they manage, who sends on their behalf,
 * their certificates. Who may is judged here, in the transaction. [MS-OXNSPI] 3.1.4.1
 */
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { EntryId } from "#base/ids.ts";
import type { SignedIn } from "#directory/api.ts";
import { setEntry } from "#directory/entry-changes.ts";
import { addGrant, addMember, removeGrant, removeMember } from "#directory/link-changes.ts";
import { entryById, grantsOn, membersOf, rolesOf, selfAndGroupsOf } from "#directory/reads.ts";
import type { Entry } from "#directory/reads.ts";
import { procedure, serverScope } from "#store/api.ts";
import type { Store, Transaction } from "#store/api.ts";
import type { Work } from "#store/sql.ts";

export type LinkKind = "members" | "send-on-behalf";

interface LinkArgs {
  readonly personId: EntryId;
  readonly kind: LinkKind;
  readonly targetId: number;
  readonly otherIds: readonly number[];
  readonly mode: "add" | "remove";
}

function* requireById(entryId: number): Work<Entry> {
  const entry = yield* entryById(entryId);
  if (entry === null) throw new Fault("notFound", "This entry of the address book does not exist any more.");
  return entry;
}

/** Fault `accessDenied` unless it is one's own entry, a group one manages, or one runs this organisation. */
function* requireRight(person: Entry, target: Entry): Work<void> {
  if (person.entryId === target.entryId) return;
  if ((yield* rolesOf(person.entryId)).some(({ role }) => role === "organisation-admin")) return;
  if (target.managedBy !== null && (yield* selfAndGroupsOf(person.entryId)).includes(target.managedBy)) return;
  throw new Fault("accessDenied", `${person.address} may not change ${target.address} in the address book.`);
}

export const changeLinks = procedure({
  name: "directory.changeLinks",
  *run(tx: Transaction, { personId, kind, targetId, otherIds, mode }: LinkArgs): Work<void> {
    const person = yield* requireById(personId);
    const target = yield* requireById(targetId);
    yield* requireRight(person, target);
    if (kind === "members" && target.kind !== "group") {
      throw new Fault("notAllowed", `${target.address} is no group; it has no members.`);
    }
    const there = new Set<number>(kind === "members" ? (yield* membersOf(target)).map((one) => one.entryId)
      : (yield* grantsOn(target.entryId)).filter(({ right }) => right === kind).map((one) => one.granteeId));
    for (const otherId of new Set(otherIds)) {
      if (there.has(otherId) === (mode === "add")) continue;
      const other = yield* requireById(otherId);
      const by = person.address;
      const link = { by, group: target.address, member: other.address };
      const grant = { by, target: target.address, grantee: other.address, right: "send-on-behalf" } as const;
      if (kind === "members") {
        yield* mode === "add" ? addMember.run(tx, link, undefined) : removeMember.run(tx, link, undefined);
      } else {
        yield* mode === "add" ? addGrant.run(tx, grant, undefined) : removeGrant.run(tx, grant, undefined);
      }
    }
  },
});

export const changeCertificates = procedure({
  name: "directory.changeCertificates",
  *run(tx: Transaction, args: {
    readonly personId: EntryId; readonly targetId: number;
    readonly attributes: readonly { readonly key: string; readonly values: readonly Uint8Array[] }[];
  }): Work<void> {
    const person = yield* requireById(args.personId);
    const target = yield* requireById(args.targetId);
    yield* requireRight(person, target);
    yield* setEntry.run(tx, {
      by: person.address, address: target.address, kinds: [], change: { attributes: args.attributes },
    }, undefined);
  },
});

export class AddressBookChanges {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** All or none; what is there already, or gone already, is passed over. Fault `accessDenied`, `notAllowed`. */
  async changeLinks(ctx: Ctx, by: SignedIn, change: Omit<LinkArgs, "personId">): Promise<void> {
    await this.#store.transact(ctx, serverScope, changeLinks, { ...change, personId: by.entryId });
  }

  /** Takes the place of all values of these attributes; no value takes an attribute away. */
  async changeCertificates(
    ctx: Ctx, by: SignedIn, targetId: number,
    attributes: readonly { readonly key: string; readonly values: readonly Uint8Array[] }[],
  ): Promise<void> {
    await this.#store.transact(ctx, serverScope, changeCertificates, { personId: by.entryId, targetId, attributes });
  }
}
