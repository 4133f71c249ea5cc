/**
 * Property values as they stand in ROP buffers, in extended rules and in the address book's bodies. What a value is
 * in the server says `props/types.ts`. [MS-OXCDATA] 2.11
 */
import { bytes, guid, latin1z, rest, utf16z } from "#codec/binary/bytes.ts";
import { encode } from "#codec/binary/code.ts";
import { constant, hasFlag, listOf, mapped, recursive, sized, struct, tagged, when } from "#codec/binary/combine.ts";
import { bool, fileTime, i16, i32, i64, u16, u32, u8 } from "#codec/binary/numbers.ts";
import { makeType, Refusal } from "#codec/binary/type.ts";
import type { Reader, Type, Writer } from "#codec/binary/type.ts";
import { floatFromBytes, floatToBytes } from "#props/values.ts";
import { propertyTypes, tagTypeCode } from "#props/types.ts";
import type { FloatValue, PropertyTag, PropertyTypeName, PropertyValue } from "#props/types.ts";
import { propertyTag, shortTermId } from "#props/object-ids.ts";
import type { ShortTermId } from "#props/object-ids.ts";

/**
 * Where a value stands: in a ROP buffer (lengths of 16 bits), in the stored form of an extended rule (32 bits), or in
 * a body of the address book (32 bits, and a byte before each that tells whether there is a value).
 * [MS-OXCDATA] 2.11.1.1, [MS-OXCMAPIHTTP] 2.2.1.1
 */
export type Form = "rop" | "extended" | "addressBook";

const float32 = mapped<Uint8Array, FloatValue>(bytes(4), floatFromBytes, (value) => floatToBytes(value, 4));
const float64 = mapped<Uint8Array, FloatValue>(bytes(8), floatFromBytes, (value) => floatToBytes(value, 8));
const nothing = mapped<object, null>(struct({}), () => null, () => ({}));

/** Bytes up to a NUL: text of the client's code page, which only the client knows. */
const string8z: Type<Uint8Array> = mapped<string, Uint8Array>(
  latin1z, (text) => Buffer.from(text, "latin1"),
  (raw) => Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("latin1"),
);

/** The bytes that `inner` takes, unchanged, once they are known to be well formed. */
export function rawOf(inner: () => Type<unknown>): Type<Uint8Array> {
  return makeType<Uint8Array>({
    shape: { kind: "recursive", inner: () => mapped(inner(), (value) => encode(inner(), value), () => null) },
    sizeMin: 1,
    read: (reader) => {
      const from = reader.at;
      inner().read(reader);
      return reader.bytes.subarray(from, reader.at);
    },
    write: (writer, value) => {
      if (!(value instanceof Uint8Array)) throw new Refusal("is no bytes", writer.at);
      writer.append(value);
    },
  });
}

/** A byte that tells whether the value follows; without one the value is its empty form. [MS-OXCMAPIHTTP] 2.2.1.1 */
function announced<T>(inner: Type<T>, empty: T): Type<T> {
  return makeType<T>({
    shape: inner.shape, sizeMin: 1, usesScope: inner.usesScope,
    read: (reader) => (u8.read(reader) === 0 ? empty : inner.read(reader)),
    write: (writer, value) => {
      u8.write(writer, 0xff);
      inner.write(writer, value);
    },
  });
}

