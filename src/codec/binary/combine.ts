import { countSizeMin, isScoped, readCount, writeCount } from "#codec/binary/bytes.ts";
import { makeType, Refusal, Scope } from "#codec/binary/type.ts";
import type { AnyType, Of, Presence, Reader, Type, Writer } from "#codec/binary/type.ts";
import type { Condition, Count, Selector } from "#codec/binary/shape.ts";
import { WireError } from "#base/fault.ts";

type Fields = Readonly<Record<string, AnyType>>;
type Named<F extends Fields, P extends Presence> = {
  [K in keyof F]: F[K] extends { presence: P } ? K : never;
}[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };

/** The value of a struct: hidden fields are left out, optional ones may be missing. */
export type StructOf<F extends Fields> = Flat<
  { readonly [K in Named<F, "value">]: Of<F[K]> } & { readonly [K in Named<F, "optional">]?: Of<F[K]> | undefined }
>;

/** The path grows as the error leaves; anything but a refusal is a bug and passes as it is. */
function within(error: unknown, segment: string): unknown {
  return error instanceof Refusal ? error.within(segment) : error;
}

/** Fields one after the other, without padding, in the order they are written here. */
export function struct<const F extends Fields>(fields: F): Type<StructOf<F>> {
  const names = Object.keys(fields);
  const types = Object.values(fields);
  const usesScope = types.some((type) => type.usesScope);
  const hasHidden = types.some((type) => type.presence === "hidden");
  const sizeMin = types.reduce((sum, type) => sum + type.sizeMin, 0);

  function readPlain(reader: Reader): StructOf<F> {
    const value: Record<string, unknown> = {};
    let index = 0;
    try {
      for (; index < types.length; index++) value[names[index]!] = types[index]!.read(reader);
    } catch (error) {
      throw within(error, names[index]!);
    }
    return value as StructOf<F>;
  }

  function readScoped(reader: Reader): StructOf<F> {
    const value: Record<string, unknown> = {};
    const seen: Record<string, unknown> = hasHidden ? {} : value;
    const outer = reader.scope;
    reader.scope = new Scope(seen, outer);
    let index = 0;
    try {
      for (; index < types.length; index++) {
        const type = types[index]!;
        const name = names[index]!;
        const field = type.read(reader);
        if (hasHidden) seen[name] = field;
        if (type.presence !== "hidden") value[name] = field;
      }
    } catch (error) {
      throw within(error, names[index]!);
    }
    reader.scope = outer;
    return value as StructOf<F>;
  }

  function write(writer: Writer, value: StructOf<F>): void {
    const given = value as Record<string, unknown>;
    if (typeof given !== "object" || given === null) throw new Refusal("is no struct", writer.at);
    const outer = writer.scope;
    const seen = hasHidden && usesScope ? { ...given } : given;
    if (usesScope) writer.scope = new Scope(seen, outer);
    let index = 0;
    try {
      for (; index < types.length; index++) {
        const type = types[index]!;
        const name = names[index]!;
        if (hasHidden && usesScope && type.derive !== undefined) seen[name] = type.derive(writer.scope);
        type.write(writer, given[name]);
      }
    } catch (error) {
      throw within(error, names[index]!);
    }
    writer.scope = outer;
  }

  return makeType({
    shape: { kind: "struct", fields }, sizeMin, isFixed: types.every((type) => type.isFixed), usesScope,
    read: usesScope || hasHidden ? readScoped : readPlain, write,
  });
}

