/**
 * In whose name mail leaves that is sent on, and where its bounces go. A foreign sender is rewritten so that the next
 * server's sender checks hold (RFC 7208 §2.4); the address it becomes is signed with a key of this server, runs out,
 * and takes reports alone, so that nobody can have mail relayed through it.
 */
import type { Ctx } from "#base/ctx.ts";
import type { Directory } from "#directory/api.ts";
import { domainOf } from "#rules/message.ts";
import { decodeSrs, forwardSender, isSrs } from "#rules/resend/sender.ts";
import type { SrsKeys } from "#rules/resend/sender.ts";

const secretName = "srs";

/** Who sends on. */
export interface Forwarder {
  /** An address of ours: its domain takes the bounces. */
  readonly address: string;
  /** Who hears of failures where the sender's address cannot be rewritten; empty for nobody. */
  readonly owner: string;
}

export class SenderRewriting {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  async #keys(ctx: Ctx, domain: string): Promise<SrsKeys | null> {
    const secret = await this.#directory.secret?.(ctx, secretName);
    return secret === undefined ? null : { secrets: [secret], domain };
  }

  /** The envelope sender of what goes outside for somebody here. */
  async forwarded(ctx: Ctx, original: string, { address, owner }: Forwarder): Promise<string> {
    if (original === "") return "";
    const isOriginalLocal = await this.#directory.isLocalDomain(ctx, domainOf(original));
    return forwardSender({
      original, owner, isOriginalLocal, isTargetLocal: false, srs: await this.#keys(ctx, domainOf(address)),
      nowMs: ctx.system.nowMs(),
    });
  }

  /** Whose mail was sent on under this address; null when it is none of ours, has run out or is not signed. */
  async original(ctx: Ctx, address: string): Promise<string | null> {
    if (!isSrs(address) || !await this.#directory.isLocalDomain(ctx, domainOf(address))) return null;
    const keys = await this.#keys(ctx, domainOf(address));
    return keys === null ? null : decodeSrs(address, keys, ctx.system.nowMs());
  }
}
