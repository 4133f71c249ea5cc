/** Logging on to a store, and what is asked of the store as a whole. [MS-OXCSTOR] 2.2.1, 3.2.5 */
import { ownReplicaId, toObjectId } from "#base/ids.ts";
import { Fault } from "#base/fault.ts";
import { makeTag } from "#props/types.ts";
import { readAway } from "#serve/mapi/mailbox/away.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";
import { folderIdOf, toShortId } from "#serve/mapi/mailbox/keys.ts";
import type { LogonObject } from "#serve/mapi/mailbox/objects.ts";
import { asLogon, handler } from "#serve/mapi/mailbox/rop-call.ts";
import type { RopCall, RopHandler, RopReply } from "#serve/mapi/mailbox/rop-call.ts";
import { checkClass, receiveFolderOf, receiveFolders, setReceiveFolder } from "#serve/mapi/mailbox/receive-folders.ts";
import { toFileTime } from "#serve/mapi/mailbox/property-source.ts";
import type { PublicStore } from "#directory/api.ts";
import type { FolderRole } from "#mailbox/roles.ts";
import * as rops from "#wire/mapi/rops/store.ts";
import * as transport from "#wire/mapi/rops/transport.ts";

const logonFlags = { private: 0x01, undercover: 0x02, ghosted: 0x04 } as const;
const openFlags = { public: 0x02, perMailboxReplicaIds: 0x0100_0000 } as const;
/** [MS-OXCROPS] 2.2.3.1.2 */
const responseFlags = { reserved: 0x01, ownerRight: 0x02, sendAsRight: 0x04, outOfOffice: 0x10 } as const;

/** The folders of RopLogon in their order. [MS-OXCSTOR] 2.2.1.1.3 */
const logonFolders: readonly FolderRole[] = [
  "root", "deferredAction", "spoolerQueue", "ipmSubtree", "inbox", "outbox", "sentItems", "deletedItems",
  "commonViews", "schedule", "finder", "views", "shortcuts",
];

/**
 * Of public folders. Free/busy and address books are had elsewhere: like Exchange 2013 and later, ids of their folders
 * are not told. [MS-OXCSTOR] 2.2.1.1.4
 */
const publicFolderIds: readonly (FolderRole | null)[] = [
  "root", "ipmSubtree", "nonIpmSubtree", "eformsRegistry", null, null, null, null, null, null, null, null, null,
];
const noFolder = { replicaId: 0, counter: 0 } as const;
const noGuid = "00000000-0000-0000-0000-000000000000";

/** The mailbox that was named; public folders are logged on to as such alone. */
async function openPrivate(call: RopCall<{ essdn: Uint8Array }>): Promise<LogonObject> {
  const dn = Buffer.from(call.request.essdn).toString("latin1").replace(/\0.*$/s, "");
  const entry = (await call.session.services.book.view(call.ctx)).byLegacyDn(dn);
  if (entry === undefined || entry.kind === "public-store") {
    throw new RopError("unknownUser", `No mailbox has the name ${dn}.`);
  }
  return await openStore(call, entry, false);
}

/** Whose name the client gives does not count: there is one place for public folders. [MS-OXCSTOR] 3.2.5.1.2 */
async function openPublic(call: RopCall<unknown>): Promise<LogonObject> {
  const entry = await call.session.services.directory.publicStore?.(call.ctx) ?? null;
  if (entry === null) throw new RopError("loginPermission", "There are no public folders here.");
  return await openStore(call, entry, true);
}

async function openStore(
  call: RopCall<unknown>, entry: Pick<PublicStore, "address" | "displayName" | "legacyDn" | "mailboxId">,
  isPublic: boolean,
): Promise<LogonObject> {
  const { ctx, session } = call;
  if (entry.mailboxId === null) throw new RopError("unknownUser", `No mailbox has the name ${entry.legacyDn}.`);
  try {
    const mailbox = await session.services.mailboxes.open(ctx, session.person, entry.mailboxId);
    const { guid, replicaGuid } = await mailbox.identity(ctx);
    return {
      kind: "logon", logonId: call.logonId, mailbox, items: mailbox.items, mailboxId: entry.mailboxId,
      mailboxGuid: guid, replicaGuid, isOwner: session.person.mailboxId === entry.mailboxId, isPublic,
      owner: { legacyDn: entry.legacyDn, displayName: entry.displayName, address: entry.address },
    };
  } catch (error) {
    if (error instanceof Fault && error.code === "accessDenied") throw new RopError("loginPermission", error.message);
    throw error;
  }
}

