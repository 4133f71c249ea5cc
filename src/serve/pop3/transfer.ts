/** The long answers of POP3: listings and messages, streamed. */
import type { Ctx } from "#base/ctx.ts";
import { yieldToOthers } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Maildrop } from "#serve/pop3/maildrop.ts";
import { DotStuffer, TopCutter } from "#wire/pop3/content.ts";
import { okReply } from "#wire/pop3/reply.ts";

/** Where replies go; waits while the client is slow. */
export interface Pop3Output {
  write(...pieces: (Uint8Array | string)[]): Promise<void>;
}

/** Thrown when a message breaks off after its beginning was sent: the only honest end is to close. */
export class BrokenTransfer extends Error {
  constructor(cause: unknown) {
    super("a message broke off on its way to the client", { cause });
    this.name = "BrokenTransfer";
  }
}

const listingSliceRows = 1000;

/** All messages that are not marked, one line each. RFC 1939 §5 LIST, §7 UIDL */
export async function listMessages(
  maildrop: Maildrop, text: (number: number) => string, out: Pop3Output,
): Promise<void> {
  await out.write(okReply(`${maildrop.liveCount} messages (${maildrop.liveBytes} octets)`));
  for (let first = 1; first <= maildrop.count; first += listingSliceRows) {
    let lines = "";
    const last = Math.min(maildrop.count, first + listingSliceRows - 1);
    for (let number = first; number <= last; number++) {
      if (maildrop.has(number)) lines += `${number} ${text(number)}\r\n`;
    }
    await out.write(lines);
    if (last < maildrop.count) await yieldToOthers();
  }
  await out.write(".\r\n");
}

/** A whole message. RFC 1939 §5 RETR */
export function retrieve(ctx: Ctx, maildrop: Maildrop, number: number, out: Pop3Output): Promise<void> {
  return send(ctx, maildrop, number, null, out);
}

/** The header and the first `count` lines of the body. RFC 1939 §7 TOP */
export function retrieveTop(
  ctx: Ctx, maildrop: Maildrop, number: number, count: number, out: Pop3Output,
): Promise<void> {
  return send(ctx, maildrop, number, new TopCutter(count), out);
}

async function send(
  ctx: Ctx, maildrop: Maildrop, number: number, cutter: TopCutter | null, out: Pop3Output,
): Promise<void> {
  const content = await findContent(ctx, maildrop, number);
  await out.write(okReply(cutter === null ? `${content.sizeBytes} octets` : "Beginning of the message follows"));
  const stuffer = new DotStuffer();
  try {
    for await (const chunk of content.stream()) {
      if (cutter === null) {
        await out.write(stuffer.write(chunk));
        continue;
      }
      const { size, ended } = cutter.take(chunk);
      await out.write(stuffer.write(chunk.subarray(0, size)));
      if (ended) break;
    }
  } catch (error) {
    if (error instanceof Fault && error.code === "cancelled") throw error;
    throw new BrokenTransfer(error);
  }
  await out.write(stuffer.end());
}

/** The message may have gone by another protocol since sign-in. */
async function findContent(ctx: Ctx, maildrop: Maildrop, number: number): ReturnType<Maildrop["content"]> {
  try {
    return await maildrop.content(ctx, number);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "notFound") throw error;
    throw new Fault("notFound", `Message ${number} is gone; another program removed it.`, { cause: error });
  }
}