function layoutsOf(form: Form): Readonly<Record<PropertyTypeName, Type<unknown>>> {
  const count = form === "rop" ? u16 : u32;
  const perhaps = <T>(inner: Type<T>, empty: T): Type<T> =>
    (form === "addressBook" ? announced(inner, empty) : inner);
  const binary = perhaps(bytes(count), new Uint8Array(0));
  const text = perhaps(utf16z, "");
  const text8 = perhaps(string8z, new Uint8Array(0));
  const several = <T>(item: Type<T>): Type<readonly T[]> => perhaps<readonly T[]>(listOf(u32, item), []);
  return {
    Null: nothing, Integer16: i16, Integer32: i32, Floating32: float32, Floating64: float64, Currency: i64,
    FloatingTime: float64, ErrorCode: u32, Boolean: bool, Object: form === "addressBook" ? u32 : binary,
    Integer64: i64, String8: text8, String: text, Time: fileTime, Guid: guid, ServerId: bytes(u16),
    Restriction: rawOf(() => restriction(form)), RuleAction: rawOf(() => ruleActions(form)), Binary: binary,
    MultipleInteger16: several(i16), MultipleInteger32: several(i32), MultipleFloating32: several(float32),
    MultipleFloating64: several(float64), MultipleCurrency: several(i64), MultipleFloatingTime: several(float64),
    MultipleInteger64: several(i64), MultipleString8: several(text8), MultipleString: several(text),
    MultipleTime: several(fileTime), MultipleGuid: several(guid), MultipleBinary: several(binary),
  };
}

function byCode(form: Form): ReadonlyMap<number, Type<PropertyValue>> {
  const layouts = layoutsOf(form);
  return new Map(Object.entries(propertyTypes).map(([name, { code }]) =>
    [code, layouts[name as PropertyTypeName] as Type<PropertyValue>]));
}

const layouts: Readonly<Record<Form, ReadonlyMap<number, Type<PropertyValue>>>> = {
  rop: byCode("rop"), extended: byCode("extended"), addressBook: byCode("addressBook"),
};

/** The layout of values of a type; undefined for a type without values, such as Unspecified. [MS-OXCDATA] 2.11.1 */
export function valueLayout(form: Form, typeCode: number): Type<PropertyValue> | undefined {
  return layouts[form].get(typeCode);
}

/** A value of the type that was just read or is about to be written. */
export function readValue(form: Form, typeCode: number, reader: Reader): PropertyValue {
  const layout = layouts[form].get(typeCode);
  if (layout === undefined) throw new Refusal(`0x${typeCode.toString(16)} is no type of values`, reader.at);
  return layout.read(reader);
}

export function writeValue(
  form: Form, typeCode: number, writer: Writer, value: PropertyValue,
): void {
  const layout = layouts[form].get(typeCode);
  if (layout === undefined) throw new Refusal(`0x${typeCode.toString(16)} is no type of values`, writer.at);
  layout.write(writer, value);
}

/** One property with its tag. [MS-OXCDATA] 2.11.4 */
export interface TaggedValue {
  readonly tag: PropertyTag;
  readonly value: PropertyValue;
}

interface PlainTagged {
  readonly typeCode: number;
  readonly propertyId: number;
  readonly value: PropertyValue;
}

function taggedLayout(form: Form): Type<TaggedValue> {
  const cases = Object.fromEntries([...layouts[form]].map(([code, value]) =>
    [code, struct({ propertyId: u16, value })]));
  // The same as below, for what looks at layouts and has no need to be quick.
  const plain = tagged("typeCode", u16, cases) as Type<unknown> as Type<PlainTagged>;
  return makeType<TaggedValue>({
    shape: {
      kind: "mapped", inner: plain,
      toValue: (raw) => {
        const { typeCode, propertyId, value } = raw as PlainTagged;
        return { tag: propertyId * 0x10000 + typeCode, value };
      },
    },
    sizeMin: 4,
    read: (reader) => {
      const tag = propertyTag.read(reader);
      return { tag, value: readValue(form, tagTypeCode(tag), reader) };
    },
    write: (writer, { tag, value }) => {
      propertyTag.write(writer, tag);
      writeValue(form, tagTypeCode(tag), writer, value);
    },
  });
}

const taggedLayouts = {
  rop: taggedLayout("rop"), extended: taggedLayout("extended"), addressBook: taggedLayout("addressBook"),
};

/** TaggedPropertyValue, or AddressBookTaggedPropertyValue. [MS-OXCDATA] 2.11.4, [MS-OXCMAPIHTTP] 2.2.1.2 */
export function taggedValue(form: Form): Type<TaggedValue> {
  return taggedLayouts[form];
}

