/** What tests of other people's mail programs share: messages to be told apart by subject, and what each side holds. */
import { strict as assert } from "node:assert";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ImapClient } from "./imap-client.ts";
import { run } from "./programs.ts";
import type { RunOptions } from "./programs.ts";
import { domain } from "./server.ts";
import type { Answer, TestServer } from "./server.ts";

/** Subject to what is known of the message: sorted flags, or an empty text. */
export type Held = Record<string, string>;

const mailDirLetters: Record<string, string> = {
  "\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D", "\\Deleted": "T",
};

export function sampleMail(subject: string, body = `Message ${subject}.\r\n.dot\r\n`): Buffer {
  return Buffer.from(`From: Outside <a@outside.example>\r\nTo: <alice@${domain}>\r\nSubject: ${subject}\r\n` +
    `Message-ID: <${subject}@outside.example>\r\nDate: Tue, 3 Feb 2026 04:05:06 +0000\r\n\r\n${body}`);
}

export function subjectOf(bytes: Buffer): string {
  return /^Subject: (.*?)\r?$/m.exec(bytes.toString("latin1"))?.[1]?.trim() ?? "";
}

/** A home for a program, which goes with the server. */
export function homeFor(server: TestServer, name: string): string {
  return mkdtempSync(join(dirname(server.dataDir), `${name}-`));
}

/** A file for its owner's eyes alone, as programs want it that read passwords there. */
export function writePrivate(path: string, lines: readonly string[]): string {
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
  return path;
}

export async function appendAll(client: ImapClient, folder: string, subjects: readonly string[]): Promise<void> {
  await Promise.all(subjects.map((subject) => client.append(folder, sampleMail(subject))));
}

/** What the server has in a folder, flags as Maildir letters; `keywords` adds those too. */
export async function onServer(client: ImapClient, folder: string): Promise<Held> {
  await client.ok(`EXAMINE "${folder}"`);
  const { untagged } = await client.ok("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
  const held: Held = {};
  for (const { text, literals } of untagged.filter((line) => / FETCH /.test(line.text))) {
    const flags = /FLAGS \(([^)]*)\)/.exec(text)![1]!.split(" ").filter((flag) => flag !== "" && flag !== "\\Recent");
    put(held, subjectOf(literals[0]!), flags.map((flag) => mailDirLetters[flag] ?? flag).sort().join(""));
  }
  return held;
}

export function subjectsIn(held: Held): string[] {
  return Object.keys(held).sort();
}

/** What a Maildir has, flags as its letters. */
export function inMailDir(folder: string): Held {
  const held: Held = {};
  for (const part of ["cur", "new"]) {
    for (const name of readdirSync(join(folder, part))) {
      const flags = name.split(":2,")[1] ?? "";
      put(held, subjectOf(readFileSync(join(folder, part, name))), [...flags].sort().join(""));
    }
  }
  return held;
}

/** What a program handed to a script that writes each message into a file of its own. */
export function inFiles(folder: string): Buffer[] {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name)));
}

/** A script that takes a message from its input into a new file of `folder`. */
export function deliveryScript(home: string): { script: string; folder: string } {
  const folder = join(home, "delivered");
  mkdirSync(folder);
  const script = join(home, "deliver");
  writeFileSync(script, `#!/bin/sh\nexec cat > "$(mktemp '${folder}/XXXXXXXX')"\n`, { mode: 0o755 });
  return { script, folder };
}

function put(held: Held, subject: string, flags: string): void {
  assert.ok(!(subject in held), `${subject} is there twice`);
  held[subject] = flags;
}

/** Runs a program that must end with one of `codes`. */
export async function mustRun(
  program: string, args: readonly string[], options: RunOptions & { readonly codes?: readonly number[] } = {},
): Promise<Answer> {
  const answer = await run(program, args, options);
  const said = `${program} ended with ${answer.code}:\n${answer.stdout.slice(-3000)}\n${answer.stderr.slice(-3000)}`;
  assert.ok((options.codes ?? [0]).includes(answer.code ?? -1), said);
  return answer;
}
