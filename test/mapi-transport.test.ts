/**
 * Proves what MAPI over HTTP does around its requests: signs of life while an answer takes its time, codes of refusal,
 * one request at a time, cookies, sessions that outlive a dropped connection and end when they are told to.
 * [MS-OXCMAPIHTTP] 2.2.2, 2.2.3, 3.2.5
 */
import { strict as assert } from "node:assert";
import { request as httpsRequest } from "node:https";
import { after, before, test } from "node:test";
import { borrowWriter, decode, encode, encodeInto } from "#codec/binary/code.ts";
import type { Type } from "#codec/binary/type.ts";
import { unpackAuxiliary } from "#wire/mapi/auxiliary.ts";
import {
  connectRequest, connectResponse, disconnectRequest, executeRequest, executeResponse, notificationWaitRequest,
} from "#wire/mapi/emsmdb.ts";
import { noHandle, packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import type { Rop } from "#wire/mapi/rop.ts";
import { RopCreateMessage, RopSaveChangesMessage } from "#wire/mapi/rops/messages.ts";
import { RopRegisterNotification } from "#wire/mapi/rops/notifications.ts";
import { RopSetProperties } from "#wire/mapi/rops/properties.ts";
import { RopGetReceiveFolder } from "#wire/mapi/rops/store.ts";
import { MapiClient } from "./support/mapi-client.ts";
import { MapiSession } from "./support/mapi-session.ts";
import { dnOf, mailer, MailboxClient, startServer, tags } from "./support/mapi-mailbox.ts";
import { pause } from "./support/real-ctx.ts";
import { domain, password } from "./support/server.ts";
import type { TestServer } from "./support/server.ts";

let server: TestServer;
let alice: MailboxClient;
const none = new Uint8Array(0);

before(async () => {
  server = await startServer(["alice", "bob"]);
  alice = await MailboxClient.open(server, "alice");
});
after(async () => {
  await alice?.disconnect();
  await server?.dispose();
});

type Part = readonly [rop: Rop, request: Readonly<Record<string, unknown>>];

function bodyOf(parts: readonly Part[], handles: readonly number[]): Uint8Array {
  const rops = borrowWriter((writer) => {
    for (const [rop, request] of parts) {
      writer.append(Buffer.from([rop.id, 0]));
      encodeInto(writer, rop.request as Type<unknown>, request);
    }
    return writer.toBytes();
  });
  const ropBuffer = packRopBuffer([{ rops, handles: Uint32Array.from(handles) }], { compress: false, xorMagic: false });
  return encode(executeRequest, { flags: 3, ropBuffer, maxRopOut: 0x10008, auxiliaryBuffer: none });
}

const state = (): Uint8Array =>
  bodyOf([[RopGetReceiveFolder, { inputHandleIndex: 0, messageClass: "" }]], [alice.logon]);
const waitBody = encode(notificationWaitRequest, { flags: 0, auxiliaryBuffer: none });

function cookiesOf(by: MailboxClient): string {
  return [...by.session.client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
}

function takeCookies(by: MailboxClient, headers: Readonly<Record<string, unknown>>): void {
  for (const one of headers["set-cookie"] as string[]) {
    const [name = "", value = ""] = one.split(";")[0]!.split(/=(.*)/s);
    by.session.client.cookies.set(name, value);
  }
}

/** Pieces as they come, with the time of each; or, with `drops`, a connection that is gone once all was sent. */
async function raw(type: string, body: Uint8Array, options: {
  readonly cookies: string; readonly id: number; readonly drops?: boolean; readonly user?: string; readonly method?: string;
  readonly path?: string;
}): Promise<{ code: string; pieces: { atMs: number; text: string }[]; headers: Record<string, unknown> }> {
  const began = performance.now();
  return await new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: "127.0.0.1", port: server.ports.https, ca: server.caPem, servername: "localhost", agent: false,
      path: options.path ?? "/mapi/emsmdb/?MailboxId=x", method: options.method ?? "POST", headers: {
        "host": `localhost:${server.ports.https}`, "content-type": "application/mapi-http", "x-requesttype": type,
        "authorization": `Basic ${Buffer.from(`${options.user ?? "alice"}@${domain}:${password}`).toString("base64")}`,
        "content-length": body.length, "cookie": options.cookies,
        "x-requestid": `{11111111-2222-3333-4444-555555555555}:${options.id}`,
      },
    }, (response) => {
      const pieces: { atMs: number; text: string }[] = [];
      response.on("data", (piece: Buffer) => pieces.push({ atMs: performance.now() - began, text: piece.toString("latin1") }));
      response.once("end", () =>
        resolve({ code: String(response.headers["x-responsecode"]), pieces, headers: response.headers }));
      response.once("error", () => undefined);
    });
    request.once("error", (error) => (options.drops === true ? resolve({ code: "", pieces: [], headers: {} }) : reject(error)));
    request.end(body, () => {
      if (options.drops === true) setImmediate(() => request.destroy(new Error("gone")));
    });
  });
}

