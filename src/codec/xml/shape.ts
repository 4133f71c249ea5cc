/**
 * Elements as tables: one declaration gives the reader, the writer and the type. The order of the fields is the order
 * in which they are written; they are read in any order, because schemas say "sequence" and clients send what they
 * like. Unknown elements and attributes are skipped.
 *
 *     const User = record(types, { Mailbox: text, DisplayName: optional(text), Id: optionalAttribute(text) });
 *     type User = Of<typeof User>;   // { Mailbox: string; DisplayName?: string; Id?: string }
 */
import { WireError } from "#base/fault.ts";
import { schemaInstance } from "#codec/xml/names.ts";
import type { XmlElement } from "#codec/xml/element.ts";
import type { XmlAttributeToWrite, XmlWriter } from "#codec/xml/writer.ts";

/** What may stand in an element. */
export interface Shape<T> {
  /** Throws WireError whose path names the element. */
  read(element: XmlElement): T;
  /** Attributes of the element that holds `value`. */
  attributes(value: T): XmlAttributeToWrite[];
  /** What stands between its tags. */
  write(writer: XmlWriter, value: T): void;
}

/** A shape that is only text, so that it may also be an attribute. */
export interface Scalar<T> extends Shape<T> {
  parse(text: string): T;
  format(value: T): string;
}

export type Of<S> = S extends Shape<infer T> ? T : never;

function scalar<T>(parse: (text: string) => T, format: (value: T) => string): Scalar<T> {
  return {
    parse, format,
    read: (element) => parse(element.text),
    attributes: () => [],
    write: (writer, value) => { writer.text(format(value)); },
  };
}

function refuse(what: string): never {
  throw new WireError(what, 0);
}

/** Text as it stands. */
export const text: Scalar<string> = scalar((value) => value, (value) => value);
/** Text without white space around it. */
export const token: Scalar<string> = scalar((value) => value.trim(), (value) => value);

/** A whole number within JavaScript's safe range. XML Schema Part 2 §3.4.13 */
export const integer: Scalar<number> = scalar((value) => {
  const number = Number(value.trim());
  return /^[+-]?\d{1,16}$/.test(value.trim()) && Number.isSafeInteger(number) ? number : refuse("not a whole number");
}, String);

/** XML Schema Part 2 §3.3.2; capitals as .NET writes them are read too. */
export const boolean: Scalar<boolean> = scalar((value) => {
  const word = value.trim().toLowerCase();
  if (word === "true" || word === "1") return true;
  return word === "false" || word === "0" ? false : refuse("neither true nor false");
}, String);

/** One of a list of words, read without regard to case. */
export function oneOf<const Words extends readonly string[]>(words: Words): Scalar<Words[number]> {
  const known = new Map(words.map((word) => [word.toLowerCase(), word]));
  return scalar((value) => known.get(value.trim().toLowerCase()) ?? refuse(`none of ${words.join(", ")}`), String);
}

type Field =
  | { readonly kind: "one"; readonly shape: Shape<unknown>; readonly isOptional: boolean; readonly isNillable: boolean }
  | { readonly kind: "many"; readonly shape: Shape<unknown> }
  | { readonly kind: "attribute"; readonly shape: Scalar<unknown>; readonly isOptional: boolean }
  | { readonly kind: "body"; readonly shape: Scalar<unknown> };

interface Typed<T, Presence extends "required" | "optional"> {
  readonly field: Field;
  /** Never there; carries the type. */
  readonly valueType?: T;
  readonly presence?: Presence;
}

/** A child that may be missing. */
export function optional<T>(shape: Shape<T>): Typed<T, "optional"> {
  return { field: { kind: "one", shape, isOptional: true, isNillable: false } };
}

/** A child that is always written; `null` as `xsi:nil`. XML Schema Part 1 §2.7.2 */
export function nillable<T>(shape: Shape<T>): Typed<T | null, "required"> {
  return { field: { kind: "one", shape, isOptional: false, isNillable: true } };
}

/** Children of that name one after another, none too. */
export function many<T>(shape: Shape<T>): Typed<T[], "required"> {
  return { field: { kind: "many", shape: shape } };
}

export function attribute<T>(shape: Scalar<T>): Typed<T, "required"> {
  return { field: { kind: "attribute", shape, isOptional: false } };
}

export function optionalAttribute<T>(shape: Scalar<T>): Typed<T, "optional"> {
  return { field: { kind: "attribute", shape, isOptional: true } };
}

/** The text of the element itself, for those that have attributes too. */
export function body<T>(shape: Scalar<T>): Typed<T, "required"> {
  return { field: { kind: "body", shape } };
}

