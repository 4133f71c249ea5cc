/** What client and server tell beside their calls. [MS-OXCRPC] 2.2.2.2 */
import { encode } from "#codec/binary/code.ts";
import { struct } from "#codec/binary/combine.ts";
import { u32 } from "#codec/binary/numbers.ts";
import type { Type } from "#codec/binary/type.ts";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { packOne, unpackOne } from "#wire/mapi/rop-buffer.ts";

/** Type of AUX_HEADER. [MS-OXCRPC] 2.2.2.2 */
export const auxiliaryTypes = {
  clientInfo: 0x02, sessionInfo: 0x04, clientControl: 0x0a, processInfo: 0x0b, exchangeOrganizationInfo: 0x17,
  endpointCapabilities: 0x48, clientConnectionInfo: 0x4a,
} as const;

export interface AuxiliaryBlock {
  readonly version: number;
  readonly type: number;
  readonly data: Uint8Array;
}

const headerSize = 4;

/** The blocks of an auxiliary buffer, whatever they are; none for an empty one. Throws WireError. */
export function unpackAuxiliary(buffer: Uint8Array): AuxiliaryBlock[] {
  if (buffer.length === 0) return [];
  const { payload, end } = unpackOne(buffer, 0);
  if (end !== buffer.length) throw new WireError(`${buffer.length - end} bytes follow the auxiliary payload`, end);
  const blocks: AuxiliaryBlock[] = [];
  for (let at = 0; at < payload.length;) {
    if (blocks.length >= limits.mapiAuxiliaryBlocksMax) throw new WireError("too many auxiliary blocks", at);
    if (payload.length - at < headerSize) throw new WireError("an auxiliary block is cut off", at);
    const size = payload[at]! | (payload[at + 1]! << 8);
    if (size < headerSize || size > payload.length - at) throw new WireError(`${size} is no size of a block`, at);
    const data = payload.subarray(at + headerSize, at + size);
    blocks.push({ version: payload[at + 2]!, type: payload[at + 3]!, data });
    at += size;
  }
  return blocks;
}

/** Blocks as one auxiliary buffer; empty for none. */
export function packAuxiliary(blocks: readonly AuxiliaryBlock[]): Uint8Array {
  if (blocks.length === 0) return new Uint8Array(0);
  const parts = blocks.flatMap(({ version, type, data }) => {
    const size = headerSize + data.length;
    return [Buffer.from([size & 0xff, size >> 8, version, type]), data];
  });
  return packOne(Buffer.concat(parts), true, { compress: false, xorMagic: false });
}

function block<T>(type: number, layout: Type<T>, value: T): AuxiliaryBlock {
  return { version: 1, type, data: encode(layout, value) };
}

const organizationInfo = struct({ orgFlags: u32 });
const clientControl = struct({ enableFlags: u32, expiryTimeMs: u32 });
const endpointCapabilities = struct({ capabilityFlags: u32 });

/** OrgFlags. [MS-OXCRPC] 2.2.2.2.17 */
export const organizationFlags = { publicFoldersEnabled: 0x1, useAutodiscoverForPublicFolders: 0x2 } as const;

/** EnableFlags: what the client may do. [MS-OXCRPC] 2.2.2.2.16 */
const controlFlags = { compression: 0x4, httpTunneling: 0x8 } as const;

/** What the answer to Connect tells. [MS-OXCRPC] 2.2.2.2.17, 2.2.2.2.16, 2.2.2.2.19 */
export function connectAuxiliary(options: { orgFlags: number; expiryTimeMs: number }): Uint8Array {
  return packAuxiliary([
    block(auxiliaryTypes.exchangeOrganizationInfo, organizationInfo, { orgFlags: options.orgFlags }),
    block(auxiliaryTypes.clientControl, clientControl, {
      enableFlags: controlFlags.compression | controlFlags.httpTunneling, expiryTimeMs: options.expiryTimeMs,
    }),
    block(auxiliaryTypes.endpointCapabilities, endpointCapabilities, { capabilityFlags: 1 }),
  ]);
}
