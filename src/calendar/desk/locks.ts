/** One after the other for each key: the calendar of one mailbox is worked on by one at a time. */
export class Locks<K> {
  readonly #tails = new Map<K, Promise<void>>();

  async run<T>(key: K, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const ended = Promise.withResolvers<void>();
    this.#tails.set(key, ended.promise);
    try {
      await before;
      return await body();
    } finally {
      ended.resolve();
      if (this.#tails.get(key) === ended.promise) this.#tails.delete(key);
    }
  }
}
