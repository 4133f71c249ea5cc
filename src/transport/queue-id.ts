import type { System } from "#base/system.ts";

const digits = "0123456789abcdefghijkmnpqrstuvwxyz";

function encode(value: number, width: number): string {
  let out = "";
  let rest = value;
  for (let index = 0; index < width; index++) {
    out = digits[rest % digits.length]! + out;
    rest = Math.floor(rest / digits.length);
  }
  return out;
}

/** A new queue id: 9 characters of time, so that ids sort as they came, and 7 of chance. No letters that look alike. */
export function newQueueId(system: System): string {
  const [a = 0, b = 0, c = 0, d = 0] = system.randomBytes(4);
  return encode(system.nowMs(), 9) + encode(((a << 24) >>> 0) + (b << 16) + (c << 8) + d, 7);
}
