/**
 * Who the client is and what it asked for: the Host field, and what reverse proxies say about it. A proxy is believed
 * only when its address is in the administrator's list; everybody else's fields are as if they were not there.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { limits } from "#base/limits.ts";
import type { AddressList } from "#net/addresses.ts";
import { plainAddress } from "#net/admission.ts";

/** A host as it stands in a URL: lower case, no trailing dot, IPv6 in brackets; the port when one was named. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number | null;
}

/** What the client did, as far as this server may know. */
export interface ClientView {
  readonly remoteAddress: string;
  readonly isTls: boolean;
  /** null: not said by a proxy. */
  readonly host: HostAndPort | null;
}

/** `uri-host [":" port]`; null when it is none. RFC 9110 §7.2, RFC 3986 §3.2.2 */
export function parseHost(field: string): HostAndPort | null {
  if (field.length > limits.httpHostMaxCharacters) return null;
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9\-._~%!$&'()*+,;=\u0080-\u{10ffff}]+)(?::(\d{0,5}))?$/iu.exec(field);
  if (match === null) return null;
  const [, name = "", digits = ""] = match;
  const port = digits === "" ? null : Number(digits);
  if (port !== null && (port === 0 || port > 65_535)) return null;
  if (name.startsWith("[")) return isIP(name.slice(1, -1)) === 6 ? { host: name.toLowerCase(), port } : null;
  const host = name.toLowerCase().replace(/\.+$/, "");
  return host === "" ? null : { host, port };
}

/** One proxy's word about who came to it. */
interface Hop {
  readonly for: string | null;
  readonly proto: string | null;
  readonly host: string | null;
}

/**
 * The client behind proxies that are believed: from the nearest hop back to the first address that is no trusted
 * proxy. `Forwarded` (RFC 7239) and the X-Forwarded fields are both understood; a proxy that writes one kind lets the
 * client's own fields of the other kind pass, so that two kinds which disagree are worth nothing.
 */
export function clientBehindProxies(
  peer: { readonly address: string; readonly isTls: boolean }, headers: IncomingHttpHeaders, trusted: AddressList,
): ClientView {
  const itself: ClientView = { remoteAddress: peer.address, isTls: peer.isTls, host: null };
  if (!trusted.has(peer.address)) return itself;
  const standard = parseForwarded(fieldText(headers["forwarded"]));
  const common = commonHops(headers);
  const [first, second] = [standard, common].filter((hops) => hops.length > 0).map((hops) => follow(hops, trusted));
  if (first === undefined) return itself;
  if (second !== undefined && first.address !== second.address) return itself;
  const { address, hop } = first;
  const proto = hop.proto?.toLowerCase();
  return {
    remoteAddress: address ?? peer.address,
    isTls: proto === undefined ? peer.isTls : proto === "https",
    host: hop.host === null ? null : parseHost(hop.host),
  };
}

/** The client's address (null when a hop hides it) and what the proxy nearest to it said. */
function follow(hops: readonly Hop[], trusted: AddressList): { address: string | null; hop: Hop } {
  let at = hops.length - 1;
  for (; at > 0; at--) {
    const { for: address } = hops[at]!;
    if (address === null || !trusted.has(address)) break;
  }
  const hop = hops[at]!;
  return { address: hop.for, hop };
}

function fieldText(field: string | string[] | undefined): string {
  const text = Array.isArray(field) ? field.join(",") : field ?? "";
  // What is farthest from us comes first and is worth least.
  return text.length > limits.httpForwardedMaxCharacters ? "" : text;
}

/** X-Forwarded-For, -Proto and -Host: one value for each hop, or one for all. */
function commonHops(headers: IncomingHttpHeaders): Hop[] {
  const list = (name: string): string[] =>
    fieldText(headers[name]).split(",").map((value) => value.trim()).filter((value) => value !== "");
  const addresses = list("x-forwarded-for");
  const protos = list("x-forwarded-proto");
  const hosts = list("x-forwarded-host");
  const count = Math.max(addresses.length, protos.length > 0 || hosts.length > 0 ? 1 : 0);
  const pick = (values: readonly string[], index: number): string | null =>
    (values.length === count ? values[index] : values.at(-1)) ?? null;
  return Array.from({ length: count }, (_, index) => ({
    for: addresses[index] === undefined ? null : nodeAddress(addresses[index]),
    proto: pick(protos, index), host: pick(hosts, index),
  }));
}

/** The elements of a Forwarded field; empty when it is malformed. RFC 7239 §4 */
export function parseForwarded(field: string): Hop[] {
  const hops: Hop[] = [];
  if (field.trim() === "") return hops;
  const pair = /[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;=]*))[ \t]*([;,]|$)/iy;
  let hop = { for: null as string | null, proto: null as string | null, host: null as string | null };
  for (;;) {
    const match = pair.exec(field);
    if (match === null) return [];
    const value = match[2] === undefined ? match[3] ?? "" : match[2].replace(/\\(.)/g, "$1");
    const name = match[1]!.toLowerCase();
    if (name === "for") hop.for = nodeAddress(value);
    else if (name === "proto" || name === "host") hop[name] = value;
    if (match[4] === ";") continue;
    hops.push(hop);
    hop = { for: null, proto: null, host: null };
    if (match[4] === "") return hops;
  }
}

/** The address of a node without brackets and port; null for `unknown` and names made up to hide it. RFC 7239 §6 */
function nodeAddress(node: string): string | null {
  const bracketed = /^\[([^\]]+)\](?::[\w.-]+)?$/.exec(node)?.[1];
  const bare = bracketed ?? (isIP(node) === 0 ? node.replace(/:[\w.-]+$/, "") : node);
  return isIP(bare) === 0 ? null : plainAddress(bare).toLowerCase();
}
