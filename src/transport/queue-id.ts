import type { System } from "#base/system.ts";

const digits = "0123456789abcdefghijkmnpqrstuvwxyz";
const randomSize = 4;
const idsPerDraw = 64;

function encode(value: number, width: number): string {
  let out = "";
  let rest = value;
  for (let index = 0; index < width; index++) {
    out = digits[rest % digits.length]! + out;
    rest = Math.floor(rest / digits.length);
  }
  return out;
}

/** Queue ids: 9 characters of time, so that they sort as they came, and 7 of chance. No letters that look alike. */
export class QueueIds {
  readonly #system: System;
  /** Drawn for many ids at once: asking the system for each costs more than the rest of the id. */
  #random = new Uint8Array(0);
  #used = 0;

  constructor(system: System) {
    this.#system = system;
  }

  next(): string {
    if (this.#used >= this.#random.length) {
      this.#random = new Uint8Array(this.#system.randomBytes(randomSize * idsPerDraw));
      this.#used = 0;
    }
    let chance = 0;
    for (let index = 0; index < randomSize; index++) chance = chance * 256 + this.#random[this.#used++]!;
    return encode(this.#system.nowMs(), 9) + encode(chance, 7);
  }
}
