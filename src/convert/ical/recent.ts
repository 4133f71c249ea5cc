/** What was worked out for one key, kept for the next who asks; the oldest of too many goes. */
export class Recent<V> {
  readonly #kept = new Map<string, V>();
  readonly #countMax: number;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get(key: string, make: () => V): V {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const made = make();
    if (this.#kept.size >= this.#countMax) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(key, made);
    return made;
  }
}
