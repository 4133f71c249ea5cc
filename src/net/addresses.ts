/** Lists of addresses and networks an administrator names, and questions about single addresses. */
import { BlockList, isIP, isIPv4 } from "node:net";
import { Fault } from "#base/fault.ts";
import { plainAddress } from "#net/admission.ts";

/** Addresses and networks (`192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`). RFC 4632 §3.1, RFC 4291 §2.3 */
export class AddressList {
  readonly #list = new BlockList();
  readonly isEmpty: boolean;

  /** Throws Fault `invalidArgument` with the entry that is neither an address nor a network. */
  constructor(entries: readonly string[]) {
    this.isEmpty = entries.length === 0;
    for (const entry of entries) {
      const [address = "", size, ...more] = entry.split("/");
      const family = isIPv4(address) ? "ipv4" : "ipv6";
      const bits = size === undefined ? null : Number(size);
      const isBits = bits === null || (/^\d{1,3}$/.test(size ?? "") && bits <= (family === "ipv4" ? 32 : 128));
      if (isIP(address) === 0 || address.includes("%") || more.length > 0 || !isBits) {
        throw new Fault("invalidArgument", `"${entry}" is no IP address and no network such as 10.0.0.0/8.`);
      }
      if (bits === null) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, bits, family);
    }
  }

  has(address: string): boolean {
    const plain = plainAddress(address).split("%", 1)[0]!;
    if (this.isEmpty || isIP(plain) === 0) return false;
    return this.#list.check(plain, isIPv4(plain) ? "ipv4" : "ipv6");
  }
}

/** This very machine. RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3 */
export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address);
  return plain === "::1" || (isIPv4(plain) && plain.startsWith("127."));
}
