/** One row for each ROP: what is asked, on which objects, and what is answered. [MS-OXCROPS] 2.2 */
import { latin1z, utf16z } from "#codec/binary/bytes.ts";
import { choose, countOf, listOf, sized, struct } from "#codec/binary/combine.ts";
import { u16, u32, u8 } from "#codec/binary/numbers.ts";
import { decodePrefix, encodeInto } from "#codec/binary/code.ts";
import { makeType, Refusal } from "#codec/binary/type.ts";
import type { AnyType, Of, Scope, Type, Writer } from "#codec/binary/type.ts";

/** What a handle stands for. */
export type ObjectKind =
  | "logon" | "folder" | "message" | "attachment" | "table" | "stream" | "subscription"
  | "fastTransferSource" | "fastTransferDestination" | "syncDownload" | "syncUpload";

/** The field of the request that the answer repeats. [MS-OXCROPS] 2.2.1 */
export type AnsweredIndex =
  "inputHandleIndex" | "outputHandleIndex" | "responseHandleIndex" | "sourceHandleIndex" | "none";

export interface Rop<Q extends AnyType = AnyType, S extends AnyType = AnyType> {
  readonly id: number;
  readonly name: string;
  /** Section of [MS-OXCROPS]. */
  readonly section: string;
  /** Objects it can be asked of; empty for RopLogon. */
  readonly on: readonly ObjectKind[];
  /** What the object behind its output handle is. */
  readonly yields?: ObjectKind;
  /** After RopId and LogonId. */
  readonly request: Q;
  /** After RopId, the handle index and ReturnValue; null for a ROP that is not answered. */
  readonly response: S | null;
  /** The body of the answer stands there whatever ReturnValue is. */
  readonly isAlwaysWhole?: boolean;
  /** For RopLogon only: the body when ReturnValue is WrongServer. [MS-OXCROPS] 2.2.3.1.4 */
  readonly redirect?: AnyType;
  readonly answers: AnsweredIndex;
  /** RopId in the answer where it is another one. */
  readonly answerId?: number;
  /** When the destination's handle is bad: what follows ReturnValue. [MS-OXCROPS] 2.2.1 */
  readonly nullDestination?: AnyType;
}

/** Keeps the types of the layouts. */
export function rop<const Q extends AnyType, const S extends AnyType>(row: Rop<Q, S>): Rop<Q, S> {
  return row;
}

export type RequestOf<R extends Rop> = Of<R["request"]>;
export type ResponseOf<R extends Rop> = R["response"] extends AnyType ? Of<R["response"]> : undefined;

/** An answer without a body of its own. */
export const nothing = struct({});

/** A boolean that was read before. */
export const isSet = (field: string) => (scope: Scope): boolean => scope.get(field) === true;
export const isClear = (field: string) => (scope: Scope): boolean => scope.get(field) !== true;

/** Text of two bytes each character when the named field is set, else of the code page. */
export function textBy(field: string): Type<string> {
  return choose((scope) => (scope.get(field) === true ? "wide" : "narrow"), { wide: utf16z, narrow: latin1z });
}

/** A size, then the value; null for a size of 0. */
export function perhapsSized<T>(inner: Type<T>): Type<T | null> {
  const whole = sized(u16, inner);
  return makeType<T | null>({
    shape: { kind: "sized", length: u16, inner }, sizeMin: 2, usesScope: inner.usesScope,
    read: (reader) => {
      const at = reader.at;
      if (u16.read(reader) === 0) return null;
      reader.at = at;
      return whole.read(reader);
    },
    write: (writer, value) => {
      if (value === null) u16.write(writer, 0);
      else whole.write(writer, value);
    },
  });
}

/** Servers that hold a public folder elsewhere. [MS-OXCROPS] 2.2.4.1.2 */
export const replicaServers = struct({
  serverCount: countOf(u16, "servers"), cheapServerCount: u16, servers: listOf("serverCount", latin1z),
});

/** ReturnValue of its own body or form. [MS-OXCDATA] 2.4 */
export const returnValues = { success: 0, wrongServer: 0x0478, nullDestinationObject: 0x0503 } as const;

/** Warnings carry the success body. [MS-OXCDATA] 2.4.1 */
const warnings: ReadonlySet<number> = new Set([
  0x0004_0380, 0x0004_0381, 0x0004_0680, 0x0004_0821, 0x0004_0a01, 0x0004_0a02,
]);

/** Whether an answer with this ReturnValue has the body of a success. [MS-OXCROPS] 2.2.1 */
export function isSuccess(returnValue: number): boolean {
  return returnValue === returnValues.success || warnings.has(returnValue);
}

export interface Answer {
  readonly rop: Rop;
  readonly handleIndex: number;
  readonly returnValue: number;
  /** As the layout for this ReturnValue has it; may be left out where there is none. */
  readonly body?: unknown;
  /** What the layout refers to: the columns of the table. */
  readonly given?: Readonly<Record<string, unknown>>;
}

/** What follows ReturnValue. */
function bodyOf(row: Rop, returnValue: number): AnyType | null {
  if (returnValue === returnValues.nullDestinationObject && row.nullDestination !== undefined) {
    return row.nullDestination;
  }
  if (returnValue === returnValues.wrongServer && row.redirect !== undefined) return row.redirect;
  return isSuccess(returnValue) || row.isAlwaysWhole === true ? row.response : null;
}

/** Writes an answer. Throws WireError when the body does not fit its layout; nothing is written then. */
export function encodeAnswer(writer: Writer, answer: Answer): void {
  const { rop: row, returnValue } = answer;
  const from = writer.at;
  const given = { returnValue, ...answer.given };
  try {
    u8.write(writer, row.answerId ?? row.id);
    if (row.answers !== "none") {
      u8.write(writer, answer.handleIndex);
      u32.write(writer, returnValue);
    }
    const layout = bodyOf(row, returnValue);
    if (layout !== null) encodeInto(writer, layout as Type<unknown>, answer.body ?? {}, { given });
  } catch (error) {
    writer.at = from;
    throw error instanceof Refusal ? error.toWireError() : error;
  }
}

/** An answer as a client reads it. */
export interface ReadAnswer {
  readonly rop: Rop;
  readonly handleIndex: number;
  readonly returnValue: number;
  readonly body: unknown;
  readonly end: number;
}

/** The answer that begins at `offset`; `given` as in {@link Answer}. Throws WireError. */
export function decodeAnswer(
  row: Rop, bytes: Uint8Array, offset: number, given: Readonly<Record<string, unknown>> = {},
): ReadAnswer {
  if (row.answers === "none") {
    const { value, end } = decodePrefix((row.response ?? nothing) as Type<unknown>, bytes, offset + 1, { given });
    return { rop: row, handleIndex: 0, returnValue: 0, body: value, end };
  }
  const head = decodePrefix(answerHead, bytes, offset + 1).value;
  const layout = bodyOf(row, head.returnValue) ?? nothing;
  const { value, end } = decodePrefix(layout as Type<unknown>, bytes, offset + 6,
    { given: { returnValue: head.returnValue, ...given } });
  return { rop: row, ...head, body: value, end };
}

const answerHead = struct({ handleIndex: u8, returnValue: u32 });