/** `count` items of one type. A count that the bytes left cannot hold is refused before anything is made. */
export function listOf<T>(count: Count, item: Type<T>): Type<readonly T[]> {
  const sizeMin = countSizeMin(count) + (typeof count === "number" ? count * item.sizeMin : 0);
  return makeType({
    shape: { kind: "list", count, item }, sizeMin, isFixed: typeof count === "number" && item.isFixed,
    usesScope: item.usesScope || isScoped(count),
    read: (reader) => {
      const items = readCount(count, reader);
      reader.checkCount(items, item.sizeMin);
      const list: T[] = [];
      try {
        for (let index = 0; index < items; index++) list.push(item.read(reader));
      } catch (error) {
        throw within(error, `[${list.length}]`);
      }
      return list;
    },
    write: (writer, list) => {
      if (!Array.isArray(list)) throw new Refusal("is no list", writer.at);
      writeCount(count, list.length, writer);
      writeItems(writer, list, item);
    },
  });
}

function writeItems<T>(writer: Writer, list: readonly T[], item: Type<T>): void {
  let index = 0;
  try {
    for (; index < list.length; index++) item.write(writer, list[index]!);
  } catch (error) {
    throw within(error, `[${index}]`);
  }
}

/** Items up to the end of the innermost bounded part. */
export function listOfRest<T>(item: Type<T>): Type<readonly T[]> {
  if (item.sizeMin === 0) throw new Error("items up to the end take at least one byte each");
  return makeType({
    shape: { kind: "list", count: undefined, item }, sizeMin: 0, usesScope: item.usesScope,
    read: (reader) => {
      const list: T[] = [];
      try {
        while (reader.at < reader.end) {
          reader.checkCount(1, item.sizeMin);
          list.push(item.read(reader));
        }
      } catch (error) {
        throw within(error, `[${list.length}]`);
      }
      return list;
    },
    write: (writer, list) => {
      if (!Array.isArray(list)) throw new Refusal("is no list", writer.at);
      writeItems(writer, list, item);
    },
  });
}

/**
 * A size in bytes, then `inner` in exactly that many. What `inner` leaves over is refused (end it with `rest` to keep
 * it). `covers` is what the size counts beyond `inner`: 2 for a 16-bit size that counts itself.
 */
export function sized<T>(length: Type<number>, inner: Type<T>, options: { covers?: number } = {}): Type<T> {
  const covers = options.covers ?? 0;
  if (!length.isFixed) throw new Error("a size field has a fixed size");
  return makeType({
    shape: { kind: "sized", length, inner }, sizeMin: length.sizeMin + inner.sizeMin, isFixed: inner.isFixed,
    usesScope: inner.usesScope,
    read: (reader) => {
      const lengthAt = reader.at;
      const size = length.read(reader) - covers;
      if (size < 0) throw new Refusal(`size ${size + covers} does not cover its own field`, lengthAt);
      const outerEnd = reader.end;
      if (size > outerEnd - reader.at) {
        throw new Refusal(`tells ${size} bytes, ${outerEnd - reader.at} are left`, lengthAt);
      }
      reader.end = reader.at + size;
      const value = inner.read(reader);
      if (reader.at !== reader.end) throw new Refusal(`${reader.end - reader.at} bytes are left over`, reader.at);
      reader.end = outerEnd;
      return value;
    },
    write: (writer, value) => {
      const lengthAt = writer.take(length.sizeMin);
      const from = writer.at;
      inner.write(writer, value);
      const end = writer.at;
      writer.at = lengthAt;
      length.write(writer, end - from + covers);
      writer.at = end;
    },
  });
}

function select(selector: Selector, scope: Scope | undefined): string {
  if (scope === undefined) throw new Error("a choice stands in no struct");
  return String(typeof selector === "string" ? scope.get(selector) : selector(scope));
}

