/** What a sign-in needs of an IMAP connection. RFC 9051 §6.2.2 */
import type { SaslParties } from "#net/sasl.ts";
import type { SessionState } from "#serve/imap/state.ts";

/** RFC 9051 §6.2.2 */
export function saslParties(state: SessionState): SaslParties {
  const { client, services, ctx } = state;
  const device = state.device === undefined ? {} : { device: state.device };
  return {
    ctx, directory: services.directory, from: { protocol: "imap", clientAddress: client.address, ...device },
    channelBinding: client.isTls ? (type) => client.channelBinding?.(type) ?? null : undefined,
  };
}
