/** What the handler of a ROP gets and gives. [MS-OXCROPS] 3.2.5 */
import type { Ctx } from "#base/ctx.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import type { AnyObject, FolderObject, LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { logonOf } from "#serve/mapi/mailbox/objects.ts";
import type { MailboxSession } from "#serve/mapi/mailbox/session.ts";
import type { Of } from "#codec/binary/type.ts";
import type { Rop } from "#wire/mapi/rop.ts";

export interface RopCall<Q> {
  readonly ctx: Ctx;
  readonly session: MailboxSession;
  readonly request: Q;
  readonly logonId: number;
  /** The object of the input handle; none for RopLogon. */
  readonly object: AnyObject;
  /** Of the second handle: destination, or the object of a response handle. Throws when there is none. */
  object2(index: number): AnyObject;
  /** Bytes that the answer's body may take. */
  readonly roomBytes: number;
}

export interface RopReply {
  readonly body?: unknown;
  /** A warning; success when left out. */
  readonly returnValue?: number;
  /** What the output handle is to stand for. */
  readonly opens?: AnyObject;
  /** What the layout of the answer refers to. */
  readonly given?: Readonly<Record<string, unknown>>;
}

export interface RopHandler {
  readonly rop: Rop;
  run(call: RopCall<unknown>): Promise<RopReply> | RopReply;
}

/** One row: a ROP and what it does. */
export function handler<R extends Rop>(
  rop: R, run: (call: RopCall<Of<R["request"]>>) => Promise<RopReply> | RopReply,
): RopHandler {
  return { rop, run: run as RopHandler["run"] };
}

export function asLogon(call: RopCall<unknown>): LogonObject {
  return call.object.kind === "logon" ? call.object as LogonObject : logonOf(call.object);
}

export function asFolder(object: AnyObject): FolderObject {
  if (object.kind !== "folder") throw new RopError("notSupported", "This needs a folder.");
  return object as FolderObject;
}
