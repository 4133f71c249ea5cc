/** Occurrences that one message tells beside each other, carried out one after the other. RFC 5546 §3.2.2.1 */
import { getProperty, setProperty } from "#convert/item.ts";
import { besideOf } from "#convert/ical/mime-plug.ts";
import { properties } from "#props/registry.ts";
import { decided } from "#calendar/meetings/decision.ts";
import { copyItem } from "#calendar/meetings/parts.ts";
import type { ItemBag } from "#convert/item.ts";
import type { CalendarChange, Decision, MeetingState, Outcome } from "#calendar/meetings/decision.ts";

/** Two changes of one item after each other as one. */
export function joined(first: readonly CalendarChange[], then: readonly CalendarChange[]): CalendarChange[] {
  const out = [...first];
  for (const change of then) {
    const index = change.kind === "create" ? -1
      : out.findIndex((one) => one.kind !== "delete" && one.item === change.before);
    const before = out[index];
    if (before === undefined || before.kind === "delete" || change.kind === "create") out.push(change);
    else if (change.kind === "delete") {
      if (before.kind === "create") out.splice(index, 1);
      else out[index] = { kind: "delete", before: before.before };
    } else out[index] = { ...before, item: change.item };
  }
  return out;
}

/** The calendar as it will be. */
function after({ items, tombstones }: MeetingState, decision: Decision): MeetingState {
  const held = [...items];
  for (const change of decision.calendar) {
    const index = change.kind === "create" ? -1 : held.indexOf(change.before);
    if (index !== -1) held.splice(index, 1);
    if (change.kind !== "delete") held.push(change.item);
  }
  return { items: held, tombstones: [...tombstones, ...decision.tombstones] };
}

/** What counts of several, the most first. */
const order: readonly Outcome[] = ["created", "updated", "informed", "canceled", "tracked", "same", "outOfDate"];

/** Carries out a message and the occurrences that it holds beside its own. */
export function receiveEach(
  message: ItemBag, state: MeetingState, receive: (message: ItemBag, state: MeetingState) => Decision,
): Decision {
  const turns = inTurn(message, state);
  let turn = turns.next();
  while (turn.done !== true) turn = turns.next(receive(...turn.value));
  return turn.value;
}

/** The same where a decision has to ask somebody first: a room looks into its calendar. */
export async function receiveEachLater(
  message: ItemBag, state: MeetingState, receive: (message: ItemBag, state: MeetingState) => Promise<Decision>,
): Promise<Decision> {
  const turns = inTurn(message, state);
  let turn = turns.next();
  while (turn.done !== true) turn = turns.next(await receive(...turn.value));
  return turn.value;
}

/** Asks for a decision about each, with the calendar as the ones before leave it. */
function* inTurn(
  message: ItemBag, state: MeetingState,
): Generator<[message: ItemBag, state: MeetingState], Decision, Decision> {
  const others = besideOf(message);
  if (others.length === 0) return yield [message, state];
  const own = copyItem(message);
  own.attachments.splice(0, own.attachments.length, ...own.attachments.filter(({ embedded }) =>
    embedded === undefined || getProperty(embedded, properties.PidLidIsException) !== true));
  let decision = yield [own, state];
  let now = after(state, decision);
  for (const other of others) {
    const next = yield [other, now];
    now = after(now, next);
    const outcome = [decision.outcome, next.outcome]
      .sort((one, two) => (order.indexOf(one) + 99) % 99 - (order.indexOf(two) + 99) % 99)[0]!;
    decision = decided(outcome, {
      calendar: joined(decision.calendar, next.calendar), messages: [...decision.messages, ...next.messages],
      received: decision.received, tombstones: [...decision.tombstones, ...next.tombstones],
    });
  }
  if (decision.received === null) return decision;
  // The message keeps all of it.
  const received = copyItem(decision.received);
  received.attachments.splice(0, received.attachments.length, ...copyItem(message).attachments);
  setProperty(received, properties.PidTagProcessed, true);
  return { ...decision, received };
}
