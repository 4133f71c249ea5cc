// Every ROP against the fact pack: the table has each id with its name, and what our layouts write is read to the last
// byte by an interpreter that knows only the fact pack's field lists. Any bytes are a value or a WireError.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { decodePrefix, encode } from "#codec/binary/code.ts";
import { arbitrary, valueOrWireError } from "#codec/binary/test-kit.ts";
import type { AnyType, Type } from "#codec/binary/type.ts";
import { ropById } from "#wire/mapi/rop-table.ts";

interface Field {
  readonly n: string;
  readonly t: string;
  readonly count?: string;
  readonly len?: string;
  readonly if?: string;
}
interface Row {
  readonly id: string;
  readonly name: string;
  readonly request: readonly Field[] | null;
  readonly response: {
    readonly success: readonly Field[];
    readonly redirect?: { readonly fields: readonly Field[] };
  } | null;
}
interface Pack {
  readonly structs: Readonly<Record<string, readonly Field[]>>;
  readonly rops: readonly Row[];
}

const path = join(process.env["OUTPOST_SPEC"] ?? join(import.meta.dirname, "../../../../../shared/spec"), "rops.json");

function readPack(): Pack | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Pack;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
const pack = readPack();
const skip = pack === null ? "the fact pack's rops.json is not here" : false;

const integerSizes: Readonly<Record<string, number>> = {
  u8: 1, bool8: 1, u16: 2, u32: 4, i32: 4, proptag: 4, u64: 8, i64: 8,
};
const opaqueSizes: Readonly<Record<string, number>> = {
  guid: 16, fid: 8, mid: 8, cn: 8, id8: 8, LongTermID: 24, PropertyProblem: 10,
};
const fixedValues: Readonly<Record<number, number>> = {
  1: 0, 2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 1, 20: 8, 64: 8, 72: 16,
};

/** Reads by the fact pack's words alone; throws when the bytes do not follow them. */
class Interpreter {
  at = 0;
  readonly bytes: Buffer;
  readonly columns: readonly number[];
  readonly isPublic: boolean;

  constructor(bytes: Buffer, columns: readonly number[], isPublic: boolean) {
    this.bytes = bytes;
    this.columns = columns;
    this.isPublic = isPublic;
  }

  take(size: number): Buffer {
    assert.ok(this.at + size <= this.bytes.length, `${size} bytes at ${this.at} of ${this.bytes.length}`);
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  integer(type: string): number {
    const raw = this.take(integerSizes[type]!);
    return raw.length === 8 ? Number(raw.readBigUInt64LE()) : raw.readUIntLE(0, raw.length);
  }

  text(width: 1 | 2): void {
    while (this.take(width).some((byte) => byte !== 0)) continue;
  }

  value(code: number): void {
    if ((code & 0x1000) !== 0) {
      for (let left = this.integer("u32"); left > 0; left--) this.value(code & ~0x1000);
    } else if (code === 0x1e || code === 0x1f) this.text(code === 0x1e ? 1 : 2);
    else if ([0x102, 0xfb, 0x0d].includes(code)) this.take(this.integer("u16"));
    else if (code === 0xfd) this.restriction();
    else if (code === 0xfe) {
      for (let left = this.integer("u16"); left > 0; left--) this.take(this.integer("u16"));
    } else this.take(fixedValues[code]!);
  }

  restriction(): void {
    const type = this.integer("u8");
    if (type <= 1) for (let left = this.integer("u16"); left > 0; left--) this.restriction();
    else if (type === 2) this.restriction();
    else if (type === 3) this.after(8, () => this.tagged());
    else if (type === 4) this.after(5, () => this.tagged());
    else if (type === 8) this.take(4);
    else if (type <= 7) this.take(9);
    else if (type === 9 || type === 11) this.after(4, () => this.restriction());
    else {
      for (let left = this.integer("u8"); left > 0; left--) this.tagged();
      if (this.integer("u8") !== 0) this.restriction();
    }
  }

  after(size: number, read: () => void): void {
    this.take(size);
    read();
  }

  tagged(): void {
    this.value(this.integer("u32") & 0xffff);
  }

  row(columns: readonly number[]): void {
    const isFlagged = this.integer("u8") === 1;
    for (const tag of columns) {
      const flag = isFlagged ? this.integer("u8") : 0;
      if (flag === 0) this.value(tag & 0xffff);
      else if (flag === 0x0a) this.take(4);
    }
  }

  one(type: string, size: number | undefined, seen: Readonly<Record<string, number>>): number {
    if (integerSizes[type] !== undefined) return this.integer(type);
    const fixed = opaqueSizes[type] ?? (/^bytes\d+$/.test(type) ? Number(type.slice(5)) : undefined);
    const wide = /^stringU<(\w+)>$/.exec(type)?.[1];
    if (fixed !== undefined) this.take(fixed);
    else if (wide !== undefined) this.text(seen[wide] === 0 ? 1 : 2);
    else if (type === "string8z" || type === "string16z") this.text(type === "string8z" ? 1 : 2);
    else if (type === "TypedString") this.typedString();
    else if (type === "TaggedPropertyValue") this.tagged();
    else if (type.startsWith("PropertyRow")) this.row(this.columns);
    else if (["bytes", "Restriction", "utf16le", "RecipientRow"].includes(type)) this.take(size!);
    else if (type === "NotificationData") this.fields(pack!.structs[type]!, this.notification());
    else this.fields(pack!.structs[type]!, {});
    return 0;
  }

  typedString(): void {
    const kind = this.integer("u8");
    if (kind >= 2) this.text(kind === 4 ? 2 : 1);
  }

  notification(): Readonly<Record<string, number>> {
    const flags = this.bytes.readUInt16LE(this.at);
    const type = flags & 0xfff;
    return {
      type, T: (flags >> 12) & 1, U: (flags >> 13) & 1, S: (flags >> 14) & 1, M: (flags >> 15) & 1,
      evt: type === 0x100 ? this.bytes.readUInt16LE(this.at + 2) : 0,
    };
  }

  holds(condition: string, seen: Readonly<Record<string, number>>): boolean {
    const text = condition
      .replace(/(\w+) (not)?in ?\(([^)]*)\)/g, (_, name, not, list) => `${not ? "!" : ""}[${list}].includes(${name})`)
      .replaceAll("logon.isPublicFolder", String(this.isPublic)).replaceAll("logon.isPrivate", String(!this.isPublic));
    const names = Object.keys(seen);
    // The conditions are the fact pack's own text.
    return Boolean(Function(...names, `return (${text});`)(...names.map((name) => seen[name])));
  }