/** RelOp of comparisons. [MS-OXCDATA] 2.12.5 */
export const relationalOperators = {
  less: 0, lessOrEqual: 1, greater: 2, greaterOrEqual: 3, equal: 4, notEqual: 5, matches: 6, memberOf: 0x64,
} as const;

/** FuzzyLevelLow: what of the text must be there. [MS-OXCDATA] 2.12.4 */
export const fuzzyLevels = { fullString: 0, substring: 1, prefix: 2 } as const;
/** FuzzyLevelHigh, bits: how exactly. [MS-OXCDATA] 2.12.4 */
export const fuzzyFlags = { ignoreCase: 1, ignoreNonSpace: 2, loose: 4 } as const;

/** RestrictType. [MS-OXCDATA] 2.12 */
export const restrictTypes = {
  and: 0, or: 1, not: 2, content: 3, property: 4, compareProperties: 5, bitMask: 6, size: 7, exist: 8, subObject: 9,
  comment: 10, count: 11,
} as const;

/** A filter over the properties of an object. Fields have the names of [MS-OXCDATA] 2.12. */
export type Restriction =
  | { readonly restrictType: 0 | 1; readonly restricts: readonly Restriction[] }
  | { readonly restrictType: 2; readonly restriction: Restriction }
  | {
    readonly restrictType: 3; readonly fuzzyLevelLow: number; readonly fuzzyLevelHigh: number;
    readonly propertyTag: PropertyTag; readonly taggedValue: TaggedValue;
  }
  | {
    readonly restrictType: 4; readonly relOp: number; readonly propertyTag: PropertyTag;
    readonly taggedValue: TaggedValue;
  }
  | {
    readonly restrictType: 5; readonly relOp: number; readonly propertyTag1: PropertyTag;
    readonly propertyTag2: PropertyTag;
  }
  | {
    readonly restrictType: 6; readonly bitmapRelOp: number; readonly propertyTag: PropertyTag; readonly mask: number;
  }
  | { readonly restrictType: 7; readonly relOp: number; readonly propertyTag: PropertyTag; readonly size: number }
  | { readonly restrictType: 8; readonly propertyTag: PropertyTag }
  | { readonly restrictType: 9; readonly subobject: PropertyTag; readonly restriction: Restriction }
  | {
    readonly restrictType: 10; readonly taggedValues: readonly TaggedValue[]; readonly restrictionPresent: number;
    readonly restriction?: Restriction | undefined;
  }
  | { readonly restrictType: 11; readonly count: number; readonly restriction: Restriction };

const announcedTagged: Type<TaggedValue> = mapped<{ readonly value: TaggedValue }, TaggedValue>(
  struct({ has: constant(u8, 0xff), value: taggedLayouts.addressBook }), ({ value }) => value, (value) => ({ value }),
);

function restrictionLayout(form: Form): Type<Restriction> {
  const inner: Type<Restriction> = recursive(() => restriction(form), 2);
  const several = struct({ restricts: listOf(form === "rop" ? u16 : u32, inner) });
  // Outlook announces the value of a comparison too, as it does every value in these bodies.
  const value = form === "addressBook" ? announcedTagged : taggedLayouts[form];
  return tagged("restrictType", u8, {
    0: several,
    1: several,
    2: struct({ restriction: inner }),
    3: struct({ fuzzyLevelLow: u16, fuzzyLevelHigh: u16, propertyTag, taggedValue: value }),
    4: struct({ relOp: u8, propertyTag, taggedValue: value }),
    5: struct({ relOp: u8, propertyTag1: propertyTag, propertyTag2: propertyTag }),
    6: struct({ bitmapRelOp: u8, propertyTag, mask: u32 }),
    7: struct({ relOp: u8, propertyTag, size: u32 }),
    8: struct({ propertyTag }),
    9: struct({ subobject: propertyTag, restriction: inner }),
    10: struct({
      taggedValues: listOf(u8, value), restrictionPresent: u8,
      restriction: when(hasFlag("restrictionPresent", 0xff), inner),
    }),
    11: struct({ count: u32, restriction: inner }),
  }) as Type<Restriction>;
}

