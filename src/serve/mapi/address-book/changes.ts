/** Requests that change the address book. [MS-OXNSPI] 3.1.4.1 */
import type { Of } from "#codec/binary/type.ts";
import { Fault } from "#base/fault.ts";
import type { LinkKind } from "#directory/address-book-changes.ts";
import type { AddressBookEntry } from "#directory/address-book.ts";
import { tagId } from "#props/types.ts";
import { isLink } from "#serve/mapi/address-book/links.ts";
import { displayTypeOf, entryIdOf } from "#serve/mapi/address-book/properties.ts";
import { nspiCodes } from "#serve/mapi/address-book/request.ts";
import type { From } from "#serve/mapi/address-book/request.ts";
import { displayTypes, parseEntryId } from "#wire/mapi/entry-ids.ts";
import type { addressBookBodies } from "#wire/mapi/nspi.ts";

type Bodies = typeof addressBookBodies;

const flagDelete = 0x1;
/** Lists of entries that can be changed: members of a group, who sends on behalf of a person. */
const linkKinds: ReadonlyMap<number, LinkKind> = new Map([[0x8009, "members"], [0x8015, "send-on-behalf"]]);
/** PidTagAddressBookX509Certificate and PidTagUserX509Certificate. */
const certificateKeys: ReadonlyMap<number, string> = new Map([[0x8c6a, "certificate"], [0x3a70, "smimeCertificate"]]);

async function codeOf(change: Promise<void>): Promise<{ errorCode: number }> {
  try {
    await change;
    return { errorCode: nspiCodes.success };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    switch (error.code) {
      // What cannot be done to this entry is refused like what may not be done. [MS-OXNSPI] 3.1.4.1.15
      case "accessDenied": case "notAllowed": return { errorCode: nspiCodes.accessDenied };
      case "notFound": return { errorCode: nspiCodes.notFound };
      case "tooMany": case "tooBig": case "invalidArgument":
        return { errorCode: nspiCodes.invalidParameter };
      default: throw error;
    }
  }
}

/** The entry that a permanent or ephemeral id names. */
function entryFor(entryId: Uint8Array, { view, session }: From): AddressBookEntry | undefined {
  const parsed = parseEntryId(entryId);
  if (parsed?.kind === "addressBook") return view.byLegacyDn(parsed.value.x500Dn);
  if (parsed?.kind !== "ephemeral" || parsed.value.serverGuid !== session.serverGuid) return undefined;
  return view.byId(entryIdOf(parsed.value.minimalId));
}

export async function modifyLinks(
  { flags, propertyTag, minimalId, entryIds }: Of<Bodies["ModLinkAtt"]["request"]>, from: From,
): Promise<{ errorCode: number }> {
  const kind = linkKinds.get(tagId(propertyTag));
  // Lists that follow from others are known, but nobody changes them here.
  if (kind === undefined) {
    return { errorCode: isLink(tagId(propertyTag)) ? nspiCodes.notSupported : nspiCodes.notFound };
  }
  const target = from.view.byId(entryIdOf(minimalId));
  if (target === undefined) return { errorCode: nspiCodes.invalidParameter };
  if (displayTypeOf(target) === displayTypes.agent) return { errorCode: nspiCodes.accessDenied };
  const others = (entryIds ?? []).map((one) => entryFor(one, from));
  if (others.some((one) => one === undefined)) return { errorCode: nspiCodes.notFound };
  return await codeOf(from.changes.changeLinks(from.ctx, from.session.person, {
    kind, targetId: target.entryId, otherIds: others.map((one) => one!.entryId),
    mode: (flags & flagDelete) === 0 ? "add" : "remove",
  }));
}

/** Tags name what changes; those without a value lose theirs. */
export async function modifyProperties(
  { state, tags, values }: Of<Bodies["ModProps"]["request"]>, from: From,
): Promise<{ errorCode: number }> {
  if (tags === null) return { errorCode: nspiCodes.invalidParameter };
  const target = from.view.byId(entryIdOf(state?.currentRecord ?? 0));
  if (target === undefined) return { errorCode: nspiCodes.invalidParameter };
  const changed = new Set([...tags, ...(values ?? []).map(({ tag }) => tag)].map(tagId));
  if (changed.size === 0) return { errorCode: nspiCodes.invalidParameter };
  const attributes: { key: string; values: Uint8Array[] }[] = [];
  for (const id of changed) {
    const key = certificateKeys.get(id);
    // Everything else is the administrator's.
    if (key === undefined) return { errorCode: nspiCodes.accessDenied };
    const value = values?.find(({ tag }) => tagId(tag) === id)?.value;
    if (value !== undefined && !(Array.isArray(value) && value.every((one) => one instanceof Uint8Array))) {
      return { errorCode: nspiCodes.invalidParameter };
    }
    attributes.push({ key, values: (value ?? []) as Uint8Array[] });
  }
  return await codeOf(from.changes.changeCertificates(from.ctx, from.session.person, target.entryId, attributes));
}
