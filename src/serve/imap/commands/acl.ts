/** Who may do what in a folder: the entries every other protocol sees too. RFC 4314 */
import type { EntryId } from "#base/ids.ts";
import type { Completion, Handler, SessionState } from "#serve/imap/state.ts";
import type { Place } from "#serve/imap/places.ts";
import { Fault } from "#base/fault.ts";
import { folderRights, folderRoleRights } from "#mailbox/access.ts";
import { findPlace } from "#serve/imap/places.ts";
import { changeRights, decodeRights, encodeRights, tiedRights } from "#serve/imap/rights.ts";
import { no, ok } from "#serve/imap/state.ts";
import { encodeAstring, encodeMailbox, encodeText } from "#wire/imap/encode.ts";

/** Members that are no person. [MS-OXCPERM] 2.2.1 */
const anyone = 0;
const anonymous = -1;

/** RFC 4314 §3.5 */
export const myRights: Handler<"MYRIGHTS"> = async (state, { args }) => {
  const { mailbox, info } = await findPlace(state, args.mailbox);
  const rights = encodeRights(mailbox.rightsIn(info.folderId));
  state.client.write(`* MYRIGHTS ${encodeMailbox(args.mailbox, state.usesUtf8)} ${encodeText(rights)}\r\n`);
  return ok("Those are your rights.");
};

/** RFC 4314 §3.3 */
export const getAcl: Handler<"GETACL"> = async (state, { args }) => {
  const place = await administered(state, args.mailbox);
  const owner = await state.services.directory.mailboxOwner(state.ctx, place.mailbox.mailboxId);
  const entries: (readonly [string, number])[] = owner === null ? [] : [[owner.address, folderRoleRights.owner]];
  for (const { memberId, rights } of await place.mailbox.permissions(state.ctx, place.info.folderId)) {
    // Everybody and nobody in particular are always listed, with rights or without.
    if (rights === 0 && memberId <= 0) continue;
    const name = await nameOf(state, memberId);
    if (name !== undefined) entries.push([name, rights]);
  }
  const list = entries.map(([name, rights]) => ` ${encodeText(name)} ${encodeText(encodeRights(rights))}`).join("");
  state.client.write(`* ACL ${encodeMailbox(args.mailbox, state.usesUtf8)}${list}\r\n`);
  return ok("Those are the rights.");
};

/** RFC 4314 §3.4 */
export const listRights: Handler<"LISTRIGHTS"> = async (state, { args }) => {
  await administered(state, args.mailbox);
  const memberId = await memberOf(state, args.identifier);
  if (memberId === undefined) return noSuchMember();
  const path = encodeMailbox(args.mailbox, state.usesUtf8);
  state.client.write(`* LISTRIGHTS ${path} ${encodeAstring(args.identifier)} "" ${tiedRights}\r\n`);
  return ok("Those can be given.");
};

/** RFC 4314 §3.1 */
export const setAcl: Handler<"SETACL"> = async (state, { args }) => {
  const bits = decodeRights(args.rights.rights);
  if (bits === undefined) return { condition: "BAD", text: "One of the letters stands for no right." };
  const { mailbox, info } = await administered(state, args.mailbox);
  const memberId = await memberOf(state, args.identifier);
  if (memberId === undefined) return noSuchMember();
  const entries = await mailbox.permissions(state.ctx, info.folderId);
  const before = entries.find((entry) => entry.memberId === memberId)?.rights ?? 0;
  const rights = changeRights(before, args.rights.mode, bits);
  await mailbox.setPermission(state.ctx, info.folderId, memberId, rights === 0 ? null : rights);
  return ok("The rights are given.");
};

/** RFC 4314 §3.2 */
export const deleteAcl: Handler<"DELETEACL"> = async (state, { args }) => {
  const { mailbox, info } = await administered(state, args.mailbox);
  const memberId = await memberOf(state, args.identifier);
  if (memberId === undefined) return noSuchMember();
  await mailbox.setPermission(state.ctx, info.folderId, memberId, null);
  return ok("The rights are taken away.");
};

function noSuchMember(): Completion {
  return no("There is nobody of this name whom rights could be given.", "CANNOT");
}

/** A folder whose rights this person may see and change. RFC 4314 §4, table of rights and commands */
async function administered(state: SessionState, path: string): Promise<Place> {
  const place = await findPlace(state, path);
  if ((place.mailbox.rightsIn(place.info.folderId) & folderRights.folderOwner) !== 0) return place;
  throw new Fault("accessDenied", "Only those who administer this folder see who has rights in it.");
}

/** RFC 4314 §2: rights taken away by name (`-name`) are not kept here. */
async function memberOf(state: SessionState, identifier: string): Promise<number | undefined> {
  if (identifier.toLowerCase() === "anyone") return anyone;
  if (identifier.toLowerCase() === "anonymous") return anonymous;
  const entry = await state.services.people?.entryByAddress(state.ctx, identifier);
  return entry?.entryId;
}

/** Undefined for somebody who is not there any more. */
async function nameOf(state: SessionState, memberId: number): Promise<string | undefined> {
  if (memberId === anyone) return "anyone";
  if (memberId === anonymous) return "anonymous";
  return (await state.services.people?.entry(state.ctx, memberId as EntryId))?.address;
}
