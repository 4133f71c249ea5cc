/** Personal distribution lists and the groups of vCard. [MS-OXOCNTC] 2.2.2, RFC 6350 §6.6.5 */
import { Buffer } from "node:buffer";
import { Fault, WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { getProperty, namedKey, setProperty } from "#convert/item.ts";
import type { ItemBag } from "#convert/item.ts";
import { decodeOneOff, encodeOneOff } from "#convert/mime/one-off.ts";
import type { OneOff } from "#convert/mime/one-off.ts";
import { properties } from "#props/registry.ts";
import {
  decodeDistributionListStream, distributionListStreamOf, encodeDistributionListStream, membersChecksum,
} from "#format/mapi/distribution-list.ts";
import { parameterOf } from "#convert/vcard/lines.ts";
import type { Line } from "#convert/vcard/lines.ts";
import type { NamedId } from "#props/registry.ts";
import { line, unescapeText } from "#convert/vcard/text.ts";
import type { KnownLines, OldShapes } from "#convert/vcard/kept.ts";

const wrapperUid = Buffer.from("c091add3519dcf11a4a900aa0047faa4", "hex");
const wrapperSize = 21;

/** The EntryID inside a WrappedEntryId; others are themselves. [MS-OXOCNTC] 2.2.2.2.4.1.1 */
export function unwrapMember(entryId: Uint8Array): Uint8Array {
  const isWrapped = entryId.length > wrapperSize
    && Buffer.from(entryId.buffer, entryId.byteOffset, entryId.byteLength).subarray(4, 20).equals(wrapperUid);
  return isWrapped ? entryId.subarray(wrapperSize) : entryId;
}

/** Tells who is meant by the UID of a card. */
export type MemberFinder = (uid: string) => OneOff | undefined;

function memberOf(one: Line, find: MemberFinder | undefined): OneOff | undefined {
  const value = unescapeText(one.value).trim();
  const lower = value.toLowerCase();
  if (lower.startsWith("mailto:") || (!lower.startsWith("urn:") && value.includes("@"))) {
    const address = value.replace(/^mailto:/i, "").replace(/\?.*$/s, "");
    return { name: parameterOf(one, "X-CN") ?? address, addressType: "SMTP", address };
  }
  return find?.(value.replace(/^urn:uuid:/i, ""));
}

/** Fills the list; lines of members that nobody knows are given back. [MS-OXOCNTC] 2.2.2.2 */
export function readMembers(
  item: ItemBag, lines: readonly Line[], known: KnownLines, find: MemberFinder | undefined,
): Line[] {
  if (lines.length > limits.distributionMembersMax) throw new Fault("tooMany", "a list with too many members");
  const unknown: Line[] = [];
  const entryIds: Uint8Array[] = [];
  for (const one of lines) {
    const member = memberOf(one, find);
    if (member === undefined) {
      unknown.push(one);
      continue;
    }
    entryIds.push(encodeOneOff(member));
    known.add(`uid/MEMBER:${member.address.replaceAll(" ", "")}`, one, false);
  }
  if (entryIds.length > 0) setMembers(item, entryIds);
  return unknown;
}

const none = new Uint8Array(0);

/**
 * Fills a list with one-off EntryIDs. A list too long for the properties of old clients stands in the stream that new
 * ones read instead; the checksum tells these that nobody changed the list alone. [MS-OXOCNTC] 2.2.2.2
 */
export function setMembers(item: ItemBag, oneOffs: readonly Uint8Array[]): void {
  const sizeBytes = oneOffs.reduce((sum, one) => sum + one.length, 0);
  const drop = (property: { readonly named: NamedId }): boolean => item.named.delete(namedKey(property.named));
  if (sizeBytes < limits.distributionListMaxBytes) {
    drop(properties.PidLidDistributionListStream);
    setProperty(item, properties.PidLidDistributionListMembers, oneOffs);
    setProperty(item, properties.PidLidDistributionListOneOffMembers, oneOffs);
    setProperty(item, properties.PidLidDistributionListChecksum, membersChecksum(oneOffs));
    return;
  }
  drop(properties.PidLidDistributionListMembers);
  drop(properties.PidLidDistributionListOneOffMembers);
  drop(properties.PidLidDistributionListChecksum);
  const members = oneOffs.map((oneOff) => ({ entryId: oneOff, oneOff, extra: none }));
  const stream = encodeDistributionListStream(distributionListStreamOf(members));
  setProperty(item, properties.PidLidDistributionListStream, stream);
}

interface MemberPair {
  readonly own: Uint8Array | undefined;
  readonly beside: Uint8Array | undefined;
}

/** The stream wins; one-offs beside a list changed since mean nothing. [MS-OXOCNTC] 2.2.2.2.3, 2.2.2.2.4 */
function pairsOf(item: ItemBag): MemberPair[] {
  const stream = getProperty(item, properties.PidLidDistributionListStream);
  if (stream !== undefined) {
    try {
      const { members } = decodeDistributionListStream(stream);
      return members.slice(0, limits.distributionMembersMax)
        .map(({ entryId, oneOff }) => ({ own: entryId, beside: oneOff.length === 0 ? undefined : oneOff }));
    } catch (error) {
      // Of a broken stream the older properties are what is left.
      if (!(error instanceof WireError)) throw error;
    }
  }
  const own = getProperty(item, properties.PidLidDistributionListMembers) ?? [];
  const checksum = getProperty(item, properties.PidLidDistributionListChecksum);
  const isSame = checksum === undefined || own.length === 0 || checksum === membersChecksum(own);
  const beside = isSame ? getProperty(item, properties.PidLidDistributionListOneOffMembers) ?? [] : [];
  const length = Math.min(Math.max(own.length, beside.length), limits.distributionMembersMax);
  return Array.from({ length }, (_, index) => ({ own: own[index], beside: beside[index] }));
}

/** Members whose address is known, by the list itself or by the one-off beside it. [MS-OXOCNTC] 2.2.2.2.2 */
export function membersOf(item: ItemBag): OneOff[] {
  const out: OneOff[] = [];
  for (const { own, beside } of pairsOf(item)) {
    const found = (own === undefined ? null : decodeOneOff(unwrapMember(own)))
      ?? (beside === undefined ? null : decodeOneOff(unwrapMember(beside)));
    if (found !== null) out.push(found);
  }
  return out;
}

/** RFC 6350 §6.6.5, and as address books of Apple have it before vCard 4. */
export function memberLines(item: ItemBag, version: "3.0" | "4.0", shapes: OldShapes): Line[] {
  const name = version === "4.0" ? "MEMBER" : "X-ADDRESSBOOKSERVER-MEMBER";
  return membersOf(item).filter(({ address }) => address !== "").map(({ name: title, address }) => {
    const hasName = title !== "" && title !== address;
    const fresh = line(name, `mailto:${address}`, hasName ? [{ name: "X-CN", value: title }] : []);
    const old = shapes.of(`uid/MEMBER:${address.replaceAll(" ", "")}`, fresh);
    return old === undefined ? fresh : { ...old, name };
  });
}
