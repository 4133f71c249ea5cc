/** Putting messages into threads, from what is stored of each. Pure. RFC 5256 §4 */

export interface ThreadMessage {
  /** Message number or UID, as it is told. */
  readonly number: number;
  readonly sentMs: number;
  readonly subject: string;
  readonly isReply: boolean;
  /** Without brackets; empty when there is none. */
  readonly messageId: string;
  /** Oldest first. */
  readonly references: readonly string[];
}

export interface Thread {
  /** Undefined: messages belong together here by one that is not there. */
  message: ThreadMessage | undefined;
  children: Thread[];
  parent: Thread | undefined;
  /** Of the message, else of the first below it. */
  sentMs: number;
  /** The newest in the thread. */
  newestMs: number;
}

function threadOf(message: ThreadMessage | undefined): Thread {
  const sentMs = message?.sentMs ?? 0;
  return { message, children: [], parent: undefined, sentMs, newestMs: sentMs };
}

const byDate = (a: Thread, b: Thread): number => a.sentMs - b.sentMs || numberOf(a) - numberOf(b);

function numberOf(thread: Thread): number {
  return thread.message?.number ?? thread.children[0]?.message?.number ?? 0;
}

/** Same base subject, one thread, in order of date. RFC 5256 §4 ORDEREDSUBJECT */
export function byOrderedSubject(messages: readonly ThreadMessage[]): Thread[] {
  const roots = new Map<string, Thread>();
  const sorted = messages.map(threadOf).sort(byDate);
  for (const thread of sorted) {
    const root = roots.get(thread.message!.subject);
    if (root === undefined) roots.set(thread.message!.subject, thread);
    else root.children.push(thread);
  }
  return [...roots.values()].sort(byDate);
}

/**
 * By Message-ID, References and In-Reply-To; with `joinsSubjects` (REFERENCES) threads of the same subject are one.
 * Without (REFS), threads come in the order of their newest message. RFC 5256 §4 REFERENCES
 */
export function byReferences(messages: readonly ThreadMessage[], joinsSubjects: boolean): Thread[] {
  const all = link(messages);
  let roots = prune(all.filter(({ parent }) => parent === undefined));
  for (const thread of postOrder(roots)) settle(thread);
  roots.sort(byDate);
  if (!joinsSubjects) return roots.sort((a, b) => a.newestMs - b.newestMs || numberOf(a) - numberOf(b));
  roots = joinSubjects(roots);
  for (const thread of postOrder(roots)) settle(thread);
  return roots.sort(byDate);
}

/** Children in order, and the dates of a thread from those below. */
function settle(thread: Thread): void {
  thread.children.sort(byDate);
  if (thread.message === undefined) thread.sentMs = thread.children[0]?.sentMs ?? 0;
  thread.newestMs = thread.children.reduce((newest, child) => Math.max(newest, child.newestMs), thread.sentMs);
}

/** RFC 5256 §4 REFERENCES, step 1 */
function link(messages: readonly ThreadMessage[]): Thread[] {
  const byId = new Map<string, Thread>();
  const all: Thread[] = [];
  const find = (id: string): Thread => {
    let thread = byId.get(id);
    if (thread === undefined) {
      thread = threadOf(undefined);
      byId.set(id, thread);
      all.push(thread);
    }
    return thread;
  };
  for (const message of messages) {
    let own = message.messageId === "" ? undefined : find(message.messageId);
    // Of messages with the same id the first has it.
    if (own === undefined || own.message !== undefined) {
      own = threadOf(message);
      all.push(own);
    } else {
      Object.assign(own, { message, sentMs: message.sentMs, newestMs: message.sentMs });
    }
    let previous: Thread | undefined;
    for (const id of message.references) {
      const next = find(id);
      if (previous !== undefined && next.parent === undefined && mayHold(previous, next)) setParent(next, previous);
      previous = next;
    }
    // What the message itself says of its parent counts for more than what others said.
    own.parent = undefined;
    if (previous !== undefined && mayHold(previous, own)) setParent(own, previous);
  }
  for (const thread of all) thread.parent?.children.push(thread);
  return all;
}

function setParent(child: Thread, parent: Thread): void {
  child.parent = parent;
}

/** Further up nobody looks: longer chains than this are no conversation. */
const depthMax = 1000;

/** Whether `child` may go below `parent`: not when it stands above it. */
function mayHold(parent: Thread, child: Thread): boolean {
  let steps = 0;
  for (let at: Thread | undefined = parent; at !== undefined; at = at.parent) {
    if (at === child || ++steps > depthMax) return false;
  }
  return true;
}

/** Takes away places without a message: their children move up. RFC 5256 §4 REFERENCES, step 3 */
function prune(roots: Thread[]): Thread[] {
  for (const thread of postOrder(roots)) {
    thread.children = thread.children.flatMap((child) => (child.message === undefined ? child.children : [child]));
  }
  return roots.flatMap((root) => {
    if (root.message !== undefined) return [root];
    return root.children.length > 1 ? [root] : root.children;
  });
}

/** Children before their parents, without recursion: a thread may be as deep as there are messages. */
function postOrder(roots: readonly Thread[]): Thread[] {
  const order: Thread[] = [];
  const stack = [...roots];
  while (stack.length > 0) {
    const thread = stack.pop()!;
    order.push(thread);
    for (const child of thread.children) stack.push(child);
  }
  return order.reverse();
}

function subjectOf(thread: Thread): { subject: string; isReply: boolean } {
  return thread.message ?? thread.children[0]?.message ?? { subject: "", isReply: false };
}

/** RFC 5256 §4 REFERENCES, step 5 */
function joinSubjects(roots: readonly Thread[]): Thread[] {
  const bySubject = new Map<string, Thread>();
  for (const root of roots) {
    const { subject, isReply } = subjectOf(root);
    if (subject === "") continue;
    const known = bySubject.get(subject);
    const isBetter = known === undefined || (known.message !== undefined && root.message === undefined) ||
      (known.message !== undefined && subjectOf(known).isReply && !isReply);
    if (isBetter) bySubject.set(subject, root);
  }
  const joined = new Set(roots);
  for (const root of roots) {
    const { subject, isReply } = subjectOf(root);
    const known = bySubject.get(subject);
    if (subject === "" || known === undefined || known === root) continue;
    joined.delete(root);
    if (known.message === undefined) {
      known.children.push(...(root.message === undefined ? root.children : [root]));
    } else if (isReply && !subjectOf(known).isReply) {
      known.children.push(root);
    } else {
      const both = threadOf(undefined);
      both.children = [known, root];
      bySubject.set(subject, both);
      joined.delete(known);
      joined.add(both);
    }
  }
  return [...joined];
}

/** `(2)(3 6 (4 23)(44 7 96))`. RFC 5256 §5 `thread-data` */
export function encodeThreads(threads: readonly Thread[]): string {
  let text = "";
  const stack: (Thread | string)[] = [];
  const push = (thread: Thread): void => {
    stack.push(")", thread, "(");
  };
  for (const thread of threads.toReversed()) push(thread);
  while (stack.length > 0) {
    const next = stack.pop()!;
    if (typeof next === "string") {
      text += next;
      continue;
    }
    const { message, children } = next;
    if (message !== undefined) text += `${message.number}${children.length > 0 ? " " : ""}`;
    if (children.length === 1) stack.push(children[0]!);
    else for (const child of children.toReversed()) push(child);
  }
  return text;
}
