/** APPEND and REPLACE: messages pass from the socket to the store in pieces. RFC 9051 §6.3.12, RFC 3502, RFC 8508 */
import type { Uid } from "#base/ids.ts";
import type { AppendedMessage, AppendResult, Mailbox, Upload } from "#mailbox/api.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { AppendStep } from "#wire/imap/append.ts";
import type { LiteralHeader } from "#wire/imap/cursor.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { copyFromUrl } from "#serve/imap/catenate.ts";
import { noTarget } from "#serve/imap/commands/transfer.ts";
import { splitFlags } from "#serve/imap/flags.ts";
import { findTarget } from "#serve/imap/places.ts";
import type { Place } from "#serve/imap/places.ts";
import { no, ok } from "#serve/imap/state.ts";
import { encodeNumbers } from "#wire/imap/sequence.ts";

/** What can be known before the message is decided before the client sends it. */
export const append: Handler<"APPEND"> = (state, { args }) => receive(state, args.mailbox, args.steps,
  async (target, messages) => ({ ...ok("Appended."), later: commit(state, target, messages) }));

/** A new message in place of an old one, in one step. RFC 8508 §3.1 */
export const replace: Handler<"REPLACE"> = (state, { args, isUid }) => {
  const view = state.selected;
  const number = args.number === 0 ? view.count : isUid ? view.numberOf(args.number) : args.number;
  return receive(state, args.mailbox, args.steps, async (target, messages) => {
    if (view.isReadOnly) return no("The folder was opened for reading only.", "CANNOT");
    if (messages.length !== 1) return { condition: "BAD", text: "One message takes the place of one." };
    if (number < 1 || number > view.count) return no("There is no such message.", isUid ? undefined : "EXPUNGEISSUED");
    const replaces = { folderId: view.folderId, uid: view.uidOf(number) as Uid };
    const { mailbox, info: { folderId } } = target;
    if (mailbox !== view.mailbox) return no("The new message must stay in the same mailbox.", "CANNOT");
    const results = await mailbox.appendAll(state.ctx, { folderId, messages, replaces });
    noteOwn(state, target, results);
    view.isDirty = true;
    // RFC 8508 §3.3: the new UID is told before the old message goes.
    state.client.write(`* OK [${appendUid(results)}] Here is the new one.\r\n`);
    return ok("Replaced.");
  });
};

async function commit(
  state: SessionState, target: Place, messages: readonly AppendedMessage[],
): Promise<Completion> {
  const { mailbox, info: { folderId } } = target;
  try {
    const results = messages.length === 1 ? [await mailbox.append(state.ctx, { folderId, ...messages[0]! })]
      : await mailbox.appendAll(state.ctx, { folderId, messages });
    noteOwn(state, target, results);
    return ok("Appended.", appendUid(results));
  } catch (error) {
    return refusal(error);
  } finally {
    for (const { upload } of messages) await upload.discard();
  }
}

/** Messages of the selected folder that this client made itself. RFC 5465 §5.2 */
function noteOwn({ view }: SessionState, { mailbox, info }: Place, results: readonly AppendResult[]): void {
  if (view?.folderId !== info.folderId || view.mailbox !== mailbox) return;
  view.isDirty = true;
  for (const { uid } of results) view.ownUids.add(uid);
}

/** RFC 4315 §3 */
function appendUid(results: readonly AppendResult[]): string {
  return `APPENDUID ${results[0]!.uidValidity} ${encodeNumbers(results.map(({ uid }) => uid))}`;
}

/** A message on its way in. */
interface Incoming extends AppendedMessage {
  sizeBytes: number;
}

