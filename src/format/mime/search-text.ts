import { displayAddresses } from "#format/mime/addresses.ts";
import { collapse, cutText } from "#format/mime/text.ts";
import { decodeWords } from "#format/mime/words.ts";
import type { Envelope, MimePart } from "#format/mime/types.ts";

/** Readable text of a message by where it stands, all of it together at most `limits.searchTextMaxCharacters`. */
export interface SearchText {
  readonly subject: string;
  /** Names and addresses of the envelope, one person a line. */
  readonly addresses: string;
  /** Text of the text parts, HTML stripped; before it subjects and senders of enclosed messages. */
  readonly body: string;
  /** One a line. */
  readonly attachmentNames: string;
}

const subjectMax = 4096;
const enclosedMax = 100;

/** RFC 9051 §6.4.4 (BODY, TEXT, FROM, TO, SUBJECT keys) is answered from it. */
export function searchText(
  envelope: Envelope, root: MimePart, names: readonly string[], body: string, charactersMax: number,
): SearchText {
  const subject = cutText(collapse(decodeWords(envelope.subject ?? "")), Math.min(subjectMax, charactersMax));
  let left = charactersMax - subject.length;
  const addresses = addressText(envelope, Math.floor(left / 2));
  left -= addresses.length;
  const attachmentNames = cutText(names.map(collapse).join("\n"), Math.floor(left / 2));
  left -= attachmentNames.length;
  const enclosed = cutText(enclosedText(root), Math.floor(left / 2));
  const words = enclosed === "" ? body : `${enclosed}\n${body}`;
  return { subject, addresses, body: cutText(words, left), attachmentNames };
}

function addressText(envelope: Envelope, charactersMax: number): string {
  const seen = new Set<string>();
  let size = 0;
  const { from, sender, replyTo, to, cc, bcc } = envelope;
  for (const list of [from, sender === from ? [] : sender, replyTo === from ? [] : replyTo, to, cc, bcc]) {
    for (const { name, address } of displayAddresses(list)) {
      const line = collapse(`${name} ${address}`);
      if (line === "" || seen.has(line)) continue;
      size += line.length + 1;
      if (size > charactersMax) return [...seen].join("\n");
      seen.add(line);
    }
  }
  return [...seen].join("\n");
}

/** Subjects and senders of enclosed messages. */
function enclosedText(root: MimePart): string {
  const lines: string[] = [];
  const pending: MimePart[] = [root];
  for (let part = pending.pop(); part !== undefined && lines.length < enclosedMax; part = pending.pop()) {
    if (part.kind === "multipart") pending.push(...part.children.toReversed());
    if (part.kind !== "message") continue;
    const subject = collapse(decodeWords(part.envelope.subject ?? ""));
    const from = displayAddresses(part.envelope.from.slice(0, 1)).map(({ name, address }) => `${name} ${address}`);
    lines.push(collapse([subject, ...from].join(" ")));
    pending.push(part.body);
  }
  return lines.filter((line) => line !== "").join("\n");
}
