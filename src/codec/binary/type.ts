import { WireError } from "#base/fault.ts";
import type { Shape } from "#codec/binary/shape.ts";

/**
 * How a field shows in the value of the struct around it: as a plain member, as one that may be missing (`when`), or
 * not at all (constants, reserved bytes, counts that follow from a list).
 */
export type Presence = "value" | "optional" | "hidden";

/** One layout: how it is read, how it is written, and what it is made of. Make one with {@link makeType}. */
export interface Type<T, P extends Presence = "value"> {
  readonly shape: Shape;
  readonly presence: P;
  /** Fewest bytes that any value takes. */
  readonly sizeMin: number;
  /** Every value takes exactly `sizeMin` bytes. */
  readonly isFixed: boolean;
  /** Looks at fields read before it, so that the structs around it must keep a {@link Scope}. */
  readonly usesScope: boolean;
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
  /** For a hidden field: the value that is written, found from the fields around it. */
  derive: ((scope: Scope | undefined) => unknown) | undefined;
}

/** A type of unknown value, as the members of a struct are seen by the struct. */
export type AnyType = Type<unknown, Presence>;

/** The values a type reads and writes: `type Row = Of<typeof Row>`. */
export type Of<T extends AnyType> = T extends Type<infer V, Presence> ? V : never;

interface Layout<T> {
  shape: Shape;
  sizeMin: number;
  isFixed?: boolean;
  usesScope?: boolean;
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

/** All types are objects of one shape, which keeps the calls in a struct's loop quick. */
export function makeType<T>(layout: Layout<T>): Type<T> {
  return {
    shape: layout.shape,
    presence: "value",
    sizeMin: layout.sizeMin,
    isFixed: layout.isFixed ?? false,
    usesScope: layout.usesScope ?? false,
    read: layout.read,
    write: layout.write,
    derive: undefined,
  };
}

/** The fields of the structs around the one under way, innermost first; what a caller gave comes last. */
export class Scope {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #outer: Scope | undefined;

  constructor(fields: Readonly<Record<string, unknown>>, outer: Scope | undefined) {
    this.#fields = fields;
    this.#outer = outer;
  }

  /** The nearest field of that name that has been read (or, when writing, that the value has). */
  get(name: string): unknown {
    if (Object.hasOwn(this.#fields, name)) return this.#fields[name];
    return this.#outer?.get(name);
  }

  /** The same for a field that must be a number: a count, a tag, flags. */
  number(name: string): number {
    const value = this.get(name);
    if (typeof value !== "number") throw new Error(`a layout refers to ${name}, which is no number before it`);
    return value;
  }
}

/** Thrown inside the kit; gathers the field path on its way up and leaves as a {@link WireError}. No stack is taken. */
export class Refusal {
  readonly message: string;
  readonly offset: number;
  readonly #segments: string[] = [];

  constructor(message: string, offset: number) {
    this.message = message;
    this.offset = offset;
  }

  /** Adds the field (`name`) or the place in a list (`[3]`) that the error went through. */
  within(segment: string): this {
    this.#segments.push(segment);
    return this;
  }

  toWireError(): WireError {
    const path = this.#segments.reverse().join(".").replaceAll(".[", "[");
    return new WireError(this.message, this.offset, path);
  }
}

/** Where decoding stands. `end` is that of the innermost bounded part. */
export class Reader {
  readonly bytes: Uint8Array;
  at: number;
  end: number;
  scope: Scope | undefined = undefined;
  depthLeft: number;
  itemsLeft: number;

  constructor(bytes: Uint8Array, at: number, depthMax: number, itemsMax: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = bytes.length;
    this.depthLeft = depthMax;
    this.itemsLeft = itemsMax;
  }

  /** Uses up `size` bytes and gives the position of the first. */
  take(size: number): number {
    const at = this.at;
    if (size > this.end - at) throw new Refusal(`needs ${size} bytes, ${this.end - at} are left`, at);
    this.at = at + size;
    return at;
  }

  /** Before a list is allocated: its items must be able to stand in the bytes that are left. */
  checkCount(count: number, itemSizeMin: number): void {
    if (count * itemSizeMin > this.end - this.at) {
      throw new Refusal(`${count} items cannot stand in ${this.end - this.at} bytes`, this.at);
    }
    if (count > this.itemsLeft) throw new Refusal(`${count} items are more than allowed`, this.at);
    this.itemsLeft -= count;
  }
}

/** One growing buffer that values are written to. */
export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(1024);
  at = 0;
  scope: Scope | undefined = undefined;
  depthLeft: number;

  constructor(depthMax: number) {
    this.depthLeft = depthMax;
  }

  /** Makes room for `size` bytes and gives the position of the first. */
  take(size: number): number {
    const at = this.at;
    this.at = at + size;
    if (this.at > this.bytes.length) this.#grow();
    return at;
  }

  append(part: Uint8Array): void {
    const at = this.take(part.length);
    this.bytes.set(part, at);
  }

  /** A copy of what was written. */
  toBytes(): Buffer {
    const copy = Buffer.allocUnsafe(this.at);
    this.bytes.copy(copy, 0, 0, this.at);
    return copy;
  }

  #grow(): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.at, this.bytes.length * 2));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}