export type Fields = Readonly<Record<string, Shape<unknown> | Typed<unknown, "required" | "optional">>>;
type ValueOf<F> = F extends Typed<infer T, "required" | "optional"> ? T : F extends Shape<infer T> ? T : never;
type OptionalKeys<F> = {
  [K in keyof F]: F[K] extends Shape<unknown> ? never : F[K] extends Typed<unknown, "required"> ? never : K
}[keyof F];
export type RecordOf<F> = { [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> }
  & { [K in OptionalKeys<F>]?: ValueOf<F[K]> };

function fieldOf(declared: Shape<unknown> | Typed<unknown, "required" | "optional">): Field {
  return "field" in declared ? declared.field
    : { kind: "one", shape: declared, isOptional: false, isNillable: false };
}

/** An element with children of the given names in `namespace`. */
export function record<const F extends Fields>(namespace: string, fields: F): Shape<RecordOf<F>> {
  const rows = Object.entries(fields).map(([name, declared]) => ({ name, field: fieldOf(declared) }));
  return {
    read(element) {
      const value: Record<string, unknown> = {};
      for (const { name, field } of rows) {
        const found = readField(element, namespace, name, field);
        if (found !== undefined) value[name] = found;
      }
      return value as RecordOf<F>;
    },
    attributes(value) {
      const written: XmlAttributeToWrite[] = [];
      for (const { name, field } of rows) {
        const one = (value as Record<string, unknown>)[name];
        if (field.kind === "attribute" && one !== undefined) written.push({ name, value: field.shape.format(one) });
      }
      return written;
    },
    write(writer, value) {
      for (const { name, field } of rows) {
        writeField(writer, namespace, name, field, (value as Record<string, unknown>)[name]);
      }
    },
  };
}

function readField(element: XmlElement, namespace: string, name: string, field: Field): unknown {
  if (field.kind === "body") return inside(element.name, () => field.shape.parse(element.text));
  if (field.kind === "many") {
    return element.childrenNamed(name, namespace).map((child) => inside(name, () => field.shape.read(child)));
  }
  if (field.kind === "attribute") {
    const value = element.attribute(name);
    if (value !== null) return inside(name, () => field.shape.parse(value));
    return field.isOptional ? undefined : inside(name, () => refuse("the attribute is missing"));
  }
  const child = element.child(name, namespace);
  if (child === null) {
    if (field.isOptional) return undefined;
    return field.isNillable ? null : inside(name, () => refuse("the element is missing"));
  }
  const isNil = ["true", "1"].includes(child.attribute("nil", schemaInstance) ?? "");
  if (isNil && (field.isNillable || field.isOptional)) return field.isNillable ? null : undefined;
  return inside(name, () => field.shape.read(child));
}

function writeField(writer: XmlWriter, namespace: string, name: string, field: Field, value: unknown): void {
  if (field.kind === "attribute") return;
  if (field.kind === "body") {
    field.shape.write(writer, value);
    return;
  }
  const values = field.kind === "many" ? value as readonly unknown[] : [value];
  for (const one of values) {
    if (one === undefined && field.kind === "one" && field.isOptional) continue;
    if (one === null && field.kind === "one" && field.isNillable) {
      writer.element(namespace, name, "", [{ namespace: schemaInstance, name: "nil", value: "true" }]);
      continue;
    }
    writer.open(namespace, name, field.shape.attributes(one));
    field.shape.write(writer, one);
    writer.close();
  }
}

/** An element that holds only `name` elements: `<Users><User/>…</Users>`. At most `countMax` are read. */
export function listOf<T>(namespace: string, name: string, shape: Shape<T>, countMax = Infinity): Shape<readonly T[]> {
  return {
    read(element) {
      const children = element.childrenNamed(name, namespace);
      if (children.length > countMax) refuse(`there are more than ${countMax}`);
      return children.map((child) => inside(name, () => shape.read(child)));
    },
    attributes: () => [],
    write(writer, values) {
      for (const value of values) writeElement(writer, namespace, name, shape, value);
    },
  };
}

/** An element whose `xsi:type` says which shape it has; the value says it in `kind`. XML Schema Part 1 §2.7.1 */
export function byType<const M extends Readonly<Record<string, Shape<unknown>>>>(
  namespace: string, shapes: M,
): Shape<{ [K in keyof M]: { readonly kind: K } & Of<M[K]> }[keyof M]> {
  type Value = { readonly kind: string };
  const shapeOf = (kind: string): Shape<Value> => (
    Object.hasOwn(shapes, kind) ? shapes[kind] as Shape<Value> : refuse(`${kind} is no known type`)
  );
  const made: Shape<Value> = {
    read(element) {
      const kind = element.type?.name ?? refuse("the type is missing");
      return { ...shapeOf(kind).read(element), kind };
    },
    attributes: (value) => [
      { namespace: schemaInstance, name: "type", value: { namespace, name: value.kind } },
      ...shapeOf(value.kind).attributes(value),
    ],
    write: (writer, value) => shapeOf(value.kind).write(writer, value),
  };
  return made as Shape<never>;
}

/** An element that holds exactly one of several children; the value says which in `kind`. */
export function choice<const M extends Readonly<Record<string, Shape<unknown>>>>(
  namespace: string, shapes: M,
): Shape<{ [K in keyof M]: { readonly kind: K; readonly value: Of<M[K]> } }[keyof M]> {
  const made: Shape<{ readonly kind: string; readonly value: unknown }> = {
    read(element) {
      const child = element.children.find((one) => one.namespace === namespace && Object.hasOwn(shapes, one.name));
      if (child === undefined) return refuse(`none of ${Object.keys(shapes).join(", ")} is there`);
      return { kind: child.name, value: inside(child.name, () => shapes[child.name]!.read(child)) };
    },
    attributes: () => [],
    write(writer, { kind, value }) {
      writeElement(writer, namespace, kind, shapes[kind]!, value);
    },
  };
  return made as Shape<never>;
}

/** Writes `value` as an element of that name. */
export function writeElement<T>(writer: XmlWriter, namespace: string, name: string, shape: Shape<T>, value: T): void {
  writer.open(namespace, name, shape.attributes(value));
  shape.write(writer, value);
  writer.close();
}

/** Reads an element whose name has been looked at. Throws WireError with the path of what is wrong. */
export function readElement<T>(element: XmlElement, shape: Shape<T>): T {
  return inside(element.name, () => shape.read(element));
}

function inside<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const what = error.path === "" ? error.message.replace(/ \(at byte \d+\)$/, "")
      : error.message.slice(error.path.length + 2).replace(/ \(at byte \d+\)$/, "");
    throw new WireError(what, error.offset, error.path === "" ? name : `${name}.${error.path}`);
  }
}
