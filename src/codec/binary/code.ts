import { Reader, Refusal, Scope, Writer } from "#codec/binary/type.ts";
import type { Type } from "#codec/binary/type.ts";
import { limits } from "#base/limits.ts";
import { WireError } from "#base/fault.ts";

export interface CodeOptions {
  /** Nesting of recursive layouts; {@link limits.structureDepthMax} unless told. */
  readonly depthMax?: number;
  /** Outermost fields that the layout may refer to: what an earlier request settled, such as the columns of a table. */
  readonly given?: Readonly<Record<string, unknown>>;
}

export interface DecodeOptions extends CodeOptions {
  /** Items of all lists together; {@link limits.structureItemsMax} unless told. */
  readonly itemsMax?: number;
  /** Largest input; {@link limits.messageSizeMaxBytes} unless told. */
  readonly sizeMaxBytes?: number;
  /** What bytes after the value do. "refuse" unless told. */
  readonly trailing?: "refuse" | "ignore";
}

const noOptions: DecodeOptions = {};

/**
 * The value that `bytes` hold, all of them. Opaque bytes inside it are views of the input. Throws WireError with the
 * byte offset and the field path.
 */
export function decode<T>(type: Type<T>, bytes: Uint8Array, options: DecodeOptions = noOptions): T {
  const { value, end } = decodePrefix(type, bytes, 0, options);
  if (end !== bytes.length && options.trailing !== "ignore") {
    throw new WireError(`${bytes.length - end} bytes follow the end`, end);
  }
  return value;
}

/** The value that begins at `offset`, and the offset after it, for values that follow one another in one buffer. */
export function decodePrefix<T>(
  type: Type<T>, bytes: Uint8Array, offset = 0, options: DecodeOptions = noOptions,
): { value: T; end: number } {
  const sizeMaxBytes = options.sizeMaxBytes ?? limits.messageSizeMaxBytes;
  if (bytes.length - offset > sizeMaxBytes) {
    throw new WireError(`${bytes.length - offset} bytes are more than ${sizeMaxBytes}`, offset);
  }
  const depthMax = options.depthMax ?? limits.structureDepthMax;
  const reader = new Reader(bytes, offset, depthMax, options.itemsMax ?? limits.structureItemsMax);
  if (options.given !== undefined) reader.scope = new Scope(options.given, undefined);
  try {
    return { value: type.read(reader), end: reader.at };
  } catch (error) {
    throw error instanceof Refusal ? error.toWireError() : error;
  }
}

/** Kept between calls, because most values are small and a fresh buffer would cost more than the value. */
let idleWriter: Writer | undefined = new Writer(0);
const idleWriterMaxBytes = 1024 * 1024;

/** Lends an empty writer to `body`, which must not keep it. */
export function borrowWriter<R>(body: (writer: Writer) => R): R {
  const writer = idleWriter ?? new Writer(0);
  idleWriter = undefined;
  writer.at = 0;
  writer.scope = undefined;
  try {
    return body(writer);
  } finally {
    if (writer.bytes.length <= idleWriterMaxBytes) idleWriter = writer;
  }
}

/** The bytes of a value. Throws WireError, with the path of the field that cannot be written. */
export function encode<T>(type: Type<T>, value: T, options: CodeOptions = noOptions): Buffer {
  return borrowWriter((writer) => {
    encodeInto(writer, type, value, options);
    return writer.toBytes();
  });
}

/**
 * Writes a value after what `writer` holds and gives how many bytes it took, for buffers of several values. When it
 * throws, the writer is as it was.
 */
export function encodeInto<T>(writer: Writer, type: Type<T>, value: T, options: CodeOptions = noOptions): number {
  const from = writer.at;
  writer.depthLeft = options.depthMax ?? limits.structureDepthMax;
  writer.scope = options.given === undefined ? undefined : new Scope(options.given, undefined);
  try {
    type.write(writer, value);
    return writer.at - from;
  } catch (error) {
    writer.at = from;
    throw error instanceof Refusal ? error.toWireError() : error;
  }
}
