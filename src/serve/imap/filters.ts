/** Searches stored under a name, as annotations of the person's account. RFC 5466 */
import type { SearchKey } from "#wire/imap/search.ts";
import type { SessionState } from "#serve/imap/state.ts";
import { WireError } from "#base/fault.ts";
import { octetsOf } from "#wire/imap/encode.ts";
import { Cursor, LiteralPending } from "#wire/imap/cursor.ts";
import { searchProgram } from "#wire/imap/search.ts";

const values = "filters/values/";

/** No such filter, none that can be read, or filters that name each other in a circle. RFC 5466 §3.1 */
export class UndefinedFilter extends Error {
  readonly filter: string;

  constructor(filter: string) {
    super(`There is no filter ${filter} that could be used.`);
    this.filter = filter;
  }
}

/** What is wrong with a search that is to be stored; undefined for one that can be, and for other entries. */
export function notFilter(name: string, octets: string): string | undefined {
  if (!name.toLowerCase().startsWith(`/private/${values}`)) return undefined;
  try {
    parseFilter(octets);
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return error.message;
    if (error instanceof LiteralPending) return "literals cannot stand in it";
    throw error;
  }
}

function parseFilter(octets: string): SearchKey {
  const cursor = new Cursor(Buffer.from(octets, "latin1"));
  const { key } = searchProgram(cursor);
  if (!cursor.isAtEnd) cursor.fail("Something follows the search keys");
  return key;
}

/** The filters of one search, each read once. RFC 5466 §3.1 */
export class Filters {
  readonly #state: SessionState;
  #byName: Map<string, string> | undefined;

  constructor(state: SessionState) {
    this.#state = state;
  }

  /** Throws {@link UndefinedFilter}. */
  async find(name: string): Promise<SearchKey> {
    this.#byName ??= await this.#readAll();
    const octets = this.#byName.get(name.toLowerCase());
    if (octets === undefined) throw new UndefinedFilter(name);
    try {
      return parseFilter(octets);
    } catch (error) {
      if (error instanceof WireError || error instanceof LiteralPending) throw new UndefinedFilter(name);
      throw error;
    }
  }

  async #readAll(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const prefix = `/private/${values}`;
    for (const { name, value } of await this.#state.mailbox.annotations.of(this.#state.ctx, null)) {
      const key = name.toLowerCase();
      if (key.startsWith(prefix)) found.set(key.slice(prefix.length), octetsOf(value));
    }
    return found;
  }
}