/** The layout that a field read before asks for; without a case for it, `otherwise` or a refusal. */
export function choose<const C extends Fields, O extends Type<unknown> = never>(
  selector: Selector, cases: C, otherwise?: O,
): Type<Of<C[keyof C]> | Of<O>> {
  const all: AnyType[] = Object.values(cases);
  if (otherwise !== undefined) all.push(otherwise);
  function pick(scope: Scope | undefined, at: number): AnyType {
    const tag = select(selector, scope);
    const type = Object.hasOwn(cases, tag) ? cases[tag] : otherwise;
    if (type === undefined) throw new Refusal(`no layout for ${tag}`, at);
    return type;
  }
  return makeType<Of<C[keyof C]> | Of<O>>({
    shape: { kind: "choose", selector, cases, otherwise }, sizeMin: Math.min(...all.map((type) => type.sizeMin)),
    usesScope: true,
    read: (reader) => pick(reader.scope, reader.at).read(reader) as Of<C[keyof C]> | Of<O>,
    write: (writer, value) => pick(writer.scope, writer.at).write(writer, value),
  });
}

type TaggedOf<N extends string, C extends Fields> = {
  [K in keyof C]: Flat<{ readonly [T in N]: K } & Of<C[K]>>;
}[keyof C];

/** A tag and the struct it asks for, as one value that TypeScript tells apart by the tag. */
export function tagged<const N extends string, const C extends Readonly<Record<number, AnyType>>>(
  tagName: N, tag: Type<number>, cases: C,
): Type<TaggedOf<N, C>> {
  const byTag = new Map<number, AnyType>(Object.entries(cases).map(([key, type]) => [Number(key), type]));
  const all = [...byTag.values()];
  function pick(value: unknown, at: number): AnyType {
    const type = typeof value === "number" ? byTag.get(value) : undefined;
    if (type === undefined) throw new Refusal(`${tagName}: no layout for ${String(value)}`, at);
    return type;
  }
  return makeType<TaggedOf<N, C>>({
    shape: { kind: "tagged", tagName, tag, cases }, usesScope: all.some((type) => type.usesScope),
    sizeMin: tag.sizeMin + Math.min(...all.map((type) => type.sizeMin)),
    read: (reader) => {
      const at = reader.at;
      const value = tag.read(reader);
      return { [tagName]: value, ...(pick(value, at).read(reader) as object) } as TaggedOf<N, C>;
    },
    write: (writer, value) => {
      const tagValue = (value as Record<string, unknown>)[tagName];
      const type = pick(tagValue, writer.at);
      tag.write(writer, tagValue as number);
      type.write(writer, value);
    },
  });
}

export const equals = (field: string, value: number): Condition => ({
  field, value, holds: (scope) => Number(scope.get(field)) === value,
});
export const hasFlag = (field: string, mask: number): Condition => ({
  field, value: mask, holds: (scope) => (scope.number(field) & mask) !== 0,
});

/** A field that stands there only when `condition` holds for the fields before it. */
export function when<T>(
  condition: Condition | ((scope: Scope) => boolean), inner: Type<T>,
): Type<T | undefined, "optional"> {
  const test: Condition = typeof condition === "function" ? { holds: condition } : condition;
  function holds(scope: Scope | undefined): boolean {
    if (scope === undefined) throw new Error("a condition stands in no struct");
    return test.holds(scope);
  }
  return {
    ...makeType<T | undefined>({
      shape: { kind: "when", condition: test, inner }, sizeMin: 0, usesScope: true,
      read: (reader) => (holds(reader.scope) ? inner.read(reader) : undefined),
      write: (writer, value) => {
        if (holds(writer.scope)) {
          if (value === undefined) throw new Refusal("is missing", writer.at);
          inner.write(writer, value);
        } else if (value !== undefined) {
          throw new Refusal("stands where none is told", writer.at);
        }
      },
    }),
    presence: "optional",
  };
}

/** A layout that holds itself. `sizeMin` is what any value takes at least, to bound lists of it. */
export function recursive<T>(inner: () => Type<T>, sizeMin = 1): Type<T> {
  return makeType<T>({
    shape: { kind: "recursive", inner }, sizeMin, usesScope: true,
    read: (reader) => {
      if (--reader.depthLeft < 0) throw new Refusal("is nested too deep", reader.at);
      const value = inner().read(reader);
      reader.depthLeft++;
      return value;
    },
    write: (writer, value) => {
      if (--writer.depthLeft < 0) throw new Refusal("is nested too deep", writer.at);
      inner().write(writer, value);
      writer.depthLeft++;
    },
  });
}

