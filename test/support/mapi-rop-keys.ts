/** Keys that a client gives to what it makes. [MS-OXCDATA] 2.2.1.3 */
import { guidToBytes } from "#codec/binary/bytes.ts";
import { RopGetLocalReplicaIds } from "#wire/mapi/rops/synchronization.ts";
import type { RopWorld } from "./mapi-rop-world.ts";

/** Of an id of the store, or of one that is reserved for it. */
export async function globalKeyOf(world: RopWorld, counter?: number): Promise<Buffer> {
  const { body } = await world.client.session.must(RopGetLocalReplicaIds, world.logon, { idCount: 1 });
  const key = Buffer.alloc(22);
  guidToBytes(body.replGuid, key);
  key.writeUIntBE(counter ?? body.globalCount, 16, 6);
  return key;
}