function logonTime(nowMs: number): Record<string, number> {
  const now = new Date(nowMs);
  return {
    seconds: now.getUTCSeconds(), minutes: now.getUTCMinutes(), hour: now.getUTCHours(), dayOfWeek: now.getUTCDay(),
    day: now.getUTCDate(), month: now.getUTCMonth() + 1, year: now.getUTCFullYear(),
  };
}

/** [MS-OXCSTOR] 2.2.1.4 */
const receiveFolderColumns = [makeTag(0x6748, "Integer64"), makeTag(0x001a, "String8"), makeTag(0x3008, "Time")];

export const logonHandlers: readonly RopHandler[] = [
  handler(rops.RopLogon, async (call) => {
    const { request, ctx } = call;
    const isPublic = (request.logonFlags & logonFlags.private) === 0;
    // Which of the two is meant is said twice.
    if (isPublic !== ((request.openFlags & openFlags.public) !== 0)) {
      throw new RopError("loginFailure", "The flags of this logon contradict each other.");
    }
    if (isPublic) return await publicLogon(call, request.logonFlags);
    const logon = await openPrivate(call);
    requireSameReplicas(call, logon, request.openFlags);
    const folderIds = [];
    for (const role of logonFolders) folderIds.push(toShortId(await idOfRole(call, logon, role)));
    const isAway = await readAway(ctx, logon, call.session.services);
    return {
      opens: logon,
      body: {
        logonFlags: logonFlags.private, folderIds,
        responseFlags: responseFlags.reserved | (logon.isOwner ? responseFlags.ownerRight : 0) |
          (logon.isOwner ? responseFlags.sendAsRight : 0) | (isAway ? responseFlags.outOfOffice : 0),
        mailboxGuid: logon.mailboxGuid, replId: ownReplicaId, replGuid: logon.replicaGuid,
        logonTime: logonTime(ctx.system.nowMs()), gwartTime: toFileTime(ctx.system.nowMs()), storeState: 0,
      },
    };
  }),

  handler(rops.RopGetReceiveFolder, async (call) => {
    checkClass(call.request.messageClass);
    const found = receiveFolderOf(await receiveFolders(call.ctx, asPrivate(call)), call.request.messageClass);
    return { body: { folderId: toShortId(found.folderId), explicitMessageClass: found.messageClass } };
  }),

  handler(rops.RopSetReceiveFolder, async (call) => {
    const { folderId, messageClass } = call.request;
    const target = folderId.counter === 0 ? null : folderIdOf(folderId);
    await setReceiveFolder(call.ctx, asPrivate(call), messageClass, target);
    return {};
  }),

  handler(rops.RopGetReceiveFolderTable, async (call) => {
    const rows = (await receiveFolders(call.ctx, asPrivate(call))).map(({ folderId, messageClass, changedMs }) => [
      BigInt.asIntN(64, toObjectId(folderId)), Buffer.from(messageClass, "latin1"), toFileTime(changedMs),
    ]);
    return { body: { rows }, given: { receiveFolderColumns } };
  }),

  /** As Exchange 2013 and later answer. [MS-OXCSTOR] 2.2.1.5 */
  handler(rops.RopGetStoreState, (call) => {
    asPrivate(call);
    throw new RopError("notImplemented", "The state of the store is told at logon.");
  }),

  handler(rops.RopGetOwningServers, async (call) => {
    if (!asLogon(call).isPublic) throw new RopError("notSupported", "Folders of mailboxes have one place.");
    await asLogon(call).mailbox.folder(call.ctx, folderIdOf(call.request.folderId));
    const servers = [call.session.services.hostname];
    return { body: { cheapServersCount: 1, owningServers: servers } };
  }),

  /** Every folder has its content here, the one place for it. [MS-OXCSTOR] 3.2.5.7 */
  handler(rops.RopPublicFolderIsGhosted, async (call) => {
    const logon = asLogon(call);
    if (logon.isPublic) await logon.mailbox.folder(call.ctx, folderIdOf(call.request.folderId));
    return { body: { isGhosted: false } };
  }),

  handler(rops.RopLongTermIdFromId, (call) => {
    const { replicaId, counter } = call.request.objectId;
    // No id stands for itself. [MS-OXCSTOR] 3.2.5.8, behaviour of Exchange 2013 and later
    if (replicaId === 0 && counter === 0) return { body: { longTermId: { replicaGuid: noGuid, counter: 0 } } };
    if (replicaId !== ownReplicaId) throw new RopError("notFound", "This id belongs to another store.");
    return { body: { longTermId: { replicaGuid: asLogon(call).replicaGuid, counter } } };
  }),

  handler(rops.RopIdFromLongTermId, (call) => {
    const { replicaGuid, counter } = call.request.longTermId;
    if (replicaGuid === noGuid) return { body: { objectId: { replicaId: 0, counter } } };
    if (replicaGuid !== asLogon(call).replicaGuid) throw new RopError("notFound", "This id belongs to another store.");
    return { body: { objectId: toShortId(counter) } };
  }),

  handler(transport.RopGetAddressTypes, () => {
    const addressTypes = ["EX", "SMTP"];
    const addressTypeSize = addressTypes.reduce((sum, one) => sum + one.length + 1, 0);
    return { body: { addressTypeSize, addressTypes } };
  }),

  handler(transport.RopGetTransportFolder, async (call) => ({
    body: { folderId: toShortId(await idOfRole(call, asPrivate(call), "outbox")) },
  })),
  handler(transport.RopSetSpooler, () => ({})),
  handler(transport.RopOptionsData, () => ({ body: { optionsInfo: new Uint8Array(0), helpFile: new Uint8Array(0) } })),
];

