/** Message flags and keywords as mbox and Maildir write them, and as a list beside single messages. */
import { readFile } from "node:fs/promises";
import { messageFlags } from "#mailbox/api.ts";

export interface Marks {
  readonly flags: number;
  readonly keywords: readonly string[];
}

export const noMarks: Marks = { flags: 0, keywords: [] };

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

/** Flags that the letters of a format do not tell, as keywords. RFC 5788 §3 */
const flagWords: readonly (readonly [string, number])[] = [
  ["$Forwarded", messageFlags.forwarded], ["$MDNSent", messageFlags.mdnSent],
];

/** `X-Keywords: a b`, empty when there is nothing to tell; a blank inside a word is written as in folder names. */
export function toKeywordLine(flags: number, keywords: readonly string[]): string {
  const words = [
    ...flagWords.filter(([, flag]) => (flags & flag) !== 0).map(([word]) => word),
    ...keywords.map((word) => toModifiedUtf7(word).replaceAll(" ", "&ACA-")),
  ];
  return words.length === 0 ? "" : `X-Keywords: ${words.join(" ")}\n`;
}

export function fromKeywordLine(value: string): Marks {
  const words = value.trim().split(/\s+/).filter((word) => word !== "").map(fromModifiedUtf7);
  return marksOfWords(words);
}

function marksOfWords(words: readonly string[]): Marks {
  const keywords: string[] = [];
  let flags = 0;
  for (const word of words.slice(0, keywordsReadMax)) {
    const known = flagWords.find(([name]) => name.toLowerCase() === word.toLowerCase());
    if (known === undefined) keywords.push(word);
    else flags |= known[1];
  }
  return { flags, keywords };
}

const keywordsReadMax = 64;

/** Keywords of a Maildir are letters, whose meaning stands in a file of lines `0 name`. */
const lettersMax = 26;

export class MaildirKeywords {
  readonly #names: string[] = [];

  /** Lower-case letters in alphabetical order; words beyond the alphabet are left out. */
  lettersOf(keywords: readonly string[]): string {
    const letters: string[] = [];
    for (const word of keywords) {
      let index = this.#names.indexOf(word);
      if (index === -1 && this.#names.length < lettersMax) index = this.#names.push(word) - 1;
      if (index !== -1) letters.push(String.fromCharCode(0x61 + index));
    }
    return letters.sort().join("");
  }

  /** Empty when no message has a keyword. */
  file(): string {
    return this.#names.map((name, index) => `${index} ${name}\n`).join("");
  }
}

/** Words by their letter; none when there is no such file. */
export async function readKeywordFile(path: string): Promise<ReadonlyMap<string, string>> {
  const words = new Map<string, string>();
  for (const line of await linesOf(path)) {
    const match = /^(\d{1,2}) (.+)$/.exec(line);
    if (match !== null && Number(match[1]) < lettersMax) {
      words.set(String.fromCharCode(0x61 + Number(match[1])), match[2]!);
    }
  }
  return words;
}

export function keywordsOfMaildir(name: string, words: ReadonlyMap<string, string>): string[] {
  const info = /[:;!]2,([A-Za-z]*)$/.exec(name)?.[1] ?? "";
  return [...info].flatMap((letter) => words.get(letter) ?? []);
}

/** One line of the list beside single messages: name, flags in the letters of Maildir, keywords. */
export function toFlagLine(name: string, { flags, keywords }: Marks): string {
  const words = keywords.map((word) => word.replace(/[\t\r\n]/g, " "));
  return `${[name, toMaildirInfo(flags), ...words].join("\t")}\n`;
}

/** Marks by the name of the file; none when there is no list. */
export async function readFlagFile(path: string): Promise<ReadonlyMap<string, Marks>> {
  const found = new Map<string, Marks>();
  for (const line of await linesOf(path)) {
    const [name = "", letters = "", ...keywords] = line.split("\t");
    found.set(name, { flags: fromMaildirName(`:2,${letters}`), keywords: keywords.slice(0, keywordsReadMax) });
  }
  return found;
}

async function linesOf(path: string): Promise<string[]> {
  try {
    return (await readFile(path, "utf8")).split("\n").map((line) => line.replace(/\r$/, ""));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
