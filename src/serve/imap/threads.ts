/** Putting messages into threads, from what is stored of each. Pure, in steps. RFC 5256 §4 */
import { sorting, valuesPerStep } from "#base/turns.ts";
import type { Steps } from "#base/turns.ts";
import type { ThreadColumns } from "#mailbox/api.ts";

/** Columns of messages, ascending. */
export interface ThreadMessages extends ThreadColumns {
  /** Message number or UID, as it is told; 0 for those that are left out. */
  readonly numbers: Uint32Array;
}

export interface Thread {
  /** As it is told; 0: messages belong together here by one that is not there. */
  number: number;
  children: Thread[];
  parent: Thread | undefined;
  subject: number;
  isReply: boolean;
  /** It stands below another by its subject. */
  isJoined: boolean;
  /** Of the message, else of the first below it. */
  sentMs: number;
  /** The newest in the thread. */
  newestMs: number;
}

const noChildren: Thread[] = [];

function emptyThread(): Thread {
  return {
    number: 0, children: noChildren, parent: undefined, subject: 0, isReply: false, isJoined: false, sentMs: 0,
    newestMs: 0,
  };
}

function fill(thread: Thread, { numbers, subjects, replies, sentMs }: ThreadMessages, at: number): Thread {
  thread.number = numbers[at]!;
  thread.subject = subjects[at]!;
  thread.isReply = replies[at] === 1;
  thread.sentMs = sentMs[at]!;
  thread.newestMs = thread.sentMs;
  return thread;
}

/** Most threads are of one message: a list is made for those that have children alone. */
function addChild(parent: Thread, child: Thread): void {
  if (parent.children === noChildren) parent.children = [child];
  else parent.children.push(child);
}

const byDate = (a: Thread, b: Thread): number => a.sentMs - b.sentMs || numberOf(a) - numberOf(b);

function numberOf(thread: Thread): number {
  return thread.number !== 0 ? thread.number : thread.children[0]?.number ?? 0;
}

/** Same base subject, one thread, in order of date. RFC 5256 §4 ORDEREDSUBJECT */
export function* byOrderedSubject(messages: ThreadMessages): Steps<Thread[]> {
  const all: Thread[] = [];
  for (let at = 0; at < messages.numbers.length; at++) {
    if (at % valuesPerStep === 0) yield;
    if (messages.numbers[at] !== 0) all.push(fill(emptyThread(), messages, at));
  }
  const first = new Array<Thread | undefined>(messages.subjectCount);
  const roots: Thread[] = [];
  for (const thread of yield* sorting(all, byDate)) {
    const root = first[thread.subject];
    if (root !== undefined) {
      addChild(root, thread);
    } else {
      first[thread.subject] = thread;
      roots.push(thread);
    }
  }
  return roots;
}

/**
 * By Message-ID, References and In-Reply-To; with `joinsSubjects` (REFERENCES) threads of the same subject are one.
 * Without (REFS), threads come in the order of their newest message. RFC 5256 §4 REFERENCES
 */
export function* byReferences(messages: ThreadMessages, joinsSubjects: boolean): Steps<Thread[]> {
  const all = yield* link(messages);
  let roots = yield* prune(all);
  yield* settleAll(roots);
  roots = yield* sorting(roots, byDate);
  if (!joinsSubjects) {
    return yield* sorting(roots, (a, b) => a.newestMs - b.newestMs || numberOf(a) - numberOf(b));
  }
  const joined = yield* joinSubjects(roots, messages.subjectCount);
  if (joined === roots) return roots;
  yield* settleAll(joined);
  return yield* sorting(joined, byDate);
}

function* settleAll(roots: readonly Thread[]): Steps<void> {
  const order = yield* postOrder(roots);
  for (let at = 0; at < order.length; at++) {
    if (at % valuesPerStep === 0) yield;
    yield* settle(order[at]!);
  }
}

/** Children in order, and the dates of a thread from those below. */
function* settle(thread: Thread): Steps<void> {
  const { children } = thread;
  if (children.length > valuesPerStep) thread.children = yield* sorting(children, byDate);
  else if (children.length > 1) children.sort(byDate);
  if (thread.number === 0) thread.sentMs = thread.children[0]?.sentMs ?? 0;
  thread.newestMs = thread.sentMs;
  for (const { newestMs } of thread.children) if (newestMs > thread.newestMs) thread.newestMs = newestMs;
}

/** RFC 5256 §4 REFERENCES, steps 1 and 2 */
function* link(messages: ThreadMessages): Steps<Thread[]> {
  const { numbers, own: ownIds, starts, references, idCount } = messages;
  const byId = new Array<Thread | undefined>(idCount + 1);
  const all: Thread[] = [];
  const add = (): Thread => {
    const thread = emptyThread();
    all.push(thread);
    return thread;
  };
  const walk = { steps: 0 };
  for (let at = 0; at < numbers.length; at++) {
    if (++walk.steps >= valuesPerStep) {
      walk.steps = 0;
      yield;
    }
    if (numbers[at] === 0) continue;
    const id = ownIds[at]!;
    let own = id === 0 ? undefined : byId[id] ??= add();
    // Of messages with the same id the first has it.
    if (own === undefined || own.number !== 0) own = add();
    fill(own, messages, at);
    let previous: Thread | undefined;
    for (let place = starts[at]!; place < starts[at + 1]!; place++) {
      const next = byId[references[place]!] ??= add();
      if (previous !== undefined && next.parent === undefined && mayHold(previous, next, walk)) next.parent = previous;
      previous = next;
      walk.steps++;
    }
    // What the message itself says of its parent counts for more than what others said.
    own.parent = undefined;
    if (previous !== undefined && mayHold(previous, own, walk)) own.parent = previous;
  }
  for (let at = 0; at < all.length; at++) {
    if (at % valuesPerStep === 0) yield;
    const { parent } = all[at]!;
    if (parent !== undefined) addChild(parent, all[at]!);
  }
  return all;
}