/** Takes all messages of the command, then hands them to `finish`. */
async function receive(
  state: SessionState, path: string, first: readonly AppendStep[],
  finish: (target: Place, messages: readonly AppendedMessage[]) => Promise<Completion>,
): Promise<Completion> {
  const messages: Incoming[] = [];
  let isTaken = false;
  try {
    const target = await findTarget(state, path);
    if (target === undefined) {
      await state.client.refuseMessage();
      return noTarget();
    }
    const receiver = new Receiver(state, target.mailbox, messages);
    for (let steps = first; steps.length > 0;) steps = await receiver.take(steps);
    if (messages.some(({ sizeBytes }) => sizeBytes === 0)) throw new Fault("invalidArgument", "The message is empty.");
    const completion = await finish(target, messages);
    isTaken = completion.later !== undefined;
    return completion;
  } catch (error) {
    await state.client.refuseMessage();
    return refusal(error);
  } finally {
    if (!isTaken) for (const { upload } of messages) await upload.discard();
  }
}

class Receiver {
  readonly #state: SessionState;
  readonly #mailbox: Mailbox;
  readonly #messages: Incoming[];
  #roomBytes: number | null | undefined;
  #totalBytes = 0;

  constructor(state: SessionState, mailbox: Mailbox, messages: Incoming[]) {
    this.#state = state;
    this.#mailbox = mailbox;
    this.#messages = messages;
  }

  /** Does what the steps say; gives those that the text after the last literal adds. */
  async take(steps: readonly AppendStep[]): Promise<readonly AppendStep[]> {
    for (const step of steps) {
      switch (step.step) {
        case "message":
          this.#begin(step);
          break;
        case "url":
          await copyFromUrl(this.#state, step.url, (chunk) => this.#write(this.#last, chunk));
          break;
        case "literal":
          // A literal is always the last: nothing after it has been read.
          await this.#literal(step.literal);
          return this.#state.client.appendSteps;
      }
    }
    return [];
  }

  get #last(): Incoming {
    return this.#messages.at(-1)!;
  }

  #begin({ flags: names, internalMs }: Extract<AppendStep, { step: "message" }>): void {
    if (this.#messages.length >= limits.imapMultiAppendMax) {
      throw new Fault("tooMany", `At most ${limits.imapMultiAppendMax} messages at once.`);
    }
    const { flags, keywords } = splitFlags(names);
    const upload: Upload = this.#mailbox.beginUpload(this.#state.ctx, null);
    this.#messages.push({ upload, flags, keywords, internalMs: internalMs ?? null, sizeBytes: 0 });
  }

  async #literal({ sizeBytes, isSynchronizing }: LiteralHeader): Promise<void> {
    const message = this.#last;
    if (message.sizeBytes + sizeBytes === 0) throw new Fault("invalidArgument", "The message is empty.");
    if (message.sizeBytes + sizeBytes > limits.messageSizeMaxBytes) {
      throw new Fault("tooBig", `A message has at most ${limits.messageSizeMaxBytes} bytes.`);
    }
    this.#totalBytes += sizeBytes;
    await this.#checkRoom();
    for await (const chunk of this.#state.client.readMessage(isSynchronizing)) await this.#write(message, chunk);
  }

  async #write(message: Incoming, chunk: Uint8Array): Promise<void> {
    message.sizeBytes += chunk.length;
    await message.upload.write(chunk);
  }

  async #checkRoom(): Promise<void> {
    if (this.#roomBytes === undefined) {
      this.#roomBytes = await roomIn(this.#state, this.#mailbox);
    }
    if (this.#roomBytes !== null && this.#totalBytes > this.#roomBytes) {
      throw new Fault("overQuota", "The mailbox has no room for this message.");
    }
  }
}

/** Bytes that may still come; null without a limit, or where only the commit may look. */
async function roomIn(state: SessionState, mailbox: Mailbox): Promise<number | null> {
  if (mailbox !== state.mailbox) return null;
  const { usedBytes, limitBytes } = await mailbox.quota(state.ctx);
  return limitBytes === null ? null : limitBytes - usedBytes;
}

/** Quota has a code of its own here; everything else is told as elsewhere. RFC 5530 §3 */
function refusal(error: unknown): Completion {
  if (error instanceof Fault && error.code === "overQuota") return no(error.message, "OVERQUOTA");
  if (error instanceof Fault && error.code === "tooBig") return no(error.message, "TOOBIG");
  throw error;
}
