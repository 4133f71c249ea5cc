/** The two ways in which blocks of personal folder files are disguised; no secret is in either. [MS-PST] 5.1, 5.2 */
import { Buffer } from "node:buffer";

/** mpbbI of the specification; mpbbR is its inverse. */
const inverse = Buffer.from("47f1b4e60b6a7248854e9eebe2f89453e0bba002e85a09abdbe3bac67cc310dd39059630f53760828cc9134a6b1df3fb8f2697ca911701c4" +
  "322d6e3195ffd923d1005e79dc443b1a28c5615720903d83b943be67d2464276c06d5b7eb20f16293ca903540dda5ddff6b7c762cd8d06d3" +
  "695c86d614f7a56675acb1e94521700c879f74a4224c6fbf1f56aa2eb3783350b0a392bccf191ca763cb1e4d3e4b1b9b4fe7f0eead3ab559" +
  "04ea40552551e57a893868527bfc27aed7bdfa07f4cc8e5fef359c842b15d5773449b6120a7f7188fd9d18417d93d8582ccefe24afdeb836" +
  "c8a180a69998a82f0e816573e4c2a28ad4e111d0088b2af2ed9a643fc16cf9ec", "hex");
const middle = Buffer.from("14530f56b3c87a9ceb65481716159f02cc547c83000d0c0ba262a876dbd9edc7c5a4dcac8574d6d0a79bae9a967166c36399b8dd73928e84" +
  "7da55ed15d93b1575150808952944f4e0a6bbc8d7f6e47464140440111cb033ff7f4e1a98f3c3af9fbf0193082092ec99da08649ee6f4d6d" +
  "c42d813425871b88aafc06a11238fd4c4272641337246a757743ffe6b44b365ce4d8353d45b92cecb7312b290768a30e697b189e2139be28" +
  "1a5b78f523ca2ab0af3efe048ce7e5983295d3f64ae8a6eae9f3d52f7020f21f0567ad5510cecde3273bdabad7c226d4911dd21c2233f8fa" +
  "f15aefcf90b68bb5bdc0bf08971e6ce261e0c6c159abbb58de5fdf60797eb28a", "hex");
const forward = Buffer.alloc(256);
inverse.forEach((value, index) => {
  forward[value] = index;
});

/** bCryptMethod. [MS-PST] 2.2.2.6 */
export const cryptMethods = { none: 0, permute: 1, cyclic: 2 } as const;

/** [MS-PST] 5.1 */
export function decodePermuted(block: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(block.length);
  for (let at = 0; at < block.length; at++) out[at] = inverse[block[at]!]!;
  return out;
}

/** `key` is the low half of the block's id. [MS-PST] 5.2 */
export function decodeCyclic(block: Uint8Array, key: number): Buffer {
  const out = Buffer.allocUnsafe(block.length);
  let word = (key ^ (key >>> 16)) & 0xffff;
  for (let at = 0; at < block.length; at++) {
    const [low, high] = [word & 0xff, word >>> 8];
    const first = forward[(block[at]! + low) & 0xff]!;
    const second = middle[(first + high) & 0xff]!;
    out[at] = inverse[(second - high) & 0xff]! - low;
    word = (word + 1) & 0xffff;
  }
  return out;
}