  fields(fields: readonly Field[], outer: Readonly<Record<string, number>>): Record<string, number> {
    const seen: Record<string, number> = { ...outer };
    for (const field of fields) {
      if (field.if !== undefined && !this.holds(field.if, seen)) continue;
      const size = field.len === "rest" ? this.bytes.length - this.at : seen[field.len ?? ""];
      if (field.count === "*") {
        const end = this.at + size!;
        while (this.at < end) this.one(field.t, undefined, seen);
        assert.equal(this.at, end);
      } else {
        const count = field.count === undefined ? 1 : Number(seen[field.count] ?? field.count);
        for (let left = count; left > 0; left--) seen[field.n] = this.one(field.t, size, seen);
      }
    }
    return seen;
  }
}

const columns = [0x0037001f, 0x0e070003, 0x0fff0102, 0x3001001e, 0x10801003, 0x0e060040];
const receiveFolderColumns = [0x67480014, 0x001a001e, 0x30080040];

/** Sizes and columns as the fact pack's PropertyRow asks for them. */
const columnsOf = (name: string): readonly number[] => {
  if (name === "RopGetReceiveFolderTable") return receiveFolderColumns;
  return columns;
};

test("every ROP of the fact pack has a row", { skip }, () => {
  for (const { id, name } of pack!.rops) assert.equal(ropById.get(Number(id))?.name, name, id);
  assert.equal(ropById.size, pack!.rops.length);
});

test("what the layouts write, the fact pack reads to the last byte", { skip }, () => {
  for (const row of pack!.rops) {
    const rop = ropById.get(Number(row.id))!;
    for (const isPublicLogon of [false, true]) {
      const given = {
        isPublicLogon, returnValue: 0, columns, receiveFolderColumns, propertyTags: columns, recipientColumns: columns,
      };
      const head = { RopId: rop.id, LogonId: 0, ReturnValue: 0 };
      const check = (layout: AnyType, fields: readonly Field[], what: string): void => {
        fc.assert(fc.property(arbitrary(layout as Type<unknown>, given), (value) => {
          const bytes = encode(layout as Type<unknown>, value, { given });
          const interpreter = new Interpreter(bytes, columnsOf(row.name), isPublicLogon);
          interpreter.fields(fields, head);
          assert.equal(interpreter.at, bytes.length, `${row.name} ${what}: ${bytes.toString("hex")}`);
          const back = decodePrefix(layout as Type<unknown>, bytes, 0, { given });
          assert.equal(back.end, bytes.length);
          assert.deepEqual(encode(layout as Type<unknown>, back.value, { given }), bytes);
        }), { numRuns: 25 });
      };
      if (row.request !== null) check(rop.request, row.request.slice(2), "request");
      if (row.response === null || rop.response === null) continue;
      const skipped = rop.answers === "none" ? 1 : 3;
      check(rop.response, row.response.success.slice(skipped), "response");
      const { redirect } = row.response;
      if (redirect !== undefined) check(rop.redirect!, redirect.fields.slice(3), "redirect");
    }
  }
});

test("any bytes are a request or a WireError", () => {
  for (const rop of ropById.values()) {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      valueOrWireError(() => decodePrefix(rop.request as Type<unknown>, bytes, 0, { given: { isPublicLogon: false } }));
    }), { numRuns: 40 });
  }
});
