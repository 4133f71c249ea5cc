/** What doctor is told about the server before it looks: configuration, ports, people. Its caller gathers it. */
import type { AcmeState } from "#net/acme-state.ts";

export const portNames = [
  "smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https",
] as const;
export type PortName = (typeof portNames)[number];
export type Ports = Readonly<Record<PortName, number>>;

export const standardPorts: Ports = {
  smtp: 25, submission: 587, submissions: 465, imap: 143, imaps: 993, pop3: 110, pop3s: 995, http: 80, https: 443,
};

/** A server that runs, by the note it left or because it answers. */
export interface RunningServer {
  /** Null when it answers without having left a note. */
  readonly pid: number | null;
  readonly version: string;
}

export interface Setting {
  readonly hostname: string;
  readonly dataDir: string;
  readonly version: string;
  /** Address it listens on; `::` for all. */
  readonly listen: string;
  readonly ports: Ports;
  readonly domains: readonly string[];
  readonly outboundMode: "mx" | "smarthost" | "off";
  /** Addresses the world reaches this machine at when they are not its own. */
  readonly publicAddresses: readonly string[];
  /** Addresses of this machine's interfaces, loopback left out. */
  readonly machineAddresses: readonly string[];
  /** The administrator's own certificates are configured. */
  readonly hasOwnCertificates: boolean;
  readonly acme: { readonly configured: boolean; readonly state: AcmeState | null };
  /** PEM file and text of the authority that is this server's own; null when there is none. */
  readonly authority: { readonly file: string; readonly pem: string } | null;
  /** A connection from this machine begins with a PROXY header. */
  readonly speaksProxyProtocol: boolean;
  readonly running: RunningServer | null;
}

/** Where this machine reaches its own ports. */
export function localAddress({ listen }: { readonly listen: string }): string {
  return ["", "::", "0.0.0.0"].includes(listen) ? "127.0.0.1" : listen;
}

/** Names that lead nowhere on the Internet by decree. RFC 6761 §6, RFC 6762 §3 */
export function isReservedName(name: string): boolean {
  return /(?:^|\.)(?:test|example|invalid|localhost|local|internal|home\.arpa)\.?$/i.test(name) ||
    !name.includes(".");
}
