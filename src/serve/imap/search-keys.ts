/** Search keys that take more than the message to decide: words that come near, stored searches, conversations. */
import type { FolderId } from "#base/ids.ts";
import type { Mailbox, RankedField, RankedMessage, UidRange } from "#mailbox/api.ts";
import type { SessionState } from "#serve/imap/state.ts";
import type { SearchKey } from "#wire/imap/search.ts";
import { limits } from "#base/limits.ts";
import { Filters, UndefinedFilter } from "#serve/imap/filters.ts";
import { conversationOf } from "#serve/imap/places.ts";

/** What was looked up before the folder is read. RFC 6203, RFC 5466, RFC 8474 §6 */
export interface ResolvedKeys {
  readonly key: SearchKey;
  /** UIDs that keys of {@link ResolvedKeys.key} stand for. */
  readonly sets: ReadonlyMap<SearchKey, readonly UidRange[]>;
  /** From 1 to 100 by UID; undefined where nothing was looked for fuzzily. RFC 6203 §4 */
  readonly scores: ReadonlyMap<number, number> | undefined;
}

/** FILTER keys put in place in one search. */
const filtersMax = 100;

/** Throws {@link UndefinedFilter}. */
export async function resolveKeys(
  state: SessionState, folder: { readonly mailbox: Mailbox; readonly folderId: FolderId }, key: SearchKey,
  decode: (octets: string) => string,
): Promise<ResolvedKeys> {
  const resolver = new Resolver(state, folder.mailbox, folder.folderId, decode);
  const resolved = await resolver.resolve(key, false, 0);
  return { key: resolved, sets: resolver.sets, scores: resolver.scores() };
}

class Resolver {
  readonly sets = new Map<SearchKey, UidRange[]>();
  readonly #state: SessionState;
  readonly #mailbox: Mailbox;
  readonly #folderId: FolderId;
  readonly #decode: (octets: string) => string;
  readonly #filters: Filters;
  #filterCount = 0;
  #isRanked = false;
  readonly #scores = new Map<number, number>();

  constructor(state: SessionState, mailbox: Mailbox, folderId: FolderId, decode: (octets: string) => string) {
    this.#state = state;
    this.#mailbox = mailbox;
    this.#folderId = folderId;
    this.#decode = decode;
    this.#filters = new Filters(state);
  }

  async resolve(key: SearchKey, isFuzzy: boolean, filterDepth: number): Promise<SearchKey> {
    switch (key.key) {
      case "and": case "or": {
        const keys: SearchKey[] = [];
        for (const one of key.keys) keys.push(await this.resolve(one, isFuzzy, filterDepth));
        return { key: key.key, keys };
      }
      case "not": return { key: "not", of: await this.resolve(key.of, isFuzzy, filterDepth) };
      case "fuzzy":
        this.#isRanked = true;
        return await this.resolve(key.of, true, filterDepth);
      case "filter": {
        if (filterDepth >= limits.imapFilterDepthMax || ++this.#filterCount > filtersMax) {
          throw new UndefinedFilter(key.name);
        }
        return await this.resolve(await this.#filters.find(key.name), isFuzzy, filterDepth + 1);
      }
      case "threadId": {
        const conversation = conversationOf(this.#mailbox.mailboxId, key.id);
        const uids = conversation === undefined ? []
          : await this.#mailbox.inConversation(this.#state.ctx, this.#folderId, conversation);
        return this.#setOf(uids);
      }
      default: {
        const field = isFuzzy ? fieldOf(key) : undefined;
        return field === undefined || !("text" in key) ? key : await this.#rank(key.text, field, key);
      }
    }
  }

  async #rank(text: string, field: RankedField, key: SearchKey): Promise<SearchKey> {
    const words = this.#decode(text);
    // A text of signs alone has no words: then it is looked for as it stands.
    if (!/[\p{L}\p{N}]/u.test(words)) return key;
    const ranked = await this.#mailbox.rankWords(this.#state.ctx, this.#folderId, words, field);
    this.#score(ranked);
    return this.#setOf(ranked.map(({ uid }) => uid));
  }

  /** Several keys add up. */
  #score(ranked: readonly RankedMessage[]): void {
    for (const { uid, score } of ranked) this.#scores.set(uid, (this.#scores.get(uid) ?? 0) + score);
  }

  #setOf(uids: readonly number[]): SearchKey {
    // One object for each set: it is found again by identity.
    const key: SearchKey = { key: "uid", set: [] };
    const ranges: { first: number; last: number }[] = [];
    for (const uid of uids) {
      const previous = ranges.at(-1);
      if (previous !== undefined && previous.last + 1 === uid) previous.last = uid;
      else ranges.push({ first: uid, last: uid });
    }
    this.sets.set(key, ranges);
    return key;
  }

  /** From 1 to 100, the whole range in use. RFC 6203 §4 */
  scores(): Map<number, number> | undefined {
    if (!this.#isRanked) return undefined;
    let least = Infinity;
    let most = -Infinity;
    for (const score of this.#scores.values()) {
      least = Math.min(least, score);
      most = Math.max(most, score);
    }
    const scores = new Map<number, number>();
    for (const [uid, score] of this.#scores) {
      scores.set(uid, most === least ? 100 : Math.round(1 + 99 * (score - least) / (most - least)));
    }
    return scores;
  }
}

/** What the index of words knows of; everything else is matched exactly. RFC 6203 §5 */
function fieldOf(key: SearchKey): RankedField | undefined {
  switch (key.key) {
    case "subject": case "body": case "text": return key.key;
    case "address": return "addresses";
    case "header": return headerFields[key.name.toLowerCase()];
    default: return undefined;
  }
}

const headerFields: Readonly<Record<string, RankedField | undefined>> = {
  subject: "subject", from: "addresses", to: "addresses", cc: "addresses", bcc: "addresses",
};

/** Answers that a search with stored searches in it has to take UTF-8. RFC 5466 §3.1 */
export function hasFilter(key: SearchKey): boolean {
  if (key.key === "and" || key.key === "or") return key.keys.some(hasFilter);
  return key.key === "filter" || ((key.key === "not" || key.key === "fuzzy") && hasFilter(key.of));
}

/** Whether anything has to be looked up. */
export function needsResolving(key: SearchKey): boolean {
  if (key.key === "and" || key.key === "or") return key.keys.some(needsResolving);
  if (key.key === "not") return needsResolving(key.of);
  return key.key === "fuzzy" || key.key === "filter" || key.key === "threadId";
}