/** Further up nobody looks: longer chains than this are no conversation. */
const depthMax = 1000;

/** Whether `child` may go below `parent`: not when it stands above it. Counts how far it went. */
function mayHold(parent: Thread, child: Thread, walk: { steps: number }): boolean {
  let steps = 0;
  let at: Thread | undefined = parent;
  while (at !== undefined && at !== child && steps < depthMax) {
    at = at.parent;
    steps++;
  }
  walk.steps += steps;
  return at === undefined;
}

/** Takes away places without a message: their children move up. RFC 5256 §4 REFERENCES, step 3 */
function* prune(all: readonly Thread[]): Steps<Thread[]> {
  const roots: Thread[] = [];
  for (let at = 0; at < all.length; at++) {
    if (at % valuesPerStep === 0) yield;
    if (all[at]!.parent === undefined) roots.push(all[at]!);
  }
  for (const [at, thread] of (yield* postOrder(roots)).entries()) {
    if (at % valuesPerStep === 0) yield;
    if (thread.children.some(({ number }) => number === 0)) {
      thread.children = thread.children.flatMap((child) => (child.number === 0 ? child.children : [child]));
    }
  }
  const kept: Thread[] = [];
  for (let at = 0; at < roots.length; at++) {
    if (at % valuesPerStep === 0) yield;
    const root = roots[at]!;
    if (root.number !== 0 || root.children.length > 1) kept.push(root);
    else if (root.children.length === 1) kept.push(root.children[0]!);
  }
  return kept;
}

/** Children before their parents, without recursion: a thread may be as deep as there are messages. */
function* postOrder(roots: readonly Thread[]): Steps<Thread[]> {
  const order: Thread[] = [];
  const stack: Thread[] = [];
  for (const root of roots) {
    stack.push(root);
    for (let thread = stack.pop(); thread !== undefined; thread = stack.pop()) {
      order.push(thread);
      if (order.length % valuesPerStep === 0) yield;
      for (const child of thread.children) stack.push(child);
    }
  }
  return order.reverse();
}

/** A place without a message has its subject from the first below it. */
function toldBy(thread: Thread): Thread {
  return thread.number !== 0 ? thread : thread.children[0] ?? thread;
}

/** The same list when nothing was joined. RFC 5256 §4 REFERENCES, step 5 */
function* joinSubjects(roots: Thread[], subjectCount: number): Steps<Thread[]> {
  const bySubject = new Array<Thread | undefined>(subjectCount);
  for (const [at, root] of roots.entries()) {
    if (at % valuesPerStep === 0) yield;
    const { subject, isReply } = toldBy(root);
    if (subject === 0) continue;
    const known = bySubject[subject];
    const isBetter = known === undefined || (known.number !== 0 && root.number === 0) ||
      (known.number !== 0 && toldBy(known).isReply && !isReply);
    if (isBetter) bySubject[subject] = root;
  }
  const made: Thread[] = [];
  let isSame = true;
  for (const [at, root] of roots.entries()) {
    if (at % valuesPerStep === 0) yield;
    const { subject, isReply } = toldBy(root);
    const known = bySubject[subject];
    if (subject === 0 || known === undefined || known === root) continue;
    root.isJoined = true;
    isSame = false;
    if (known.number === 0) {
      for (const child of root.number === 0 ? root.children : [root]) addChild(known, child);
    } else if (isReply && !toldBy(known).isReply) {
      addChild(known, root);
    } else {
      const both = emptyThread();
      both.children = [known, root];
      bySubject[subject] = both;
      known.isJoined = true;
      made.push(both);
    }
  }
  return isSame ? roots : [...roots, ...made].filter(({ isJoined }) => !isJoined);
}

/** Pieces of an answer are about so long. */
const pieceCharacters = 8192;

/** `(2)(3 6 (4 23)(44 7 96))`, in pieces. RFC 5256 §5 `thread-data` */
export function* threadTexts(threads: readonly Thread[]): Generator<string> {
  let text = "";
  const stack: (Thread | string)[] = [];
  for (const root of threads) {
    if (root.children.length === 0) {
      text += `(${root.number})`;
    } else {
      stack.push(")", root, "(");
      for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
        if (typeof next === "string") {
          text += next;
          continue;
        }
        const { number, children } = next;
        if (number !== 0) text += children.length > 0 ? `${number} ` : String(number);
        if (children.length === 1) stack.push(children[0]!);
        else for (let at = children.length - 1; at >= 0; at--) stack.push(")", children[at]!, "(");
        if (text.length >= pieceCharacters) {
          yield text;
          text = "";
        }
      }
    }
    if (text.length >= pieceCharacters) {
      yield text;
      text = "";
    }
  }
  if (text !== "") yield text;
}
