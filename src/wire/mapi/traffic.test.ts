// Traffic recorded between Outlook and another server: every body is read, every ROP in it is understood, and writing
// what was read gives the same bytes.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { borrowWriter, decode, decodePrefix, encode } from "#codec/binary/code.ts";
import type { Type } from "#codec/binary/type.ts";
import {
  auxiliaryTypes, connectAuxiliary, packAuxiliary, unpackAuxiliary,
} from "#wire/mapi/auxiliary.ts";
import {
  connectRequest, connectResponse, disconnectRequest, executeRequest, executeResponse,
} from "#wire/mapi/emsmdb.ts";
import { addressBookRequestTypes, findRequestType } from "#wire/mapi/http-frame.ts";
import { addressBookBodies } from "#wire/mapi/nspi.ts";
import { packRopBuffer, unpackRopBuffer } from "#wire/mapi/rop-buffer.ts";
import { ropById } from "#wire/mapi/rop-table.ts";
import { decodeAnswer, encodeAnswer } from "#wire/mapi/rop.ts";

const corpus = process.env["OUTPOST_CORPUS"] ?? join(import.meta.dirname, "../../../../shared/corpus");
const folder = join(corpus, "protocol");

function files(): string[] {
  try {
    return readdirSync(folder).filter((name) => /-mapihttp-/.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
const recorded = files();
/** [MS-OXCROPS] 2.2.3.4.2 */
const receiveFolderColumns = [0x67480014, 0x001a001e, 0x30080040];
const skip = recorded.length === 0 ? "the recorded traffic of the corpus is not here" : false;
const read = (name: string): Buffer => readFileSync(join(folder, name));

/** That server writes one empty string as no value, and the next as an empty one; we always say that there is one. */
const withAbsentString = "syncgw-mapihttp-getspecialtable_resp5.bin";

function sameBytes(layout: unknown, bytes: Buffer, what: string): void {
  const value = decode(layout as Type<unknown>, bytes);
  const written = encode(layout as Type<unknown>, value);
  if (what === withAbsentString) assert.deepEqual(decode(layout as Type<unknown>, written), value, what);
  else assert.equal(written.toString("hex"), bytes.toString("hex"), what);
}

/** Splits a list of requests by the table, checking that each is written as it was. */
function requests(rops: Uint8Array): { name: string; request: Record<string, unknown> }[] {
  const found: { name: string; request: Record<string, unknown> }[] = [];
  let at = 0;
  while (at < rops.length) {
    const row = ropById.get(rops[at]!);
    assert.ok(row, `ROP 0x${rops[at]!.toString(16)}`);
    const layout = row.request as Type<Record<string, unknown>>;
    const { value, end } = decodePrefix(layout, rops, at + 2, { given: { isPublicLogon: false } });
    const written = encode(layout, value, { given: { isPublicLogon: false } });
    assert.equal(written.toString("hex"), Buffer.from(rops.subarray(at + 2, end)).toString("hex"), row.name);
    found.push({ name: row.name, request: value });
    at = end;
  }
  return found;
}

test("every recorded body is read and written back", { skip }, () => {
  for (const name of recorded) {
    const [, type = "", direction = ""] = /-mapihttp-(\w+)_(req|resp)/.exec(name) ?? [];
    const bytes = read(name);
    const isRequest = direction === "req";
    if (type === "connect") sameBytes(isRequest ? connectRequest : connectResponse, bytes, name);
    else if (type === "disconnect") sameBytes(disconnectRequest, bytes, name);
    else if (type === "execute") sameBytes(isRequest ? executeRequest : executeResponse, bytes, name);
    else {
      const known = findRequestType(addressBookRequestTypes, type);
      assert.ok(known !== undefined && known !== "PING", name);
      sameBytes(addressBookBodies[known][isRequest ? "request" : "response"], bytes, name);
    }
  }
});

test("every recorded ROP is understood", { skip }, () => {
  const seen = new Map<string, number>();
  for (const name of recorded.filter((one) => one.includes("execute_req"))) {
    const { ropBuffer } = decode(executeRequest, read(name));
    const payloads = unpackRopBuffer(ropBuffer);
    const isPlain = (ropBuffer[2]! & 0x03) === 0;
    const packed = packRopBuffer(payloads, { compress: false, xorMagic: false });
    if (isPlain) assert.equal(packed.toString("hex"), Buffer.from(ropBuffer).toString("hex"), name);
    else assert.deepEqual(unpackRopBuffer(packed), payloads, name);
    for (const rop of payloads.flatMap((payload) => requests(payload.rops))) {
      seen.set(rop.name, (seen.get(rop.name) ?? 0) + 1);
    }
  }
  assert.ok(seen.size >= 10, [...seen].join(" "));
});

test("recorded answers to recorded requests", { skip }, () => {
  let answered = 0;
  for (const name of recorded.filter((one) => one.includes("execute_resp"))) {
    const asked = name.replace("_resp", "_req");
    const [payload] = unpackRopBuffer(decode(executeResponse, read(name)).ropBuffer);
    const requested = recorded.includes(asked)
      ? requests(unpackRopBuffer(decode(executeRequest, read(asked)).ropBuffer)[0]!.rops) : null;
    let at = 0;
    const { rops } = payload!;
    const left = requested?.filter((one) => one.name !== "RopRelease") ?? [];
    while (at < rops.length) {
      const row = ropById.get(rops[at]!)!;
      const request = left.shift();
      if (requested === null && ["RopQueryRows", "RopGetPropertiesSpecific", "RopFindRow"].includes(row.name)) break;
      const tags = request?.request["propertyTags"];
      if (row.name === "RopQueryRows" || row.name === "RopNotify") break;
      const given = { propertyTags: tags, recipientColumns: [], receiveFolderColumns };
      const answer = decodeAnswer(row, rops, at, given);
      const written = borrowWriter((writer) => {
        encodeAnswer(writer, { ...answer, given });
        return writer.toBytes();
      });
      assert.equal(written.toString("hex"), Buffer.from(rops.subarray(at, answer.end)).toString("hex"),
        `${name} ${row.name}`);
      answered++;
      at = answer.end;
    }
  }
  assert.ok(answered >= 12, `${answered} answers`);
});

test("recorded auxiliary buffers", { skip }, () => {
  const request = decode(connectRequest, read("syncgw-mapihttp-connect_req18.bin"));
  assert.ok(unpackAuxiliary(request.auxiliaryBuffer).length > 0);
  const response = decode(connectResponse, read("syncgw-mapihttp-connect_resp18.bin"));
  assert.deepEqual(connectAuxiliary({ orgFlags: 3, expiryTimeMs: 604_800_000 }), response.auxiliaryBuffer);
  const blocks = unpackAuxiliary(response.auxiliaryBuffer);
  assert.deepEqual(unpackAuxiliary(packAuxiliary(blocks)), blocks);
  assert.deepEqual(blocks.map((block) => block.type).sort((a, b) => a - b),
    [auxiliaryTypes.clientControl, auxiliaryTypes.exchangeOrganizationInfo, auxiliaryTypes.endpointCapabilities]);
});
