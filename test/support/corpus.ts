/** The collection of real and broken messages, where it is there. It lies outside the project and is never copied. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { projectRoot } from "./server.ts";

export const corpusFolder = process.env["OUTPOST_CORPUS"] ?? join(projectRoot, "..", "shared", "corpus");

/** Why tests on it cannot run; false when they can. */
export const corpusMissing: string | false = existsSync(join(corpusFolder, "eml")) ? false
  : `no corpus at ${corpusFolder}; set OUTPOST_CORPUS`;

export interface CorpusMessage {
  readonly name: string;
  readonly bytes: Buffer;
}

export function corpusMessages(): CorpusMessage[] {
  const root = join(corpusFolder, "eml");
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => ({ name: relative(root, join(entry.parentPath, entry.name)),
      bytes: readFileSync(join(entry.parentPath, entry.name)) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Each lone LF becomes CRLF, as a mail program does before it speaks SMTP. A lone CR is left. RFC 5321 §2.3.8 */
export function withCrlf(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  const crlf = Buffer.from("\r\n");
  let from = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (at > 0 && bytes[at - 1] === 13) continue;
    pieces.push(bytes.subarray(from, at), crlf);
    from = at + 1;
  }
  return from === 0 ? bytes : Buffer.concat([...pieces, bytes.subarray(from)]);
}

export function hasLoneCr(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] !== 10) return true;
  }
  return false;
}
