/** Messages in number, as a mail program would write them. */
import type { ImapClient } from "./imap-client.ts";

/** A message with its own subject and Message-ID, about `sizeBytes` long. */
export function sampleMessage(token: string, sizeBytes = 2000): Buffer {
  const head = `From: Sender <sender@outside.example>\r\nTo: <alice@example.test>\r\nSubject: Message ${token}\r\n` +
    `Date: Tue, 3 Feb 2026 04:05:06 +0000\r\nMessage-ID: <${token}@load>\r\nMIME-Version: 1.0\r\n` +
    "Content-Type: text/plain; charset=utf-8\r\n\r\n";
  const line = "The quick brown fox jumps over the lazy dog and then has a look at the mail.\r\n";
  return Buffer.from(head + line.repeat(Math.max(1, Math.ceil((sizeBytes - head.length) / line.length))));
}

/** Appends `count` messages with up to `ahead` commands under way. */
export async function appendMany(
  client: ImapClient, folder: string, count: number,
    options: { ahead?: number; sizeBytes?: number; prefix?: string } = {},
): Promise<void> {
  const { ahead = 100, sizeBytes = 2000, prefix = "m" } = options;
  const underWay: Promise<unknown>[] = [];
  for (let index = 0; index < count; index++) {
    underWay.push(client.ok(`APPEND ${folder} \u0000`, sampleMessage(`${prefix}${index}`, sizeBytes)));
    if (underWay.length >= ahead) await underWay.shift();
  }
  await Promise.all(underWay);
}
