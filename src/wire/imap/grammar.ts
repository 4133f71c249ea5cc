import type { Cursor } from "#wire/imap/cursor.ts";
import { limits } from "#base/limits.ts";

/** Reads one piece of a command; throws `WireError` when something else stands there. RFC 9051 §9 */
export type Grammar<T> = (cursor: Cursor) => T;
export type Of<G> = G extends Grammar<infer T> ? T : never;

/** An argument that may be missing: `isPresent` looks at the byte after the space. */
export interface Optional<T> {
  readonly isPresent: (cursor: Cursor) => boolean;
  readonly read: Grammar<T>;
}

type Row = Readonly<Record<string, Grammar<unknown> | Optional<unknown>>>;
export type FieldsOf<R extends Row> = {
  readonly [K in keyof R]: R[K] extends Optional<infer T> ? T | undefined : R[K] extends Grammar<infer T> ? T : never;
};

/** The arguments of a command in order, each after one space. */
export function fields<R extends Row>(row: R): Grammar<FieldsOf<R>> {
  const entries = Object.entries(row);
  return (cursor) => {
    const value: Record<string, unknown> = {};
    for (const [name, item] of entries) {
      if (typeof item === "function") {
        cursor.space();
        value[name] = item(cursor);
        continue;
      }
      const start = cursor.offset;
      if (cursor.accept(" ") && item.isPresent(cursor)) value[name] = item.read(cursor);
      else cursor.offset = start;
    }
    return value as FieldsOf<R>;
  };
}

/** An argument that is there when one of the bytes in `firstBytes` comes next. */
export function optional<T>(firstBytes: string, read: Grammar<T>): Optional<T> {
  return { read, isPresent: (cursor) => !cursor.isAtEnd && firstBytes.includes(String.fromCharCode(cursor.peek())) };
}

/** An argument that is there when anything follows. */
export function optionalRest<T>(read: Grammar<T>): Optional<T> {
  return { read, isPresent: (cursor) => !cursor.isAtEnd };
}

/** `(a b c)`, empty when `canBeEmpty`. */
export function parenthesized<T>(read: Grammar<T>, what: string, canBeEmpty = false): Grammar<T[]> {
  return (cursor) => {
    cursor.expect("(", `( before ${what}`);
    if (canBeEmpty && cursor.accept(")")) return [];
    const values = spaced(read, what)(cursor);
    cursor.expect(")", `) after ${what}`);
    return values;
  };
}

/** One or more values with a space between. */
export function spaced<T>(read: Grammar<T>, what: string): Grammar<T[]> {
  return (cursor) => {
    const values = [read(cursor)];
    while (cursor.peek() === 0x20 && cursor.peek(1) !== -1) {
      cursor.offset++;
      if (values.length >= limits.imapListMax) cursor.fail(`More than ${limits.imapListMax} of ${what}`);
      values.push(read(cursor));
    }
    return values;
  };
}

/** One of the keys of `table`, in any case. */
export function keyOf<K extends string>(table: Readonly<Record<K, unknown>>, what: string): Grammar<K> {
  return (cursor) => {
    const start = cursor.offset;
    const word = cursor.word(what);
    if (Object.hasOwn(table, word)) return word as K;
    cursor.offset = start;
    return cursor.fail(`Unknown ${what} ${word.slice(0, 40)}`);
  };
}
