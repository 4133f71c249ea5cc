/** Proves how much of a disk is held back, and that a refusal is looked at afresh. */
import { strict as assert } from "node:assert";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { DiskRoom, reserveOf } from "#store/disk-room.ts";

const mebibyte = 1024 * 1024;

test("the reserve by size of disk", () => {
  const rows: [disk: number, reserve: number][] = [[20, 5], [48, 12], [96, 16], [1000, 50], [4000, 200], [100_000, 256]];
  for (const [disk, reserve] of rows) assert.equal(reserveOf(disk * mebibyte) / mebibyte, reserve, `${disk} MiB`);
});

test("what fits is taken, what does not is refused, at once and again", async () => {
  let nowMs = 0;
  const room = new DiskRoom(tmpdir(), () => nowMs);
  await room.require(1000);
  const isFull = (error: unknown): boolean => error instanceof Fault && error.code === "storageFull";
  await assert.rejects(room.require(2 ** 60), isFull);
  nowMs += 1000;
  await assert.rejects(room.require(2 ** 60), isFull);
  await room.require(1000);
});
