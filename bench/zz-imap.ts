import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "#store/sqlite-store.ts";
import { createMailboxes } from "#mailbox/mailbox.ts";
import { ctx } from "#store/contract-test-kit.ts";
import { ImapSession } from "#serve/imap/session.ts";
import { CommandReader } from "#wire/imap/reader.ts";
import { sampleMessage } from "../test/support/load.ts";
await import("#mailbox/tx/insert.ts");
const N = Number(process.argv[2] ?? 5000);
const only = process.argv[3] ?? "";
const dir = mkdtempSync(join(tmpdir(), "zzimap-"));
const store = await openSqliteStore({ dataDir: dir, writerThreads: 0, procedureModules: [], role: "tool", nowMs: Date.now });
await store.createMailbox(ctx, 1 as never);
const fx: any = await import("#mailbox/tx/folders.ts");
await store.transact(ctx, 1 as never, fx.provisionMailbox, { language: "en", guid: new Uint8Array(16), replicaGuid: new Uint8Array(16) } as never);
const directory: any = { mailboxOwner: async () => ({ entryId: 1, address: "a@example.test", displayName: "A", quotaBytes: null }), mailboxRight: async () => "owner",
  authenticate: async () => ({ entryId: 1, address: "a@example.test", displayName: "A", mailboxId: 1 }) };
const mailboxes = createMailboxes(store, directory);
const mailbox = await mailboxes.open(ctx, { entryId: 1, address: "a", displayName: "A", mailboxId: 1 as never }, 1 as never);
const inbox = await mailbox.folderByRole(ctx, "inbox");
let pend: Promise<unknown>[] = [];
for (let i = 0; i < N; i++) { const u = mailbox.beginUpload(ctx, null); await u.write(sampleMessage(`a${i}`, 4000)); pend.push(mailbox.append(ctx, { folderId: inbox.folderId, upload: u, flags: i % 3, keywords: [], internalMs: null })); if (pend.length > 500) { await Promise.all(pend); pend = []; } }
await Promise.all(pend);
let bytes = 0, text = ""; let last = "";
const client: any = { isTls: true, address: "::1", write(t: string) { text += t; }, writeBytes(b: Uint8Array) { bytes += b.length; }, get isFull() { return text.length > 32768; },
  async drain() { if (this.isFull) await this.flush(); }, async flush() { last = text.slice(-3000); if (text !== "") bytes += Buffer.from(text, "latin1").length; text = ""; await new Promise((r) => setImmediate(r)); } };
const session = new ImapSession({ mailboxes, directory, hostname: "h", version: "0", offersStartTls: false } as never, client, ctx);
const reader = new CommandReader();
export async function run(cmd: string) { reader.push(Buffer.from(`a ${cmd}\r\n`)); const e: any = reader.next(); if (e.kind !== "command") throw new Error(JSON.stringify(e)); await session.run(e.command); await client.flush(); return last; }
await run("LOGIN a b"); await run("SELECT INBOX");
const cmds: [string, string][] = [["flags", "FETCH 1:* (UID FLAGS)"], ["env", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"], ["fields", "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])"],
 ["header", "FETCH 1:* (UID BODY.PEEK[HEADER])"], ["struct", "FETCH 1:* (UID BODYSTRUCTURE)"], ["bodies", "FETCH 1:* (UID BODY.PEEK[])"], ["subject", "UID SEARCH SUBJECT a11"], ["body", "UID SEARCH BODY nothinglikeit"], ["unseen","UID SEARCH UNSEEN"], ["sort", "UID SORT (SUBJECT) UTF-8 ALL"], ["thread", "UID THREAD REFERENCES UTF-8 ALL"]];
for (const [name, cmd] of cmds) {
  if (!name.includes(only)) continue;
  try { let best = Infinity, bw = Infinity; for (let r = 0; r < 4; r++) { bytes = 0; const u0 = process.threadCpuUsage(); const w0 = performance.now(); await run(cmd); const u = process.threadCpuUsage(u0); best = Math.min(best, (u.user + u.system)); bw = Math.min(bw, performance.now() - w0); }
  console.log(name, (best / N).toFixed(2), "us/message cpu;", (bw * 1000 / N).toFixed(2), "us wall;", Math.round(bytes / N), "bytes", last.slice(-60).trim()); } catch (e) { console.log(name, String(e).slice(0, 100)); }
}
await store.close(); rmSync(dir, { recursive: true });
