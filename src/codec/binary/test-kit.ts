/** Test values from the same declaration that reads and writes them. Imported by tests only: fast-check is a tool. */
import fc from "fast-check";
import { encode } from "#codec/binary/code.ts";
import { Scope } from "#codec/binary/type.ts";
import type { AnyType, Type } from "#codec/binary/type.ts";
import type { Count, Selector, Shape, TextEncoding } from "#codec/binary/shape.ts";
import { WireError } from "#base/fault.ts";

type Fields = Readonly<Record<string, AnyType>>;
const textMax = 8;
const bytesMax = 16;
const itemsMax = 4;
const depthMax = 4;

/** Values that `type` can write. `given` is what a caller of decode would give. */
export function arbitrary<T>(type: Type<T>, given: Readonly<Record<string, unknown>> = {}): fc.Arbitrary<T> {
  return generate(type, new Scope(given, undefined), 0) as fc.Arbitrary<T>;
}

/** Runs `body` and gives its value, or undefined when it threw a WireError; any other error is a failure. */
export function valueOrWireError<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

interface SizeRange {
  readonly minLength: number;
  readonly maxLength: number;
}

function sizeRange(count: Count | undefined, scope: Scope, max: number): SizeRange {
  if (typeof count === "number") return { minLength: count, maxLength: count };
  if (typeof count !== "string") return { minLength: 0, maxLength: max };
  const told = scope.get(count);
  return typeof told === "number" ? { minLength: told, maxLength: told } : { minLength: 0, maxLength: max };
}

function text(encoding: TextEncoding, terminated: boolean, range: SizeRange): fc.Arbitrary<string> {
  const lowest = terminated ? 1 : 0;
  const max = encoding === "utf16" ? 0xffff : encoding === "latin1" ? 0xff : 0x7f;
  const unit = fc.integer({ min: lowest, max }).map((code) => String.fromCharCode(code));
  const plain = fc.array(unit, range).map((units) => units.join(""));
  if (encoding !== "utf8" || range.minLength === range.maxLength) return plain;
  const any = fc.string({ unit: "binary", maxLength: textMax }).filter((value) => !terminated || !value.includes("\0"));
  return fc.oneof(plain, any);
}

/** Tags that a choice among `fields` needs from the field `name`, so that a case is met more often than missed. */
function wantedTags(name: string, fields: Fields): number[] {
  const wanted: number[] = [];
  const isTag = (selector: Selector): boolean => selector === name;
  function look(type: AnyType): void {
    const { shape } = type;
    if (shape.kind === "choose" && isTag(shape.selector)) wanted.push(...Object.keys(shape.cases).map(Number));
    if (shape.kind === "when" && shape.condition.field === name) wanted.push(shape.condition.value ?? 0);
    if (shape.kind === "sized" || shape.kind === "when") look(shape.inner);
    if (shape.kind === "list") look(shape.item);
  }
  for (const type of Object.values(fields)) look(type);
  return wanted.filter((tag) => !Number.isNaN(tag));
}

/** Counts that stand apart and show in the value: kept small. */
function isCountOf(name: string, fields: Fields): boolean {
  return Object.values(fields).some(({ shape }) =>
    (shape.kind === "list" || shape.kind === "bytes" || shape.kind === "text") && shape.count === name);
}

function structFields(fields: Fields, scope: Scope, depth: number): fc.Arbitrary<Record<string, unknown>> {
  let all: fc.Arbitrary<Record<string, unknown>> = fc.constant({});
  for (const [name, type] of Object.entries(fields)) {
    const { shape } = type;
    if (type.presence === "hidden") {
      if (shape.kind === "constant") all = all.map((value) => withHidden(value, name, shape.value));
      continue;
    }
    const wanted = wantedTags(name, fields);
    if (isCountOf(name, fields)) {
      all = joined(all, name, fc.nat(itemsMax));
    } else if (wanted.length > 0) {
      const others = Object.values(fields).every(({ shape: other }) =>
        other.kind !== "choose" || other.selector !== name || other.otherwise !== undefined);
      const tags: fc.Arbitrary<unknown> = fc.constantFrom(...wanted);
      all = joined(all, name, others ? fc.oneof(tags, generate(type, scope, depth)) : tags);
    } else if (type.usesScope) {
      all = all.chain((value) =>
        generate(type, new Scope(value, scope), depth).map((field) => ({ ...value, [name]: field })));
    } else {
      all = joined(all, name, generate(type, scope, depth));
    }
  }
  return all.map((value) =>
    Object.fromEntries(Object.entries(value).filter(([name]) => fields[name]?.presence !== "hidden")));
}

