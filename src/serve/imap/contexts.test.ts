/**
 * Searches kept up to date, and folders watched, against what is really there: a client that does nothing but apply
 * what it is told (ADDTO, REMOVEFROM, EXPUNGE, EXISTS, STATUS) holds, after each of many random changes by another
 * connection, exactly what a fresh search or STATUS tells. Real store, real sessions; a failure prints its seed.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { MailboxId } from "#base/ids.ts";
import type { Mailbox } from "#mailbox/api.ts";
import { openKit } from "#mailbox/items/test-kit.ts";
import { RawClient, serveFake } from "#serve/imap/test-kit.ts";
import type { Store } from "#store/api.ts";
import { ctx, newMailbox, sqliteBackend } from "#store/contract-test-kit.ts";

const backend = sqliteBackend(1);
let store: Store;
let kit: Awaited<ReturnType<typeof openKit>>;

before(async () => {
  store = await backend.open();
  const scope: MailboxId = await newMailbox(store);
  kit = await openKit(store, scope);
});
after(async () => {
  await store.close();
  backend.remove();
});

const seed = Number(process.env["SEED"] ?? 20240917);
/** More of them in a search for mistakes. */
const turns = Number(process.env["TURNS"] ?? 15);

function random(from: number): (below: number) => number {
  let state = from >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

function numbers(set: string): number[] {
  return set.split(",").flatMap((range) => {
    const [first, last] = range.split(":").map(Number) as [number, number | undefined];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

/** The results of one search as a client keeps them. RFC 5267 §4.3 */
class Results {
  readonly isUid: boolean;
  readonly isSorted: boolean;
  list: number[];

  constructor(list: number[], isUid: boolean, isSorted: boolean) {
    this.list = list;
    this.isUid = isUid;
    this.isSorted = isSorted;
  }

  apply(line: string): void {
    for (const [, name, pairs] of line.matchAll(/(ADDTO|REMOVEFROM) \(([^)]*)\)/g)) {
      const words = pairs!.split(" ");
      for (let at = 0; at < words.length; at += 2) this.#one(name!, Number(words[at]), numbers(words[at + 1]!));
    }
  }

  #one(name: string, place: number, found: number[]): void {
    if (this.isSorted) assert.ok(place > 0, "a sorted list has places");
    if (name === "ADDTO") {
      for (const one of found) assert.ok(!this.list.includes(one), `${one} is there already`);
      if (place > 0) this.list.splice(place - 1, 0, ...found);
      else this.list = [...this.list, ...found].sort((a, b) => a - b);
      return;
    }
    if (place > 0) assert.deepEqual(this.list.splice(place - 1, found.length), found, "what is at the place goes");
    else {
      for (const one of found) assert.ok(this.list.includes(one), `${one} is not there`);
      this.list = this.list.filter((one) => !found.includes(one));
    }
  }

  /** Numbers above shift, in a list of numbers. */
  expunged(number: number): void {
    if (this.isUid) return;
    assert.ok(!this.list.includes(number), "what is expunged was taken out before");
    this.list = this.list.map((one) => (one > number ? one - 1 : one));
  }
}

const searches: readonly [command: string, again: string, isUid: boolean, isSorted: boolean][] = [
  ["UID SEARCH RETURN (UPDATE ALL) FLAGGED", "UID SEARCH RETURN (ALL) FLAGGED", true, false],
  ["SEARCH RETURN (UPDATE ALL) UNSEEN", "SEARCH RETURN (ALL) UNSEEN", false, false],
  ["SEARCH RETURN (UPDATE ALL) OR BODY pear NOT KEYWORD x", "SEARCH RETURN (ALL) OR BODY pear NOT KEYWORD x", false,
    false],
  ["UID SEARCH RETURN (UPDATE ALL) FUZZY TEXT apple", "UID SEARCH RETURN (ALL) FUZZY TEXT apple", true, false],
  ["UID SORT RETURN (UPDATE ALL) (SUBJECT REVERSE ARRIVAL) UTF-8 UNFLAGGED",
    "UID SORT RETURN (ALL) (SUBJECT REVERSE ARRIVAL) UTF-8 UNFLAGGED", true, true],
  ["SORT RETURN (UPDATE ALL) (REVERSE SIZE SUBJECT) UTF-8 NOT KEYWORD x",
    "SORT RETURN (ALL) (REVERSE SIZE SUBJECT) UTF-8 NOT KEYWORD x", false, true],
];

async function change(client: RawClient, below: (max: number) => number, folder: string): Promise<void> {
  const count = Number(/\* (\d+) EXISTS/.exec(await client.run(`SELECT ${folder}`))![1]);
  const one = 1 + below(Math.max(1, count));
  const kind = below(10);
  if (count === 0 || kind < 4) {
    const letters = Array.from({ length: 1 + (below(8) === 0 ? 20 : below(2)) }, () =>
      `Subject: ${"abcdefgh"[below(8)]}\r\n\r\n${["apple", "pear", "plum"][below(3)]!.repeat(1 + below(9))}\r\n`);
    const flags = ["", "(\\Flagged) ", "(x \\Seen) "][below(3)]!;
    await client.run(`APPEND ${folder} ${letters.map((text) => `${flags}{${text.length}+}\r\n${text}`).join(" ")}`);
  } else if (kind < 7) {
    const mark = ["\\Flagged", "\\Seen", "x"][below(3)]!;
    await client.run(`STORE ${one}:${Math.min(count, one + below(4))} ${"+-"[below(2)]}FLAGS (${mark})`);
  } else {
    await client.run(`STORE ${one}:${Math.min(count, one + below(3))} +FLAGS.SILENT (\\Deleted)`);
    await client.run("EXPUNGE");
  }
}

test("a client that applies what it is told holds what a fresh search finds", async () => {
  await using server = await serveFake({ open: () => kit.mailbox });
  const mailbox: Mailbox = kit.mailbox;
  await mailbox.createFolder(ctx, {
    parentId: (await mailbox.folderByRole(ctx, "ipmSubtree")).folderId, name: "Kept", containerClass: "IPF.Note",
  });
  const other = await RawClient.signedIn(server.port);
  const client = await RawClient.signedIn(server.port, "SELECT Kept");
  const below = random(seed);
  for (let turn = 0; turn < 10; turn++) await change(other, below, "Kept");
  await client.run("NOOP");
  const kept: Results[] = [];
  for (const [index, [command, , isUid, isSorted]] of searches.entries()) {
    client.send(`c${index} ${command}\r\n`);
    const answer = await client.until(new RegExp(`^c${index} OK.*\r\n`, "m"));
    const all = /ALL ([\d:,]+)/.exec(answer)?.[1];
    kept.push(new Results(all === undefined ? [] : numbers(all), isUid, isSorted));
  }
  for (let turn = 0; turn < turns; turn++) {
    for (let times = 1 + below(3); times > 0; times--) await change(other, below, "Kept");
    // Some commands may not shift numbers, some may.
    const told = await client.run(["NOOP", "NOOP", "FETCH 1:* FLAGS", "UID FETCH 1:* FLAGS"][below(4)]!) +
      await client.run("NOOP");
    for (const line of told.split("\r\n")) {
      const expunged = /^\* (\d+) EXPUNGE$/.exec(line)?.[1];
      if (expunged !== undefined) for (const one of kept) one.expunged(Number(expunged));
      const context = /^\* ESEARCH \(TAG "c(\d+)"\)/.exec(line)?.[1];
      if (context !== undefined) kept[Number(context)]!.apply(line);
    }
    for (const [index, [, again]] of searches.entries()) {
      const all = /ALL ([\d:,]+)/.exec(await client.run(again))?.[1];
      const found = all === undefined ? [] : numbers(all);
      assert.deepEqual(kept[index]!.list, found, `seed ${seed}, turn ${turn}: ${again}`);
    }
  }
  client.close();
  other.close();
  assert.deepEqual(server.failures, []);
});

test("a client that only listens holds the state of every folder it watches", async () => {
  await using server = await serveFake({ open: () => kit.mailbox });
  const folders = ["Watched", "Watched/a", "Watched/b"];
  const other = await RawClient.signedIn(server.port);
  for (const folder of folders) await other.run(`CREATE ${folder}`);
  const client = await RawClient.signedIn(server.port, "ENABLE CONDSTORE");
  const items = ["MESSAGES", "UIDNEXT", "UNSEEN", "HIGHESTMODSEQ"] as const;
  const known = new Map<string, Map<string, number>>();
  const listen = (text: string): void => {
    for (const [, folder, list] of text.matchAll(/^\* STATUS (\S+) \(([^)]*)\)/gm)) {
      const values = known.get(folder!) ?? new Map<string, number>();
      known.set(folder!, values);
      for (const [, name, number] of list!.matchAll(/([A-Z]+) (\d+)/g)) values.set(name!, Number(number));
    }
  };
  listen(await client.run("NOTIFY SET STATUS (subtree Watched (MessageNew MessageExpunge FlagChange))"));
  for (const folder of folders) known.get(folder)!.set("UNSEEN", 0);
  const below = random(seed + 1);
  for (let turn = 0; turn < 2 * turns; turn++) {
    await change(other, below, folders[below(3)]!);
    listen(await client.run("NOOP"));
    const folder = folders[below(3)]!;
    const status = await other.run(`STATUS ${folder} (${items.join(" ")})`);
    for (const item of items) {
      const really = Number(new RegExp(`${item} (\\d+)`).exec(status)![1]);
      assert.equal(known.get(folder)!.get(item), really, `seed ${seed}, turn ${turn}: ${folder} ${item}`);
    }
  }
  client.close();
  other.close();
  assert.deepEqual(server.failures, []);
});
