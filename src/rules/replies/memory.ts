/**
 * Who was answered, and what was seen, until when: one JSON text of bounded size. Each entry names the delivery that
 * made it, so that a delivery repeated after a crash finds its own entry and sends what it had decided, no less.
 */
import { createHash } from "node:crypto";
import { limits } from "#base/limits.ts";

interface Entry {
  readonly untilMs: number;
  readonly deliveryId: string;
}

export class RuleMemory {
  readonly #entries = new Map<string, Entry>();
  #changed = false;

  /** Never throws: what cannot be read is forgotten. */
  static read(text: string, nowMs: number): RuleMemory {
    const memory = new RuleMemory();
    let rows: unknown = null;
    try {
      rows = JSON.parse(text);
    } catch (error) {
      // A text that is cut or changed is no memory; the next one is written whole.
      if (!(error instanceof SyntaxError)) throw error;
    }
    if (!Array.isArray(rows)) return memory;
    for (const row of rows as unknown[]) {
      if (!Array.isArray(row)) continue;
      const [key, untilMs, deliveryId] = row as unknown[];
      if (typeof key !== "string" || typeof untilMs !== "number" || typeof deliveryId !== "string") continue;
      if (untilMs > nowMs) memory.#entries.set(key, { untilMs, deliveryId });
    }
    return memory;
  }

  get isChanged(): boolean {
    return this.#changed;
  }

  /** Whether another delivery has left this key here. */
  has(key: string, deliveryId: string): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.deliveryId !== deliveryId;
  }

  add(key: string, untilMs: number, deliveryId: string): void {
    const entry = this.#entries.get(key);
    if (entry?.deliveryId === deliveryId) return;
    this.#entries.delete(key);
    this.#entries.set(key, { untilMs, deliveryId });
    this.#changed = true;
    // The oldest go first: they are the nearest to their end.
    for (const old of this.#entries.keys()) {
      if (this.#entries.size <= limits.repliesRememberedMax) break;
      this.#entries.delete(old);
    }
  }

  toText(): string {
    return JSON.stringify([...this.#entries].map(([key, { untilMs, deliveryId }]) => [key, untilMs, deliveryId]));
  }
}

/** A short key of what is remembered. */
export function memoryKey(kind: "oof" | "vacation" | "rule" | "seen", ...parts: readonly string[]): string {
  return `${kind}:${createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 27)}`;
}
