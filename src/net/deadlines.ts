import type { System } from "#base/system.ts";

/** Something with a point in time after which it must be looked at. */
export interface Watched {
  /** Monotonic milliseconds; Infinity for none. When it comes nearer, {@link Deadlines.note} must be told. */
  readonly deadlineMs: number;
  /** Called once the deadline passed; must move it or leave the watch. */
  onDeadline(nowMs: number): void;
}

/**
 * One timer for all connections. A deadline costs a number, not a timer object: moving it later (each read of each
 * connection does) costs nothing, and the timer fires at the earliest deadline it knew and then looks through all. With
 * ten thousand connections a look takes some tens of microseconds and is due at most twice a second unless a deadline
 * is nearer than that.
 */
export class Deadlines {
  readonly #system: System;
  readonly #watched = new Set<Watched>();
  #cancelTimer: (() => void) | null = null;
  #timerAtMs = Infinity;

  constructor(system: System) {
    this.#system = system;
  }

  get nowMs(): number {
    return this.#system.monotonicMs();
  }

  get size(): number {
    return this.#watched.size;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    this.note(watched.deadlineMs);
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) this.#stopTimer();
  }

  /** A deadline was set to `atMs`: the timer moves when that is earlier than it would have fired. */
  note(atMs: number): void {
    if (atMs >= this.#timerAtMs || atMs === Infinity) return;
    this.#stopTimer();
    this.#timerAtMs = atMs;
    const delayMs = Math.max(1, Math.ceil(atMs - this.nowMs));
    this.#cancelTimer = this.#system.setTimer(delayMs, () => this.#look());
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerAtMs = Infinity;
  }

  #look(): void {
    this.#stopTimer();
    const nowMs = this.nowMs;
    let next = Infinity;
    for (const watched of this.#watched) {
      if (watched.deadlineMs <= nowMs) watched.onDeadline(nowMs);
      if (watched.deadlineMs < next) next = watched.deadlineMs;
    }
    // Thousands of deadlines that pass one after another are seen in batches.
    const grainMs = this.#watched.size > 64 ? 500 : 1;
    if (this.#watched.size > 0) this.note(Math.max(next, nowMs + grainMs));
  }
}
