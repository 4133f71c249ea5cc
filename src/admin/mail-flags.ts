/** Message flags as mbox and Maildir write them. */
import { messageFlags } from "#mailbox/api.ts";

const maildirLetters: readonly [string, number][] = [
  ["D", messageFlags.draft], ["F", messageFlags.flagged], ["P", messageFlags.forwarded], ["R", messageFlags.answered],
  ["S", messageFlags.seen], ["T", messageFlags.deleted],
];

/** Letters in the order Maildir wants: alphabetical. */
export function toMaildirInfo(flags: number): string {
  return maildirLetters.filter(([, flag]) => (flags & flag) !== 0).map(([letter]) => letter).join("");
}

export function fromMaildirName(name: string): number {
  const info = /[:;!]2,([A-Za-z]*)$/.exec(name)?.[1] ?? "";
  return maildirLetters.reduce((flags, [letter, flag]) => info.includes(letter) ? flags | flag : flags, 0);
}

/** `Status: RO` and `X-Status: AF` headers of an mbox. */
export function fromStatus(status: string, xStatus: string): number {
  let flags = 0;
  if (status.includes("R")) flags |= messageFlags.seen;
  if (xStatus.includes("A")) flags |= messageFlags.answered;
  if (xStatus.includes("F")) flags |= messageFlags.flagged;
  if (xStatus.includes("D")) flags |= messageFlags.deleted;
  if (xStatus.includes("T")) flags |= messageFlags.draft;
  return flags;
}

export function toStatusHeaders(flags: number): string {
  const letters = (rows: [string, number][]): string =>
    rows.filter(([, flag]) => (flags & flag) !== 0).map(([letter]) => letter).join("");
  const xStatus = letters([
    ["A", messageFlags.answered], ["F", messageFlags.flagged], ["T", messageFlags.draft], ["D", messageFlags.deleted],
  ]);
  const status = `Status: ${letters([["R", messageFlags.seen]])}O\n`;
  return xStatus === "" ? status : `${status}X-Status: ${xStatus}\n`;
}

/** A folder name in Maildir++ and in exported file names. RFC 3501 §5.1.3 */
export function fromModifiedUtf7(text: string): string {
  return text.replace(/&([A-Za-z0-9+,]*)-/g, (whole, code: string) => {
    if (code === "") return "&";
    const bytes = Buffer.from(code.replaceAll(",", "/"), "base64");
    return bytes.length % 2 === 0 ? new TextDecoder("utf-16be").decode(bytes) : whole;
  });
}

export function toModifiedUtf7(text: string): string {
  return text.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === "&") return "&-";
    const code = Buffer.from(run, "utf16le").swap16().toString("base64").replace(/=+$/, "").replaceAll("/", ",");
    return `&${code}-`;
  });
}
