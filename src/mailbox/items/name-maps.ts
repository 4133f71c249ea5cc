/** The named properties of mailboxes that somebody works in, one map for each. */
import type { MailboxId } from "#base/ids.ts";
import { PropertyNameMap } from "#mailbox/items/names.ts";
import type { Store } from "#store/api.ts";

/** Mailboxes whose named properties are remembered; the rest are read again when they are opened. */
const nameMapsMax = 1000;

export class NameMaps {
  readonly #store: Store;
  readonly #maps = new Map<MailboxId, PropertyNameMap>();

  constructor(store: Store) {
    this.#store = store;
  }

  of(mailboxId: MailboxId): PropertyNameMap {
    const map = this.#maps.get(mailboxId) ?? new PropertyNameMap(this.#store, mailboxId);
    this.#maps.delete(mailboxId);
    this.#maps.set(mailboxId, map);
    if (this.#maps.size > nameMapsMax) this.#maps.delete(this.#maps.keys().next().value!);
    return map;
  }
}