/** A layout known only from what was read before or given by the caller, such as rows of chosen columns. */
export function dynamic<T>(pick: (scope: Scope) => Type<T>): Type<T> {
  function inner(scope: Scope | undefined): Type<T> {
    return pick(scope ?? new Scope({}, undefined));
  }
  return makeType<T>({
    shape: { kind: "dynamic", pick }, sizeMin: 0, usesScope: true,
    read: (reader) => inner(reader.scope).read(reader),
    write: (writer, value) => inner(writer.scope).write(writer, value),
  });
}

/** The same bytes seen as another value. Either function may refuse with a WireError. */
export function mapped<R, T>(inner: Type<R>, toValue: (raw: R) => T, toRaw: (value: T) => R): Type<T> {
  function run<A, B>(change: (from: A) => B, from: A, at: number): B {
    try {
      return change(from);
    } catch (error) {
      if (error instanceof WireError) throw new Refusal(error.message, at);
      throw error;
    }
  }
  return makeType<T>({
    shape: { kind: "mapped", inner, toValue: (raw) => toValue(raw as R) }, sizeMin: inner.sizeMin,
    isFixed: inner.isFixed, usesScope: inner.usesScope,
    read: (reader) => {
      const at = reader.at;
      return run(toValue, inner.read(reader), at);
    },
    write: (writer, value) => inner.write(writer, run(toRaw, value, writer.at)),
  });
}

function hidden(type: Type<unknown>, derive: (scope: Scope | undefined) => unknown): Type<undefined, "hidden"> {
  return { ...type, read: type.read as (reader: Reader) => undefined, presence: "hidden", derive };
}

/** A field that has one value only; it does not show in the struct, and any other is refused. */
export function constant<T extends number | bigint | string | boolean>(
  inner: Type<T>, value: T,
): Type<undefined, "hidden"> {
  return hidden(makeType<unknown>({
    shape: { kind: "constant", inner, value }, sizeMin: inner.sizeMin, isFixed: inner.isFixed,
    read: (reader) => {
      const at = reader.at;
      const found = inner.read(reader);
      if (found !== value) throw new Refusal(`is ${String(found)} where ${String(value)} must stand`, at);
      return found;
    },
    write: (writer) => inner.write(writer, value),
  }), () => value);
}

/** Bytes without a meaning: ignored when read, zeros when written. */
export function reserved(inner: AnyType): Type<undefined, "hidden"> {
  if (!inner.isFixed) throw new Error("reserved fields have a fixed size");
  const size = inner.sizeMin;
  return hidden(makeType<unknown>({
    shape: { kind: "reserved", inner }, sizeMin: size, isFixed: true,
    read: (reader) => void reader.take(size),
    write: (writer) => {
      const at = writer.take(size);
      writer.bytes.fill(0, at, at + size);
    },
  }), () => undefined);
}

/** How many items (or bytes) the later field `field` has, for a count that does not stand right before it. */
export function countOf(inner: Type<number>, field: string): Type<undefined, "hidden"> {
  function derive(scope: Scope | undefined): number {
    const list = scope?.get(field);
    if (list === undefined) return 0;
    const length = typeof list === "object" && list !== null && "length" in list ? list.length : undefined;
    if (typeof length !== "number") throw new Error(`${field} cannot be counted`);
    return length;
  }
  return hidden(makeType<unknown>({
    shape: { kind: "countOf", inner, field }, sizeMin: inner.sizeMin, isFixed: inner.isFixed, usesScope: true,
    read: (reader) => inner.read(reader),
    write: (writer) => inner.write(writer, derive(writer.scope)),
  }), derive);
}
