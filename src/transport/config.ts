/** What an administrator can set about the queue and outgoing mail. */

/** Durations of the queue. RFC 5321 §4.5.4.1 */
export interface RetryPolicy {
  /** Waits between attempts to reach another server; the last one repeats. */
  readonly remoteDelaysMs: readonly number[];
  /** Waits when a mailbox here could not take the message. */
  readonly localDelaysMs: readonly number[];
  /** Age at which a message is given up. */
  readonly expireAfterMs: number;
  /** Age at which the sender is told that it is late. */
  readonly delayNoticeAfterMs: number;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

export const defaultRetryPolicy: RetryPolicy = {
  remoteDelaysMs: [5 * minute, 10 * minute, 20 * minute, 40 * minute, hour, 2 * hour, 4 * hour],
  localDelaysMs: [5 * second, 15 * second, minute, 5 * minute, 15 * minute],
  expireAfterMs: 5 * 24 * hour,
  delayNoticeAfterMs: 4 * hour,
};

/**
 * TLS towards another server. `implicit` from the first byte, `required` by STARTTLS or not at all, `opportunistic`
 * where it is offered, with any certificate, and in the clear where it fails. RFC 3207 §4, RFC 7435
 */
export type OutboundTls = "implicit" | "required" | "opportunistic" | "none";

export type OutboundConfig =
  /** Mail to other domains fails at once with a report that says so. */
  | { readonly mode: "off" }
  | {
    readonly mode: "mx";
    readonly port?: number;
    readonly tls?: "opportunistic" | "none";
    /** Also connect to loopback, private and link-local addresses; for tests and closed networks. */
    readonly privateAddresses?: boolean;
  }
  | {
    readonly mode: "smarthost";
    readonly host: string;
    readonly port: number;
    readonly tls: OutboundTls;
    readonly user?: string;
    readonly password?: string;
    /** PEM of the authority that signed the smarthost's certificate; the system's list otherwise. */
    readonly caPem?: string;
  };

/** Waits of the client. RFC 5321 §4.5.3.2 */
export interface OutboundTimeouts {
  readonly connectMs: number;
  readonly greetingMs: number;
  readonly commandMs: number;
  readonly dataMs: number;
  readonly blockMs: number;
  readonly finalDotMs: number;
}

export const defaultOutboundTimeouts: OutboundTimeouts = {
  connectMs: 30 * second,
  greetingMs: 5 * minute,
  commandMs: 5 * minute,
  dataMs: 2 * minute,
  blockMs: 3 * minute,
  finalDotMs: 10 * minute,
};

export interface TransportConfig {
  /** This server's name: in EHLO, Received and reports. */
  readonly hostname: string;
  readonly outbound: OutboundConfig;
  readonly retry?: Partial<RetryPolicy>;
  readonly timeouts?: Partial<OutboundTimeouts>;
  /** This process alone works on the queue: what a killed predecessor had in hand is free at once. */
  readonly exclusive?: boolean;
  readonly leaseMs?: number;
  /** Deliveries into mailboxes at one time. */
  readonly localConcurrency?: number;
  /** Recipients in hand at one time; the others wait in the store. */
  readonly inHandMax?: number;
  /** Connections to other servers at one time, and to one destination. */
  readonly connectionsMax?: number;
  readonly connectionsPerRouteMax?: number;
  readonly messagesPerConnectionMax?: number;
  /** How long an idle connection waits for another message. */
  readonly connectionIdleMs?: number;
  /** Receipts that senders ask for are sent when a program leaves it to the server. RFC 8098 */
  readonly readReceipts?: boolean;
}

export type TransportSettings = Required<Omit<TransportConfig, "retry" | "timeouts">> & {
  readonly retry: RetryPolicy;
  readonly timeouts: OutboundTimeouts;
};

export function withDefaults(config: TransportConfig): TransportSettings {
  return {
    exclusive: true, leaseMs: 5 * minute, localConcurrency: 256, inHandMax: 2000, connectionsMax: 100,
    connectionsPerRouteMax: 5, messagesPerConnectionMax: 100, connectionIdleMs: 2 * second, readReceipts: true,
    ...config,
    retry: { ...defaultRetryPolicy, ...config.retry },
    timeouts: { ...defaultOutboundTimeouts, ...config.timeouts },
  };
}
