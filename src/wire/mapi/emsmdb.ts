/** Bodies of the mailbox endpoint. [MS-OXCMAPIHTTP] 2.2.4 */
import { bytes, latin1z, utf16z } from "#codec/binary/bytes.ts";
import { struct } from "#codec/binary/combine.ts";
import { u32 } from "#codec/binary/numbers.ts";
import type { Of } from "#codec/binary/type.ts";

const auxiliaryBuffer = bytes(u32);

/** [MS-OXCMAPIHTTP] 2.2.4.1.1 */
export const connectRequest = struct({
  userDn: latin1z, flags: u32, defaultCodePage: u32, lcidSort: u32, lcidString: u32, auxiliaryBuffer,
});
export type ConnectRequest = Of<typeof connectRequest>;

/** [MS-OXCMAPIHTTP] 2.2.4.1.2 */
export const connectResponse = struct({
  statusCode: u32, errorCode: u32, pollsMaxMs: u32, retryCount: u32, retryDelayMs: u32, dnPrefix: latin1z,
  displayName: utf16z, auxiliaryBuffer,
});

/** [MS-OXCMAPIHTTP] 2.2.4.2.1 */
export const executeRequest = struct({ flags: u32, ropBuffer: bytes(u32), maxRopOut: u32, auxiliaryBuffer });
export type ExecuteRequest = Of<typeof executeRequest>;

/** Flags of an Execute request. [MS-OXCMAPIHTTP] 2.2.4.2.1 */
export const executeFlags = { noCompression: 0x1, noXorMagic: 0x2, chain: 0x4 } as const;

/** [MS-OXCMAPIHTTP] 2.2.4.2.2 */
export const executeResponse = struct({
  statusCode: u32, errorCode: u32, flags: u32, ropBuffer: bytes(u32), auxiliaryBuffer,
});

/** [MS-OXCMAPIHTTP] 2.2.4.3.1 */
export const disconnectRequest = struct({ auxiliaryBuffer });
/** [MS-OXCMAPIHTTP] 2.2.4.3.2 */
export const disconnectResponse = struct({ statusCode: u32, errorCode: u32, auxiliaryBuffer });

/** [MS-OXCMAPIHTTP] 2.2.4.4.1 */
export const notificationWaitRequest = struct({ flags: u32, auxiliaryBuffer });
/** [MS-OXCMAPIHTTP] 2.2.4.4.2 */
export const notificationWaitResponse = struct({ statusCode: u32, errorCode: u32, eventPending: u32, auxiliaryBuffer });