function withHidden(value: Record<string, unknown>, name: string, hidden: unknown): Record<string, unknown> {
  return { ...value, [name]: hidden };
}

function joined(
  all: fc.Arbitrary<Record<string, unknown>>, name: string, field: fc.Arbitrary<unknown>,
): fc.Arbitrary<Record<string, unknown>> {
  return fc.tuple(all, field).map(([value, one]) => ({ ...value, [name]: one }));
}

function bigints(isSigned: boolean): fc.Arbitrary<bigint> {
  return isSigned ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
}

function leaf(shape: Shape, scope: Scope): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case "integer":
      return shape.isSigned
        ? fc.integer({ min: -(2 ** (shape.bits - 1)), max: 2 ** (shape.bits - 1) - 1 })
        : fc.integer({ min: 0, max: 2 ** shape.bits - 1 });
    case "bigint": return bigints(shape.isSigned);
    case "fileTime": return bigints(false);
    case "float": return shape.bits === 32 ? fc.float() : fc.double();
    case "boolean": return fc.boolean();
    case "guid": return fc.uuid();
    case "rest": return fc.uint8Array({ maxLength: bytesMax });
    case "bytes": return fc.uint8Array(sizeRange(shape.count, scope, bytesMax));
    case "text": {
      let { minLength, maxLength } = sizeRange(shape.count, scope, textMax);
      if (shape.encoding === "utf16" && shape.unit === 1) [minLength, maxLength] = [minLength >> 1, maxLength >> 1];
      return text(shape.encoding, shape.count === undefined, { minLength, maxLength });
    }
    case "flags":
      return fc.record(Object.fromEntries(Object.keys(shape.bits).map((name) => [name, fc.boolean()])),
        { noNullPrototype: true });
    case "enumeration": return fc.constantFrom(...shape.names);
    default: throw new Error(`${shape.kind} is no leaf`);
  }
}

function generate(type: AnyType, scope: Scope, depth: number): fc.Arbitrary<unknown> {
  const { shape } = type;
  switch (shape.kind) {
    case "struct": return structFields(shape.fields, scope, depth);
    case "list": {
      const range = sizeRange(shape.count, scope, depth >= depthMax ? 0 : itemsMax);
      return range.maxLength === 0 ? fc.constant([]) : fc.array(generate(shape.item, scope, depth), range);
    }
    case "sized": {
      const inner = generate(shape.inner, scope, depth);
      if (shape.length.sizeMin > 1) return inner;
      return inner.filter((value) => valueOrWireError(() => encode(type as Type<unknown>, value)) !== undefined);
    }
    case "when": return shape.condition.holds(scope) ? generate(shape.inner, scope, depth) : fc.constant(undefined);
    case "choose": {
      const { selector } = shape;
      const tag = String(typeof selector === "string" ? scope.get(selector) : selector(scope));
      const chosen = shape.cases[tag] ?? shape.otherwise;
      if (chosen === undefined) throw new Error(`no layout for ${tag}: generate the tag from its cases`);
      return generate(chosen, scope, depth);
    }
    case "tagged": return taggedCases(shape, scope, depth);
    case "recursive": return generate(shape.inner(), scope, depth + 1);
    case "dynamic": return generate(shape.pick(scope), scope, depth);
    case "mapped": return generate(shape.inner, scope, depth).map((raw) => shape.toValue(raw));
    default: return leaf(shape, scope);
  }
}

/** Deep down only cases that end are taken. */
function taggedCases(shape: Shape & { kind: "tagged" }, scope: Scope, depth: number): fc.Arbitrary<unknown> {
  const cases = Object.entries(shape.cases);
  const ending = cases.filter(([, type]) => !mentionsRecursion(type));
  const taken = depth >= depthMax && ending.length > 0 ? ending : cases;
  return fc.constantFrom(...taken).chain(([tag, type]) =>
    generate(type, scope, depth).map((value) => ({ [shape.tagName]: Number(tag), ...(value as object) })));
}

function mentionsRecursion(type: AnyType): boolean {
  const { shape } = type;
  if (shape.kind === "recursive") return true;
  if (shape.kind === "struct") return Object.values(shape.fields).some(mentionsRecursion);
  if (shape.kind === "list") return mentionsRecursion(shape.item);
  if (shape.kind === "sized" || shape.kind === "when") return mentionsRecursion(shape.inner);
  return false;
}
