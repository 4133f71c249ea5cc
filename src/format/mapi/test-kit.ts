/** Messages for tests, and how two of them are compared. Imported by tests only. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { MapiMessage, MapiProperty, MapiValue } from "#format/mapi/property.ts";

const corpus = join(process.env["OUTPOST_CORPUS"] ?? "../shared/corpus", "outlook");
export const corpusMissing = existsSync(corpus) ? false : `no corpus at ${corpus}`;

/** Files of the corpus with one of these endings. */
export function corpusFiles(...endings: string[]): { name: string; bytes: Buffer }[] {
  if (corpusMissing !== false) return [];
  return readdirSync(corpus).filter((name) => endings.some((ending) => name.endsWith(ending))).sort()
    .map((name) => ({ name, bytes: readFileSync(join(corpus, name)) }));
}

/** A value with views and buffers alike, for deepEqual; properties in the order of their meaning. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function plainProperties(list: readonly MapiProperty[], without: readonly number[]): unknown[] {
  const rows = list.filter(({ id, name }) => name !== undefined || !without.includes(id)).map(({ id, type, name, value }) =>
    [name === undefined ? id : `${name.guid} ${typeof name.id} ${name.id}`, type, plain(value)]);
  return rows.map((row) => JSON.stringify(row, (_, inner: unknown) => {
    if (typeof inner === "bigint") return `${inner}n`;
    return typeof inner === "number" && !Number.isFinite(inner) ? String(inner) : Object.is(inner, -0) ? "-0" : inner;
  })).sort();
}

/** What a message means, but for ids of named properties and those the writers add. */
export function meaning(message: MapiMessage, added: readonly number[] = []): unknown {
  return {
    properties: plainProperties(message.properties, added),
    recipients: message.recipients.map((one) => plainProperties(one, added)),
    attachments: message.attachments.map((one) => ({
      properties: plainProperties(one.properties, added), data: plain(one.data),
      embedded: one.embedded === undefined ? undefined : meaning(one.embedded, added),
    })),
  };
}

const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((one) => !one.includes("\0"));
const bytes8 = fc.uint8Array({ maxLength: 12, min: 1 });
const time = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const raw = fc.uint8Array({ maxLength: 300 });

const values: Readonly<Record<number, fc.Arbitrary<MapiValue>>> = {
  0x0002: fc.integer({ min: -32768, max: 32767 }), 0x0003: fc.integer(), 0x0004: fc.float({ noNaN: true }),
  0x0005: fc.double(), 0x0006: long, 0x0007: fc.double({ noNaN: true }), 0x000a: fc.nat(0xffffffff), 0x000b: fc.boolean(),
  0x0014: long, 0x001e: bytes8, 0x001f: text, 0x0040: time, 0x0048: fc.uuid(), 0x0102: raw,
};
const codes = Object.keys(values).map(Number);
const name = fc.oneof(
  fc.record({ guid: fc.uuid(), id: fc.nat(0xffffffff) }),
  fc.record({ guid: fc.constantFrom("00020329-0000-0000-c000-000000000046", "00020386-0000-0000-c000-000000000046"),
    id: text.filter((one) => one !== "") }),
);

const property: fc.Arbitrary<MapiProperty> = fc.constantFrom(...codes).chain((code) => {
  const single = values[code]!;
  const list = fc.array(single, { maxLength: 4 }) as fc.Arbitrary<unknown> as fc.Arbitrary<MapiValue>;
  const typed = fc.oneof(
    single.map((value) => ({ type: code, value })),
    // Lists of booleans do not exist.
    ...(code === 0x000b || code === 0x000a ? [] : [list.map((value) => ({ type: code | 0x1000, value }))]),
  );
  const plainId = fc.record({ id: fc.integer({ min: 0x4000, max: 0x5fff }) });
  const namedId = fc.record({ id: fc.integer({ min: 0x8000, max: 0xfffe }), name });
  return fc.tuple(typed, fc.oneof(plainId, namedId)).map(([value, id]) => ({ ...value, ...id }));
});

/** Each property once, named ones by their name. */
const propertyList = fc.uniqueArray(property, {
  maxLength: 8,
  selector: (one) => (one.name === undefined ? String(one.id) : `${one.name.guid} ${typeof one.name.id} ${one.name.id}`),
});

/** Messages with recipients, attachments and messages inside. */
export const anyMessage: fc.Arbitrary<MapiMessage> = fc.letrec<{ message: MapiMessage }>((tie) => ({
  message: fc.record({
    properties: propertyList, recipients: fc.array(propertyList, { maxLength: 2 }),
    attachments: fc.array(fc.oneof({ depthSize: "small" },
      fc.record({ properties: propertyList, data: raw }),
      fc.record({ properties: propertyList, embedded: tie("message") }),
    ), { maxLength: 2 }),
  }),
})).message;

/** The bytes with some of them changed, cut or doubled. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const change = fc.record({ at: fc.nat(Math.max(0, bytes.length - 1)), value: fc.oneof(fc.constantFrom(0, 255, 1), fc.nat(255)) });
  return fc.tuple(fc.array(change, { maxLength: 12 }), fc.nat(bytes.length), fc.boolean()).map(([changes, cut, isCut]) => {
    const copy = Buffer.from(bytes);
    for (const { at, value } of changes) if (copy.length > 0) copy[at] = value;
    return isCut ? copy.subarray(0, cut) : copy;
  });
}