const restrictions: Readonly<Record<Form, Type<Restriction>>> = {
  rop: restrictionLayout("rop"), extended: restrictionLayout("extended"), addressBook: restrictionLayout("addressBook"),
};

/** A restriction; counts are 16 bits wide in ROP buffers and 32 elsewhere. [MS-OXCDATA] 2.12 */
export function restriction(form: Form): Type<Restriction> {
  return restrictions[form];
}

/** ActionType of a rule's action. [MS-OXORULE] 2.2.5.1.1 */
export const actionTypes = {
  move: 1, copy: 2, reply: 3, oofReply: 4, deferAction: 5, bounce: 6, forward: 7, delegate: 8, tag: 9, delete: 10,
  markAsRead: 11,
} as const;

/** A folder or message of the same store, in 21 bytes. [MS-OXCDATA] 2.2.1.4 */
export const serverEntryId = struct({ ours: u8, folderId: shortTermId, messageId: shortTermId, instance: u32 });

export interface RuleRecipient {
  /** 1 by the specification; kept as it came. */
  readonly reserved: number;
  readonly values: readonly TaggedValue[];
}

/** One action with its data. Fields have the names of [MS-OXORULE] 2.2.5. */
export type RuleAction = { readonly actionFlavor: number; readonly actionFlags: number } & (
  | {
    readonly actionType: 1 | 2; readonly folderInThisStore?: number; readonly storeEntryId: Uint8Array;
    readonly folderEntryId: Uint8Array;
  }
  | {
    readonly actionType: 3 | 4; readonly replyTemplateFolderId: ShortTermId;
    readonly replyTemplateMessageId: ShortTermId; readonly replyTemplateGuid: string;
  }
  | { readonly actionType: 3 | 4; readonly replyTemplateEntryId: Uint8Array; readonly replyTemplateGuid: string }
  | { readonly actionType: 5; readonly deferActionData: Uint8Array }
  | { readonly actionType: 6; readonly bounceCode: number }
  | { readonly actionType: 7 | 8; readonly recipients: readonly RuleRecipient[] }
  | { readonly actionType: 9; readonly taggedValue: TaggedValue }
  | { readonly actionType: 10 | 11 }
);

function ruleActionsLayout(form: Form): Type<readonly RuleAction[]> {
  const isRop = form === "rop";
  const count = isRop ? u16 : u32;
  const head = { actionFlavor: u32, actionFlags: u32 };
  const values = listOf(count, taggedLayouts[form]);
  const place = isRop
    ? struct({ ...head, folderInThisStore: u8, storeEntryId: bytes(u16), folderEntryId: bytes(u16) })
    : struct({ ...head, storeEntryId: bytes(u32), folderEntryId: bytes(u32) });
  const reply = isRop
    ? struct({
      ...head, replyTemplateFolderId: shortTermId, replyTemplateMessageId: shortTermId, replyTemplateGuid: guid,
    })
    : struct({ ...head, replyTemplateEntryId: bytes(u32), replyTemplateGuid: guid });
  const forward = struct({ ...head, recipients: listOf(count, struct({ reserved: u8, values })) });
  const plain = struct(head);
  const action = tagged("actionType", u8, {
    1: place, 2: place, 3: reply, 4: reply, 5: struct({ ...head, deferActionData: rest }),
    6: struct({ ...head, bounceCode: u32 }), 7: forward, 8: forward,
    9: struct({ ...head, taggedValue: taggedLayouts[form] }), 10: plain, 11: plain,
  });
  return listOf(count, sized(count, action)) as Type<unknown> as Type<readonly RuleAction[]>;
}

const ruleActionLayouts: Readonly<Record<Form, Type<readonly RuleAction[]>>> = {
  rop: ruleActionsLayout("rop"), extended: ruleActionsLayout("extended"), addressBook: ruleActionsLayout("extended"),
};

/** The actions of a rule; extended rules have wider counts and whole entry ids. [MS-OXORULE] 2.2.5 */
export function ruleActions(form: Form): Type<readonly RuleAction[]> {
  return ruleActionLayouts[form];
}