let slow: ReturnType<typeof raw>;
let slowClient: MailboxClient;

test("a wait is held", async () => {
  slowClient = await MailboxClient.open(server, "bob");
  await slowClient.session.must(RopRegisterNotification, slowClient.logon, { notificationTypes: 0x02, wantWholeStore: true });
  slow = raw("NotificationWait", waitBody, { cookies: cookiesOf(slowClient), id: 1, user: "bob" });
});

test("codes of refusal", async () => {
  const { client } = alice.session;
  const ask = async (type: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<number> =>
    (await client.post(type, body, headers)).code;
  const { code } = await raw("Execute", none, { cookies: "", id: 1, method: "GET" });
  assert.equal(code, "2", "invalid verb");
  assert.equal(await ask("Execute", none, { "x-clientinfo": "x".repeat(1200) }), 4, "invalid header");
  assert.equal(await ask("Bind", none), 5, "of the other endpoint");
  assert.equal(await ask("Execute", none, { "x-requestid": "" }), 7, "missing header");
  const large = await raw("Execute", Buffer.alloc(2_000_000), { cookies: cookiesOf(alice), id: 2 });
  assert.equal(large.code, "9", "too large");
  const nobody = "A".repeat(32);
  assert.equal(await ask("Execute", none, { cookie: `MapiContext=${nobody}; MapiSequence=1` }), 10, "context not found");
  assert.equal(await ask("Execute", none, { cookie: "MapiContext=no cookie; MapiSequence=1" }), 6, "never was a cookie");
  const elsewhere = await raw("Execute", none, { cookies: cookiesOf(alice), id: 3, path: "/mapi/emsmdb/inbox" });
  assert.equal(elsewhere.code, "3", "invalid path");
  assert.equal(await ask("Execute", none, { "content-type": "text/xml" }), 4, "another kind of body");
  assert.equal(await ask("Execute", none, { cookie: "MapiSequence=1" }), 13, "missing cookie");
  assert.equal(await ask("Execute", none, { cookie: `MapiContext=${client.cookies.get("MapiContext")!}` }), 13, "the other one");
  assert.equal(await ask("Execute", none, { cookie: cookiesOf(alice).replace(/MapiSequence=\d+/, "MapiSequence=99") }), 15);
  assert.equal(await ask("Execute", Buffer.from([1, 2, 3])), 12, "no body of this request");
  const anonymous = await client.post("Execute", none, { authorization: "" });
  assert.deepEqual([anonymous.status, anonymous.code], [401, 8], "anonymous not allowed");
  const answer = await client.post("Execute", state());
  assert.equal(answer.code, 0, "the session lives on");
  assert.equal(answer.headers["x-pendingperiod"], "15000");
  assert.ok(Number(answer.headers["x-expirationinfo"]) >= 900_000);
  assert.equal(answer.headers["set-cookie"]?.length, 2);
  const ping = await client.post("PING", none);
  assert.equal(ping.code, 0);
  assert.ok(Number(ping.headers["x-expirationinfo"]) >= 900_000);
});

const writes = (subject: string): Uint8Array => bodyOf([
  [RopCreateMessage, { inputHandleIndex: 0, outputHandleIndex: 1, codePageId: 0x0fff, folderId: alice.folderIds[5],
    associatedFlag: false }],
  [RopSetProperties, { inputHandleIndex: 1, propertyValues: [{ tag: tags.subject, value: subject }] }],
  [RopSaveChangesMessage, { responseHandleIndex: 1, inputHandleIndex: 1, saveFlags: 2 }],
], [alice.logon, noHandle]);

test("one at a time: of two requests at once one is refused; a wait is not in the way", async () => {
  const cookies = cookiesOf(alice);
  const [a, b, c] = await Promise.all([
    raw("Execute", writes("a"), { cookies, id: 21 }), raw("Execute", writes("b"), { cookies, id: 22 }),
    raw("PING", none, { cookies, id: 23 }),
  ]);
  assert.deepEqual([a.code, b.code].sort(), ["0", "15"]);
  assert.equal(c.code, "0");
  takeCookies(alice, [a, b].find(({ code }) => code === "0")!.headers);
});

test("the same request twice at once is two: one is refused", async () => {
  const cookies = cookiesOf(alice);
  const asked = { cookies, id: 31 };
  const both = await Promise.all([raw("Execute", writes("twice"), asked), raw("Execute", writes("twice"), asked)]);
  const known = both.find(({ headers }) => headers["set-cookie"] !== undefined)!;
  // Who comes when the first has its answer is given that answer again.
  assert.ok(["0 0", "0 15"].includes(both.map(({ code }) => code).sort().join(" ")), both.map(({ code }) => code).join());
  takeCookies(alice, known.headers);
  const outbox = await alice.openFolder("outbox");
  const rows = await alice.rows(await alice.contents(outbox, [tags.subject]), [tags.subject]);
  assert.equal(rows.filter(([subject]) => subject === "twice").length, 1, "done once");
});

test("answers come in pieces that begin with PROCESSING, and every one says when the session ends", async () => {
  const { client } = alice.session;
  const quick = await client.post("Execute", state(), { "x-clientinfo": "opaque:7" });
  assert.deepEqual(quick.metaTags, ["PROCESSING", "DONE"]);
  assert.equal(quick.headers["transfer-encoding"], "chunked");
  assert.equal(quick.headers["content-length"], undefined);
  assert.equal(quick.headers["x-clientinfo"], "opaque:7");
  assert.match(quick.headers["x-serverapplication"] as string, /^Exchange\/15\./);
  assert.equal(quick.headers["cache-control"], "private");
  const refused = await client.post("Nonsense", none);
  assert.equal(refused.headers["x-expirationinfo"], quick.headers["x-expirationinfo"]);
  assert.match(refused.headers["content-type"]!, /^text\/html/);
});

test("payloads compressed, disguised or both come in, and go out as the client takes them", async () => {
  const { client } = alice.session;
  const rops = borrowWriter((writer) => {
    // Enough of the same for a payload that is worth compressing, out and back.
    for (let index = 0; index < 200; index++) {
      writer.append(Buffer.from([RopGetReceiveFolder.id, 0]));
      encodeInto(writer, RopGetReceiveFolder.request as Type<unknown>, { inputHandleIndex: 0, messageClass: "IPM.Note" });
    }
    return writer.toBytes();
  });
  const plain: Uint8Array[] = [];
  for (const flags of [3, 2, 1, 0]) {
    const options = { compress: (flags & 1) === 0, xorMagic: (flags & 2) === 0 };
    const ropBuffer = packRopBuffer([{ rops, handles: Uint32Array.of(alice.logon) }], options);
    const marks = (options.compress ? 1 : 0) | (options.xorMagic ? 2 : 0) | 4;
    assert.equal(ropBuffer.readUInt16LE(2), marks);
    const answer = await client.post("Execute", encode(executeRequest, {
      flags, ropBuffer, maxRopOut: 0x10008, auxiliaryBuffer: none,
    }));
    const told = decode(executeResponse, answer.body);
    assert.equal(told.errorCode, 0);
    assert.equal(Buffer.from(told.ropBuffer).readUInt16LE(2), marks, `flags ${flags}`);
    const [payload] = unpackRopBuffer(told.ropBuffer);
    plain.push(payload!.rops);
  }
  assert.ok(plain[0]!.length > 2000);
  for (const one of plain) assert.deepEqual(one, plain[0]);
});

test("Connect: whose name it may be, and what it tells", async () => {
  const client = new MapiClient(server, "/mapi/emsmdb/?MailboxId=x", `bob@${domain}`);
  const connect = async (userDn: string) => {
    const answer = await client.post("Connect", encode(connectRequest, {
      userDn, flags: 0, defaultCodePage: 1252, lcidSort: 1033, lcidString: 1033, auxiliaryBuffer: none,
    }));
    assert.equal(answer.code, 0);
    return decode(connectResponse, answer.body);
  };
  assert.equal((await connect("/o=nowhere/cn=nobody")).errorCode, 0x3eb);
  assert.equal((await connect(await dnOf(server, "alice"))).errorCode, 0x8007_0005);
  assert.equal(client.cookies.size, 0, "a refusal makes no session");
  const own = await connect((await dnOf(server, "bob")).toUpperCase());
  assert.deepEqual([own.errorCode, own.pollsMaxMs, own.retryCount, own.retryDelayMs, own.displayName],
    [0, 60_000, 6, 10_000, "bob"]);
  assert.match(own.dnPrefix, /^\/o=.*\/cn=Recipients\/cn=$/);
  assert.deepEqual(unpackAuxiliary(own.auxiliaryBuffer).map(({ type }) => type), [0x17, 0x0a, 0x48]);
  // The context alone is enough to begin anew. [MS-OXCMAPIHTTP] 3.2.5.6
  const old = client.cookies.get("MapiContext");
  client.cookies.delete("MapiSequence");
  assert.equal((await connect(await dnOf(server, "bob"))).errorCode, 0);
  assert.notEqual(client.cookies.get("MapiContext"), old);
  const ended = await client.post("Disconnect", encode(disconnectRequest, { auxiliaryBuffer: none }));
  assert.equal(ended.code, 0);
  assert.equal((await client.post("PING", none)).code, 10);
  client.close();
});

test("a dropped connection ends nothing: asked again, the request is answered, and was done once", async () => {
  for (let round = 0; round < 8; round++) {
    const cookies = cookiesOf(alice);
    const body = writes(`dropped ${round}`);
    await raw("Execute", body, { cookies, id: 100 + round, drops: true });
    await pause(round * 3);
    const again = await raw("Execute", body, { cookies, id: 100 + round });
    assert.equal(again.code, "0", `round ${round}`);
    const told = Buffer.from(again.pieces.map(({ text }) => text).join(""), "latin1");
    assert.equal(decode(executeResponse, told.subarray(told.indexOf("\r\n\r\n") + 4)).errorCode, 0);
    takeCookies(alice, again.headers);
  }
  const outbox = await alice.openFolder("outbox");
  const rows = await alice.rows(await alice.contents(outbox, [tags.subject]), [tags.subject]);
  const dropped = rows.map(([subject]) => String(subject)).filter((subject) => subject.startsWith("dropped"));
  assert.equal(dropped.length, 8, dropped.join());
});

test("the cookie of a wait that comes late is taken as well", async () => {
  const other = await MailboxClient.open(server, "alice");
  const { client } = other.session;
  await other.session.must(RopRegisterNotification, other.logon, { notificationTypes: 0x02, wantWholeStore: true });
  const early = cookiesOf(other);
  const waiting = raw("NotificationWait", waitBody, { cookies: early, id: 1 });
  await pause(80);
  await other.session.must(RopGetReceiveFolder, other.logon, { messageClass: "" });
  client.cookies.set("MapiSequence", /MapiSequence=([^;]+)/.exec(early)![1]!);
  await other.session.must(RopGetReceiveFolder, other.logon, { messageClass: "" });
  const bob = mailer(server, "bob");
  await bob.sendMail({ from: `bob@${domain}`, to: `alice@${domain}`, subject: "wake", text: "up" });
  bob.close();
  assert.equal((await waiting).code, "0");
  await other.disconnect();
});

test("who connects anew is done with the old session; Disconnect ends the new one", async () => {
  const session = await MapiSession.connect(server, `alice@${domain}`, await dnOf(server, "alice"));
  const old = session.client.cookies.get("MapiContext")!;
  const cookies = [...session.client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const again = await MapiSession.connect(server, `alice@${domain}`, session.dn, session.client);
  assert.notEqual(again.client.cookies.get("MapiContext"), old);
  assert.equal((await raw("PING", none, { cookies, id: 1 })).code, "10");
  const fresh = [...again.client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const ended = await raw("Disconnect", encode(disconnectRequest, { auxiliaryBuffer: none }), { cookies: fresh, id: 2 });
  assert.equal(ended.code, "0");
  assert.equal((ended.headers["set-cookie"] as string[]).length, 2);
  assert.equal((await raw("PING", none, { cookies: fresh, id: 3 })).code, "10");
  session.client.close();
});

test("an answer that takes its time is announced, and signs of life come until it is there", async () => {
  await pause(14_000);
  const bob = mailer(server, "bob");
  await bob.sendMail({ from: `bob@${domain}`, to: `bob@${domain}`, subject: "at last", text: "x" });
  bob.close();
  const { pieces, headers } = await slow;
  assert.equal(headers["transfer-encoding"], "chunked");
  const all = pieces.map(({ text }) => text).join("");
  assert.match(all, /^PROCESSING\r\n(?:PENDING\r\n)+DONE\r\nX-ResponseCode: 0\r\nX-ElapsedTime: \d+\r\nX-StartTime: [^\r]+\r\n\r\n/);
  assert.ok(pieces[0]!.text.startsWith("PROCESSING") && pieces[0]!.atMs < 2000, `${pieces[0]!.atMs} ms`);
  const sign = pieces.find(({ text }) => text.startsWith("PENDING"))!;
  assert.ok(sign.atMs > 14_000 && sign.atMs < 20_000, `${sign.atMs} ms`);
  await slowClient.disconnect();
  assert.deepEqual(server.errors(), []);
});