/** Ids of two mailboxes are told apart by those who ask for it alone. [MS-OXCSTOR] 3.2.5.1.1 */
function requireSameReplicas(call: RopCall<unknown>, logon: LogonObject, flags: number): void {
  if ((flags & openFlags.perMailboxReplicaIds) !== 0) return;
  for (const { mailboxId, isPublic } of call.session.logons()) {
    if (!isPublic && mailboxId !== logon.mailboxId) {
      throw new RopError("invalidParameter", "A second mailbox takes ids of its own, which were not asked for.");
    }
  }
}

async function publicLogon(call: RopCall<unknown>, flags: number): Promise<RopReply> {
  const logon = await openPublic(call);
  const folderIds = [];
  for (const role of publicFolderIds) {
    folderIds.push(role === null ? noFolder : toShortId(await idOfRole(call, logon, role)));
  }
  return {
    opens: logon,
    body: {
      logonFlags: flags & (logonFlags.undercover | logonFlags.ghosted), folderIds, replId: ownReplicaId,
      replGuid: logon.replicaGuid, perUserGuid: noGuid,
    },
  };
}

/** Everything comes to somebody; to public folders it comes by their addresses. [MS-OXCSTOR] 3.2.5.2 */
function asPrivate(call: RopCall<unknown>): LogonObject {
  const logon = asLogon(call);
  if (logon.isPublic) throw new RopError("notSupported", "Public folders have none of this.");
  return logon;
}

async function idOfRole(call: RopCall<unknown>, logon: LogonObject, role: FolderRole): Promise<number> {
  const known = await roleIds(call, logon);
  const found = known.get(role);
  if (found === undefined) throw new RopError("notFound", "This mailbox lacks a folder, or you may not see it.");
  return found;
}

const idsByLogon = new WeakMap<LogonObject, Map<FolderRole, number>>();

/** Roles never move to another folder, so that they are read once. A folder that may not be seen has its id still. */
async function roleIds(call: RopCall<unknown>, logon: LogonObject): Promise<Map<FolderRole, number>> {
  let known = idsByLogon.get(logon);
  if (known === undefined) {
    known = new Map(await logon.mailbox.roleFolders(call.ctx));
    idsByLogon.set(logon, known);
  }
  return known;
}
