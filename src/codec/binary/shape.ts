import type { AnyType, Scope } from "#codec/binary/type.ts";

/**
 * How many items, bytes or characters: a number, the name of an integer field read before, or an integer type that
 * stands in front.
 */
export type Count = number | string | AnyType;

/** A choice made from fields read before: by the name of a field, or by a function of them. */
export type Selector = string | ((scope: Scope) => number | string);

/** A test of fields read before; what {@link equals} and {@link hasFlag} make can also be looked into. */
export interface Condition {
  readonly field?: string;
  readonly value?: number;
  holds(scope: Scope): boolean;
}

export type TextEncoding = "utf16" | "latin1" | "utf8";

/** What a type is made of, for the trace printer and the test generator; decoding never looks at it. */
export type Shape =
  | { readonly kind: "integer"; readonly bits: 8 | 16 | 32; readonly isSigned: boolean }
  | { readonly kind: "bigint"; readonly isSigned: boolean }
  | { readonly kind: "float"; readonly bits: 32 | 64 }
  | { readonly kind: "boolean" | "guid" | "fileTime" | "rest" }
  | { readonly kind: "bytes"; readonly count: Count }
  /** Without a count it ends in a NUL. */
  | { readonly kind: "text"; readonly encoding: TextEncoding; readonly count: Count | undefined; readonly unit: 1 | 2 }
  | { readonly kind: "flags"; readonly bits: Readonly<Record<string, number>> }
  | { readonly kind: "enumeration"; readonly names: readonly string[] }
  | { readonly kind: "struct"; readonly fields: Readonly<Record<string, AnyType>> }
  /** Without a count it fills the rest. */
  | { readonly kind: "list"; readonly count: Count | undefined; readonly item: AnyType }
  | { readonly kind: "sized"; readonly length: AnyType; readonly inner: AnyType }
  | {
    readonly kind: "choose";
    readonly selector: Selector;
    readonly cases: Readonly<Record<string, AnyType>>;
    readonly otherwise: AnyType | undefined;
  }
  | {
    readonly kind: "tagged";
    readonly tagName: string;
    readonly tag: AnyType;
    readonly cases: Readonly<Record<string, AnyType>>;
  }
  | { readonly kind: "when"; readonly condition: Condition; readonly inner: AnyType }
  | { readonly kind: "recursive"; readonly inner: () => AnyType }
  | { readonly kind: "dynamic"; readonly pick: (scope: Scope) => AnyType }
  | { readonly kind: "mapped"; readonly inner: AnyType; readonly toValue: (raw: unknown) => unknown }
  | { readonly kind: "constant"; readonly inner: AnyType; readonly value: unknown }
  | { readonly kind: "reserved"; readonly inner: AnyType }
  | { readonly kind: "countOf"; readonly inner: AnyType; readonly field: string };
