/**
 * Proves locked regions of streams between sessions, and the state of automatic replies as part of the store: both over
 * real HTTPS. [MS-OXCPRPT] 3.2.5.21, [MS-OXCSTOR] 2.2.2.1.2
 */
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { makeTag } from "#props/types.ts";
import { noHandle } from "#wire/mapi/rop-buffer.ts";
import * as properties from "#wire/mapi/rops/properties.ts";
import * as store from "#wire/mapi/rops/store.ts";
import * as streams from "#wire/mapi/rops/streams.ts";
import { MailboxClient, dnOf, startServer, tags } from "./support/mapi-mailbox.ts";
import { domain } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;

before(async () => {
  server = await startServer(["alice", "bob"]);
});
after(() => server.dispose());

test("what one session locks another cannot write, and reads only where it may", async () => {
  const [one, two] = [await MailboxClient.open(server, "alice"), await MailboxClient.open(server, "alice")];
  const made = await one.create("inbox", [[tags.subject, "Locked"], [tags.body, "0123456789"]]);
  const id = await one.save(made);
  const openOn = async (client: MailboxClient): Promise<number> => {
    const message = await client.open(await client.openFolder("inbox"), "inbox", id);
    return (await client.session.must(streams.RopOpenStream, message,
      { propertyTag: tags.body, openModeFlags: 1 })).opened;
  };
  const [mine, theirs] = [await openOn(one), await openOn(two)];
  const region = (offset: number, size: number, lockFlags: number) =>
    ({ regionOffset: BigInt(offset), regionSize: BigInt(size), lockFlags });
  const write = async (): Promise<number> => {
    await two.session.must(streams.RopSeekStream, theirs, { origin: 0, offset: 0n });
    return (await two.session.call(streams.RopWriteStream, theirs, { data: Buffer.from("x\0") })).returnValue;
  };
  const read = async (): Promise<number> => {
    await two.session.must(streams.RopSeekStream, theirs, { origin: 0, offset: 0n });
    return (await two.session.call(streams.RopReadStream, theirs, { byteCount: 4 })).returnValue;
  };
  const lockViolation = 0x8003_0021;
  await one.session.must(streams.RopLockRegionStream, mine, region(0, 4, 1));
  assert.deepEqual([await write(), await read()], [lockViolation, 0]);
  const taken = await two.session.call(streams.RopLockRegionStream, theirs, region(2, 4, 1));
  assert.equal(taken.returnValue, 0x8007_0005);
  await two.session.must(streams.RopLockRegionStream, theirs, region(4, 4, 1));
  const wrong = await one.session.call(streams.RopUnlockRegionStream, mine, region(0, 3, 1));
  assert.equal(wrong.returnValue, lockViolation);
  await one.session.must(streams.RopUnlockRegionStream, mine, region(0, 4, 1));
  assert.equal(await write(), 0);
  await one.session.must(streams.RopLockRegionStream, mine, region(0, 4, 2));
  assert.deepEqual([await write(), await read()], [lockViolation, lockViolation]);
  one.session.release(mine);
  await one.get(one.logon, [makeTag(0x661d, "Boolean")]);
  assert.equal(await write(), 0, "a stream that is closed holds nothing");
  await one.disconnect();
  await two.disconnect();
});

test("being away is said at logon, read, and set by the owner alone", async () => {
  const away = makeTag(0x661d, "Boolean");
  const alice = await MailboxClient.open(server, "alice");
  const flags = async (): Promise<number> => {
    const done = await alice.session.execute([{ rop: store.RopLogon, request: {
      outputHandleIndex: 0, logonFlags: 1, openFlags: 0x0100_0000, storeState: 0,
      essdn: Buffer.from(`${await dnOf(server, "alice")}\0`, "latin1"),
    } }], [noHandle]);
    return (done.answers[0]!.body as { responseFlags: number }).responseFlags;
  };
  assert.deepEqual(await alice.get(alice.logon, [away]), [false]);
  assert.equal(await flags() & 0x10, 0);
  const fresh = await MailboxClient.open(server, "alice");
  await fresh.set(fresh.logon, [[away, true]]);
  assert.deepEqual(await fresh.get(fresh.logon, [away]), [true]);
  const later = await MailboxClient.open(server, "alice");
  assert.deepEqual(await later.get(later.logon, [away]), [true]);
  assert.match(await server.must(["rule", "list", `alice@${domain}`]), /away|replies/i);
  await server.must(["shared", "grant", `alice@${domain}`, "--to", `bob@${domain}`, "--right", "full"]);
  const bob = await MailboxClient.open(server, "bob", "alice");
  const refused = await bob.session.call(properties.RopSetProperties, bob.logon,
    { propertyValues: [{ tag: away, value: false }] });
  assert.equal(refused.returnValue, 0x8007_0005);
  await fresh.set(fresh.logon, [[away, false]]);
  assert.deepEqual(await fresh.get(fresh.logon, [away]), [false]);
});
