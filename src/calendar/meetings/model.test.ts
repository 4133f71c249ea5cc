/**
 * Proves that calendars agree in the end, with proposals, refused ones, forwards, exceptions, occurrences before their
 * series, numbers out of order, and who asks for the meeting again: an organizer and five attendees (one reached by
 * iCalendar text alone, one whose delegate answers) and whoever gets an invitation sent on do random things to one
 * meeting, while messages are reordered, doubled and lost (those come again at the end). Afterwards everybody shows what
 * the organizer has, who is off the meeting shows nothing, and tracking is each attendee's last word to the meeting as it
 * is. RFC 5546 §3.2. Two thousand short stories and some long ones; model.long.test.ts has more of the long ones. A
 * failure names its seed: MEETING_SEED=n (and MEETING_STEPS=n) repeats it, MEETING_RUNS=n runs more.
 */
import { test } from "node:test";
import { run } from "#calendar/meetings/model-test-kit.ts";

const only = process.env["MEETING_SEED"];
const skip = only === undefined ? false : "one seed alone";

if (only !== undefined) test("one story", () => run(Number(only), Number(process.env["MEETING_STEPS"] ?? 80)));

test("long stories", { skip }, () => {
  // Those that once failed, each for a reason of its own.
  for (const seed of [530, 627, 685, 1079, 1460, 3654]) run(seed, 80);
  const first = Number(process.env["MEETING_FIRST"] ?? 1);
  const runs = Number(process.env["MEETING_RUNS"] ?? 4);
  for (let seed = first; seed < first + runs; seed++) run(seed, 80);
});

test("two thousand short stories", { skip }, () => {
  for (let seed = 10_000; seed < 12_000; seed++) run(seed, 1 + (seed % 4));
});
