/** Proves in whose name somebody may send, when Sender must tell who it was, and who keeps the copy; by tables. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { Ctx } from "#base/ctx.ts";
import { silentLog } from "#base/log.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import type { Directory, Sharing } from "#directory/api.ts";
import type { SentCopies } from "#directory/settings.ts";
import { judgeSending, sentCopyPlaces } from "#transport/sending.ts";
import { makeSystem } from "#main/system.ts";

const ctx: Ctx = { system: makeSystem(), log: silentLog, signal: new AbortController().signal };
const me = 1 as EntryId;
const entries: Record<string, { entryId: number; mailboxId: number | null }> = {
  me: { entryId: 1, mailboxId: 1 }, alias: { entryId: 1, mailboxId: 1 }, as: { entryId: 2, mailboxId: 2 },
  behalf: { entryId: 3, mailboxId: 3 }, group: { entryId: 4, mailboxId: null }, other: { entryId: 5, mailboxId: 5 },
};
const mayAs = new Set(["me", "alias", "as", "group"]);
let copies: SentCopies = "shared";
const sharing: Partial<Sharing> = {
  maySendOnBehalf: async (_ctx, _entryId, address) => mayAs.has(address) || address === "behalf",
  entryByAddress: async (_ctx, address) => (entries[address] ?? null) as never,
  sentCopies: async () => copies,
};
const directory: Partial<Directory> = {
  maySendAs: async (_ctx, _entryId, address) => mayAs.has(address), sharing: sharing as Sharing,
};

test("From and Sender", async () => {
  const rows: [from: string, sender: string, expected: string][] = [
    ["me", "", "yes"], ["alias", "", "yes"], ["as", "", "yes for 2"], ["behalf", "", "yes, on behalf, Sender for 3"],
    ["behalf", "me", "yes, on behalf for 3"], ["behalf", "behalf", "no Sender behalf"], ["me", "other", "no Sender other"],
    ["other", "", "no From other"], ["other", "me", "no From other"], ["ghost", "", "no From ghost"],
    ["me as", "", "yes, Sender for 2"], ["me other", "me", "no From other"], ["as behalf", "as", "yes, on behalf for 2"],
    ["group", "", "yes"], ["as", "me", "yes for 2"],
  ];
  for (const [from, sender, expected] of rows) {
    const list = (text: string): string[] => text.split(" ").filter(Boolean);
    const verdict = await judgeSending(ctx, directory as Directory, me, { from: list(from), sender: list(sender) });
    const told = verdict.kind === "refused" ? `no ${verdict.field} ${verdict.address}`
      : `yes${verdict.onBehalf ? ", on behalf" : ""}${verdict.needsSender ? ", Sender" : ""}` +
        (verdict.sentFor === null ? "" : ` for ${verdict.sentFor.mailboxId}`);
    assert.equal(told, expected, `${from} / ${sender}`);
  }
});

test("a directory without others lets nobody be anybody else", async () => {
  const alone = { maySendAs: directory.maySendAs } as Directory;
  assert.equal((await judgeSending(ctx, alone, me, { from: ["behalf"], sender: [] })).kind, "refused");
  assert.deepEqual(await judgeSending(ctx, alone, me, { from: ["as"], sender: [] }),
    { kind: "allowed", onBehalf: false, needsSender: false, sentFor: null });
});

test("who keeps the copy", async () => {
  const sentFor = { entryId: 2 as EntryId, mailboxId: 2 as MailboxId, address: "as" };
  const rows: [SentCopies, boolean, number | null][] = [["shared", false, 2], ["sender", true, null], ["both", true, 2]];
  for (const [setting, toSender, toShared] of rows) {
    copies = setting;
    assert.deepEqual(await sentCopyPlaces(ctx, directory as Directory, sentFor), { toSender, toShared });
    assert.deepEqual(await sentCopyPlaces(ctx, directory as Directory, null), { toSender: true, toShared: null });
  }
});
