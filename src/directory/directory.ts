/**
 * The directory as the other rooms see it. Lookups are kept in memory under the directory's version; a hint of the
 * store, or a second gone by, makes the next lookup compare the version first, so changes made by the command line in
 * another process count at once, or at the latest after a second.
 */
import type { Ctx } from "#base/ctx.ts";
import type { EntryId, MailboxId } from "#base/ids.ts";
import { limits } from "#base/limits.ts";
import { accountById, accountBySignInName } from "#directory/account.ts";
import type { Account } from "#directory/account.ts";
import type {
  BearerOffer, Directory, GroupMailing, MailboxOwner, MailboxStanding, MeetingCopies, NamedEntry, Protocol, Resolution,
  ScramAccount, Sharing, SignedIn, SignInFrom, SignInMethods,
} from "#directory/api.ts";
import { tryNormaliseDomain, tryParseAddress } from "#directory/address.ts";
import { setPassword } from "#directory/entry-changes.ts";
import type { AccessRight, EntryKind, Role } from "#directory/kinds.ts";
import { PasswordHasher } from "#directory/password.ts";
import { publicFolderEntries, publicStoreEntry } from "#directory/public-folders.ts";
import type { PublicFolderEntry } from "#directory/public-folders.ts";
import { publishedById } from "#directory/published-calendars.ts";
import type { PublishedCalendar } from "#directory/published-calendars.ts";
import { quotaLevels } from "#directory/quota.ts";
import {
  addressesOf, attributesOf, directoryVersion, domains, entriesChangedSince, entriesPage, entryByAddress, entryById,
  entryByLegacyDn, entryByMailbox, grantsOn, grantsTo, resolveWork, rolesOf, selfAndGroupsOf,
} from "#directory/reads.ts";
import type { DomainInfo, Entry, GrantInfo, RoleInfo } from "#directory/reads.ts";
import type { NewScramKeys } from "#directory/scram-keys.ts";
import { ensureSecret, readSecret, scramSalt } from "#directory/secrets.ts";
import { delegatesOf, settingsOf } from "#directory/settings.ts";
import type { Delegate, GroupReports, ModerationNotice, SentCopies } from "#directory/settings.ts";
import { SignIn } from "#directory/sign-in.ts";
import type { BearerIdentity, SignInRequest } from "#directory/sign-in.ts";
import { isKnownDevice, recordSignIns } from "#directory/sign-in-log.ts";
import { SignOutWatch } from "#directory/sign-out-watch.ts";
import { serverScope } from "#store/api.ts";
import type { Store } from "#store/api.ts";
import type { Work } from "#store/sql.ts";

const versionCheckMs = 1000;

/** Who lets mail to a group pass: whoever is named, else whoever manages it. */
function moderatorIds(group: Entry, settings: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const named = settings.get("moderators") ?? [];
  return named.length > 0 || group.managedBy === null ? named : [String(group.managedBy)];
}

/** Whoever gives access tokens out. */
export interface BearerSource {
  readonly offer: BearerOffer;
  /** null for a token that is not of this source, is wrong, or is over. */
  verify(ctx: Ctx, token: string): Promise<BearerIdentity | null>;
}

export class StoreDirectory implements Directory, SignInMethods, Sharing {
  /** The service's own: a version check is shared by requests and must not end with one of them. */
  readonly #ctx: Ctx;
  readonly #store: Store;
  readonly #signIn: SignIn;
  readonly #endWatch: () => void;
  #cache = new Map<string, unknown>();
  #version = -1;
  #mayBeOld = true;
  #checkedMs = -Infinity;
  #check: Promise<void> | null = null;
  readonly #signOuts: SignOutWatch;
  #bearerSources: readonly BearerSource[] = [];
  readonly #secrets = new Map<string, Uint8Array>();

  constructor(ctx: Ctx, store: Store, hasher: PasswordHasher = new PasswordHasher()) {
    this.#ctx = ctx;
    this.#store = store;
    this.#signOuts = new SignOutWatch({
      changedSince: (context, cn) => store.read(context, serverScope, () => entriesChangedSince(cn)),
      account: (context, entryId) => store.read(context, serverScope, () => accountById(entryId)),
    });
    this.#endWatch = store.watch(serverScope, () => {
      this.#mayBeOld = true;
      if (this.#signOuts.isNeeded) this.#lookForSignOuts();
    });
    this.#signIn = new SignIn(ctx, {
      account: (context, name) =>
        this.#cached(context, `account ${JSON.stringify(name)}`, () => accountBySignInName(name)),
      accountById: (context, entryId) => this.account(context, entryId),
      domains: async (context) => (await this.domains(context)).map(({ name }) => name),
      isKnownDevice: (context, entryId, network, device) =>
        store.read(context, serverScope, () => isKnownDevice(entryId, network, device)),
      saltSecret: (context) => this.secret(context, "scram"),
      upgradeHash: (context, address, expected, phc, scram) =>
        store.transact(context, serverScope, setPassword, { by: "system", address, expected, phc, scram }),
      record: (context, successes, failures) =>
        store.transact(context, serverScope, recordSignIns, { successes, failures }),
      verifyBearer: (context, token) => this.#verifyBearer(context, token),
    }, hasher);
  }

  authenticate(ctx: Ctx, request: SignInRequest): Promise<SignedIn> {
    return this.#signIn.authenticate(ctx, request);
  }

  get signIn(): SignInMethods {
    return this;
  }

  get sharing(): Sharing {
    return this;
  }

  /** Where people make app passwords, as refusals tell them. */
  set accountPage(url: string) {
    this.#signIn.accountPage = url;
  }

  /** Who gives access tokens out, in the order they are asked; the first one is offered to clients. */
  set bearerSources(sources: readonly BearerSource[]) {
    this.#bearerSources = sources;
  }

  bearer(): BearerOffer | null {
    return this.#bearerSources[0]?.offer ?? null;
  }

  authenticateBearer(ctx: Ctx, request: SignInFrom & { token: string; name: string | null }): Promise<SignedIn> {
    return this.#signIn.authenticateBearer(ctx, request);
  }

  beginScram(ctx: Ctx, request: SignInFrom & { name: string }): Promise<ScramAccount> {
    return this.#signIn.beginScram(ctx, request);
  }

  finishScram(ctx: Ctx, request: SignInFrom & { name: string; credential: string | null }): Promise<SignedIn> {
    return this.#signIn.finishScram(ctx, request);
  }

  watchSignOut(signedIn: SignedIn, protocol: Protocol, onOut: (why: string) => void): () => void {
    const end = this.#signOuts.watch(signedIn, protocol, onOut);
    // What changed between the sign-in and this call has been told to nobody yet.
    this.#signOuts.look(this.#ctx, signedIn.entryId, () => this.account(this.#ctx, signedIn.entryId));
    return end;
  }

  /** A sign-in judged elsewhere, for the audit trail and as a known device. */
  noteSuccess(entryId: number, from: SignInFrom, method: string): void {
    this.#signIn.noteSuccess(entryId, from, method);
  }

  noteFailure(ctx: Ctx, from: SignInFrom, address: string, why: string): void {
    this.#signIn.noteFailure(ctx, from, address, why);
  }

  /** Writes what waits: sign-ins and failures of the last seconds. */
  flushSignIns(): Promise<void> {
    return this.#signIn.flush();
  }

  account(ctx: Ctx, entryId: number): Promise<Account | null> {
    return this.#cached(ctx, `account id ${entryId}`, () => accountById(entryId));
  }

  /** A new password as it is kept: its hash, and the keys of SCRAM under the account's salt. */
  async newPassword(
    ctx: Ctx, address: string, password: string, hasher: PasswordHasher,
  ): Promise<{ phc: string; scram: NewScramKeys }> {
    const phc = await hasher.hash(ctx, password);
    return { phc, scram: await this.newScramKeys(ctx, address, password, hasher) };
  }

  async newScramKeys(ctx: Ctx, address: string, password: string, hasher: PasswordHasher): Promise<NewScramKeys> {
    const key = tryParseAddress(address)?.key ?? address;
    const account = await this.#store.read(ctx, serverScope, () => accountBySignInName({ form: "address", key }));
    const salt = account?.scram?.salt ?? scramSalt(await this.secret(ctx, "scram"), account?.entry.address ?? key);
    return await hasher.scramKeys(password, salt);
  }

  /** A key of this server, 32 random bytes, made at first need and kept with its data. */
  async secret(ctx: Ctx, name: string): Promise<Uint8Array> {
    const known = this.#secrets.get(name);
    if (known !== undefined) return known;
    const value = await this.#store.read(ctx, serverScope, () => readSecret(name)) ??
      await this.#store.transact(ctx, serverScope, ensureSecret, { name, value: ctx.system.randomBytes(32) });
    this.#secrets.set(name, value);
    return value;
  }

  async #verifyBearer(ctx: Ctx, token: string): Promise<BearerIdentity | null> {
    for (const source of this.#bearerSources) {
      const identity = await source.verify(ctx, token);
      if (identity !== null) return identity;
    }
    return null;
  }

  /** Sessions hear of it even when nobody asks the directory for anything. */
  #lookForSignOuts(): void {
    const check = this.#startCheck();
    check?.catch((error: unknown) => this.#ctx.log.warn({ error: String(error) }, "the directory could not be read"));
  }

  resolve(ctx: Ctx, address: string): Promise<Resolution> {
    const key = tryParseAddress(address)?.key ?? address.slice(0, 1024);
    return this.#cached(ctx, `resolve ${key}`, () => resolveWork(address));
  }

  async isLocalDomain(ctx: Ctx, domain: string): Promise<boolean> {
    const name = tryNormaliseDomain(domain);
    return name !== null && (await this.domains(ctx)).some((row) => row.name === name);
  }

  /** The person's own addresses, with or without a detail, and those of whoever granted Send As. */
  async maySendAs(ctx: Ctx, entryId: EntryId, address: string): Promise<boolean> {
    return this.#mayActAs(ctx, entryId, address, "send-as");
  }

  /** Send As, or From another while Sender says who it was. */
  async maySendOnBehalf(ctx: Ctx, entryId: EntryId, address: string): Promise<boolean> {
    return await this.#mayActAs(ctx, entryId, address, "send-as")
      || await this.#mayActAs(ctx, entryId, address, "send-on-behalf");
  }

  async #mayActAs(ctx: Ctx, entryId: EntryId, address: string, right: AccessRight): Promise<boolean> {
    const target = await this.entryByAddress(ctx, address);
    if (target === null) return false;
    if (target.entryId === entryId) return true;
    return (await this.#rightsOn(ctx, entryId, target.entryId)).has(right);
  }

  async mailboxRight(ctx: Ctx, entryId: EntryId, mailboxId: MailboxId): Promise<"none" | "read" | "full" | "owner"> {
    const target = await this.#entryByMailbox(ctx, mailboxId);
    if (target === null) return "none";
    if (target.entryId === entryId) return "owner";
    if (target.kind === "public-store" && await this.#runsPublicFolders(ctx, entryId)) return "full";
    const rights = await this.#rightsOn(ctx, entryId, target.entryId);
    return rights.has("full") ? "full" : rights.has("read") ? "read" : "none";
  }

  async mailboxStanding(ctx: Ctx, entryId: EntryId, mailboxId: MailboxId): Promise<MailboxStanding> {
    const cache = await this.#currentCache();
    const key = `standing ${entryId} ${mailboxId}`;
    const known = cache.get(key) as MailboxStanding | undefined;
    if (known !== undefined) return known;
    const owner = await this.#entryByMailbox(ctx, mailboxId);
    const selfAndGroups = new Set(await this.#selfAndGroups(ctx, entryId));
    const delegates = owner === null ? [] : await this.delegates(ctx, owner.entryId);
    const standing: MailboxStanding = {
      right: await this.mailboxRight(ctx, entryId, mailboxId), selfAndGroups,
      seesPrivate: delegates.some((one) => one.seesPrivate && selfAndGroups.has(one.delegateId)),
    };
    // Only where nothing changed while it was put together.
    if (this.#cache === cache) cache.set(key, standing);
    return standing;
  }

  async namedEntries(ctx: Ctx, entryIds: readonly number[]): Promise<ReadonlyMap<number, NamedEntry>> {
    const found = new Map<number, NamedEntry>();
    for (const entryId of entryIds) {
      const entry = await this.entry(ctx, entryId as EntryId);
      if (entry !== null) found.set(entryId, entry);
    }
    return found;
  }

  settings(ctx: Ctx, entryId: EntryId): Promise<ReadonlyMap<string, readonly string[]>> {
    return this.#cached(ctx, `settings ${entryId}`, () => settingsOf(entryId));
  }

  /** A calendar that whoever has its link may read; null for one that was revoked. */
  published(ctx: Ctx, publishId: number): Promise<PublishedCalendar | null> {
    return this.#cached(ctx, `published ${publishId}`, () => publishedById(publishId));
  }

  /** Who acts for somebody. */
  delegates(ctx: Ctx, entryId: EntryId): Promise<Delegate[]> {
    return this.#cached(ctx, `delegates ${entryId}`, () => delegatesOf(entryId));
  }

  async sentCopies(ctx: Ctx, entryId: EntryId): Promise<SentCopies> {
    const [chosen] = (await this.settings(ctx, entryId)).get("sent-copies") ?? [];
    if (chosen !== undefined) return chosen as SentCopies;
    // In a person's name things are sent now and then; a shared mailbox has no other sender.
    return (await this.entry(ctx, entryId))?.kind === "user" ? "sender" : "shared";
  }

  async refusesSender(ctx: Ctx, groupId: EntryId, sender: { entryId: EntryId | null }): Promise<string | null> {
    const settings = await this.settings(ctx, groupId);
    const allowed = settings.get("accept-from") ?? [];
    const [senders = "everyone"] = settings.get("senders") ?? [];
    if (allowed.length === 0 && senders === "everyone") return null;
    if (sender.entryId === null) return "takes mail from people of this server alone, who sign in to send it";
    const self = new Set((await this.#selfAndGroups(ctx, sender.entryId)).map(String));
    if (allowed.length > 0) {
      return allowed.some((one) => self.has(one)) ? null : "takes mail from chosen senders alone";
    }
    return senders !== "members" || self.has(String(groupId)) ? null : "takes mail from its members alone";
  }

  async groupMailing(
    ctx: Ctx, groupId: EntryId, sender: { entryId: EntryId | null },
  ): Promise<GroupMailing | null> {
    const entry = await this.entry(ctx, groupId);
    if (entry === null || entry.kind !== "group") return null;
    const settings = await this.settings(ctx, groupId);
    const [reports = "sender"] = settings.get("reports") ?? [];
    const [moderationNotice = "inside"] = settings.get("moderation-notice") ?? [];
    const owner = entry.managedBy === null ? null : await this.entry(ctx, entry.managedBy);
    return {
      refusal: await this.refusesSender(ctx, groupId, sender),
      moderators: await this.#moderatorsFor(ctx, entry, sender.entryId),
      reports: reports as GroupReports, owner: owner?.address ?? null,
      moderationNotice: moderationNotice as ModerationNotice,
    };
  }

  /** null where this sender's mail need not wait. */
  async #moderatorsFor(ctx: Ctx, group: Entry, senderId: EntryId | null): Promise<string[] | null> {
    const settings = await this.settings(ctx, group.entryId);
    if ((settings.get("moderated") ?? [])[0] !== "on") return null;
    const ids = moderatorIds(group, settings);
    const passes = new Set([...ids, ...settings.get("moderation-bypass") ?? [], String(group.managedBy)]);
    if (senderId !== null) {
      const self = await this.#selfAndGroups(ctx, senderId);
      if (self.some((one) => passes.has(String(one)))) return null;
    }
    const found = await this.namedEntries(ctx, ids.map(Number));
    return [...found.values()].map(({ address }) => address);
  }

  async mayModerate(ctx: Ctx, groupId: EntryId, entryId: EntryId): Promise<boolean> {
    const group = await this.entry(ctx, groupId);
    if (group === null) return false;
    const ids = new Set([...moderatorIds(group, await this.settings(ctx, groupId)), String(group.managedBy)]);
    return (await this.#selfAndGroups(ctx, entryId)).some((one) => ids.has(String(one)));
  }

  async meetingCopies(ctx: Ctx, mailboxId: MailboxId): Promise<MeetingCopies | null> {
    const entry = await this.#entryByMailbox(ctx, mailboxId);
    // Rooms and equipment ask their delegates by requests of their own.
    if (entry === null || (entry.kind !== "user" && entry.kind !== "shared")) return null;
    const delegates = (await this.delegates(ctx, entry.entryId)).filter(({ meetingCopies }) => meetingCopies);
    if (delegates.length === 0) return null;
    const [to = "both"] = (await this.settings(ctx, entry.entryId)).get("meeting-messages") ?? [];
    if (to === "owner") return null;
    const named = await this.namedEntries(ctx, delegates.map(({ delegateId }) => delegateId));
    return {
      entryId: entry.entryId, to: to as MeetingCopies["to"],
      delegates: delegates.flatMap(({ delegateId, seesPrivate }) => {
        const address = named.get(delegateId)?.address;
        return address === undefined ? [] : [{ address, seesPrivate }];
      }),
    };
  }

  async mailboxOwner(ctx: Ctx, mailboxId: MailboxId): Promise<MailboxOwner | null> {
    const entry = await this.#entryByMailbox(ctx, mailboxId);
    if (entry === null) return null;
    const settings = await this.settings(ctx, entry.entryId);
    return {
      entryId: entry.entryId, address: entry.address, displayName: entry.displayName, quotaBytes: entry.quotaBytes,
      levels: quotaLevels(entry.quotaBytes, settings), language: entry.language,
      showsRemoved: settings.get("show-recoverable")?.[0] === "on",
      marksFetched: settings.get("pop3-marks-read")?.[0] !== "off",
      isPublicStore: entry.kind === "public-store",
    };
  }

  async #runsPublicFolders(ctx: Ctx, entryId: EntryId): Promise<boolean> {
    const roles = await this.roles(ctx, entryId);
    return roles.some(({ role }) => role === "public-folder-admin" || role === "organisation-admin");
  }

  /** The entry with the mailbox of public folders; null while there are none. */
  publicStore(ctx: Ctx): Promise<Entry | null> {
    return this.#cached(ctx, "public store", publicStoreEntry);
  }

  /** Public folders with an address, in no order. */
  publicFolders(ctx: Ctx): Promise<readonly PublicFolderEntry[]> {
    return this.#cached(ctx, "public folders", publicFolderEntries);
  }

  /** May `entryId` act as the person `targetId`: role impersonation over them or over all. */
  async mayImpersonate(ctx: Ctx, entryId: EntryId, targetId: EntryId): Promise<boolean> {
    const roles = await this.roles(ctx, entryId);
    return roles.some((row) => row.role === "impersonation" && (row.overId === null || row.overId === targetId));
  }

  async hasRole(ctx: Ctx, entryId: EntryId, role: Role): Promise<boolean> {
    return (await this.roles(ctx, entryId)).some((row) => row.role === role);
  }

  roles(ctx: Ctx, entryId: EntryId): Promise<RoleInfo[]> {
    return this.#cached(ctx, `roles ${entryId}`, () => rolesOf(entryId));
  }

  domains(ctx: Ctx): Promise<DomainInfo[]> {
    return this.#cached(ctx, "domains", domains);
  }

  entry(ctx: Ctx, entryId: EntryId): Promise<Entry | null> {
    return this.#cached(ctx, `entry ${entryId}`, () => entryById(entryId));
  }

  /** Whoever has this address: primary, alias, or one of them with a detail. */
  async entryByAddress(ctx: Ctx, address: string): Promise<Entry | null> {
    const key = tryParseAddress(address)?.key;
    return key === undefined ? null : await this.#cached(ctx, `address ${key}`, () => entryByAddress(key));
  }

  entryByLegacyDn(ctx: Ctx, legacyDn: string): Promise<Entry | null> {
    return this.#cached(ctx, `dn ${legacyDn.toLowerCase()}`, () => entryByLegacyDn(legacyDn));
  }

  entryOfMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<Entry | null> {
    return this.#entryByMailbox(ctx, mailboxId);
  }

  /** SMTP addresses of an entry, the primary one first. */
  addresses(ctx: Ctx, entryId: EntryId): Promise<readonly string[]> {
    return this.#cached(ctx, `addresses ${entryId}`, function* () {
      return (yield* addressesOf(entryId)).filter(({ type }) => type === "smtp").map(({ value }) => value);
    });
  }

  /** The entry itself and every group it is in. */
  selfAndGroups(ctx: Ctx, entryId: EntryId): Promise<readonly number[]> {
    return this.#selfAndGroups(ctx, entryId);
  }

  /** The first value of a text attribute; null when there is none. */
  attribute(ctx: Ctx, entryId: EntryId, key: string): Promise<string | null> {
    return this.#cached(ctx, `attribute ${entryId} ${key}`, function* () {
      return (yield* attributesOf(entryId)).find((one) => one.key === key)?.text ?? null;
    });
  }

  /** Mailboxes somebody was granted something on, directly or through a group. */
  async mailboxesGrantedTo(ctx: Ctx, entryId: EntryId): Promise<{ entry: Entry; rights: AccessRight[] }[]> {
    const self = await this.#selfAndGroups(ctx, entryId);
    const grants = await this.#cached(ctx, `granted ${entryId}`, () => grantsTo(self));
    const byTarget = new Map<EntryId, Set<AccessRight>>();
    for (const grant of grants) {
      const rights = byTarget.get(grant.targetId) ?? new Set();
      byTarget.set(grant.targetId, rights.add(grant.right));
    }
    const found: { entry: Entry; rights: AccessRight[] }[] = [];
    for (const [targetId, rights] of byTarget) {
      const entry = await this.entry(ctx, targetId);
      if (entry !== null && targetId !== entryId) found.push({ entry, rights: [...rights] });
    }
    return found;
  }

  /** All entries in order of name, in pages. */
  async *entries(ctx: Ctx, kind: EntryKind | null): AsyncIterable<Entry[]> {
    let afterNameKey = "";
    let afterId = -1;
    for (;;) {
      const request = { kind, afterNameKey, afterId, limitRows: limits.sliceRows };
      const page = await this.#store.read(ctx, serverScope, () => entriesPage(request));
      if (page.entries.length > 0) yield page.entries;
      if (page.entries.length < limits.sliceRows) return;
      afterNameKey = page.lastNameKey;
      afterId = page.entries.at(-1)!.entryId;
    }
  }

  /** Writes what waits for the audit trail and stops following the store. */
  async close(): Promise<void> {
    this.#endWatch();
    await this.#signIn.flush();
  }

  #entryByMailbox(ctx: Ctx, mailboxId: MailboxId): Promise<Entry | null> {
    return this.#cached(ctx, `mailbox ${mailboxId}`, () => entryByMailbox(mailboxId));
  }

  #selfAndGroups(ctx: Ctx, entryId: EntryId): Promise<number[]> {
    return this.#cached(ctx, `groups ${entryId}`, () => selfAndGroupsOf(entryId));
  }

  async #rightsOn(ctx: Ctx, entryId: EntryId, targetId: EntryId): Promise<Set<AccessRight>> {
    const grants: GrantInfo[] = await this.#cached(ctx, `grants ${targetId}`, () => grantsOn(targetId));
    if (grants.length === 0) return new Set();
    const throughGroups = grants.some((grant) => grant.granteeKind === "group");
    const self = new Set<number>(throughGroups ? await this.#selfAndGroups(ctx, entryId) : [entryId]);
    return new Set(grants.filter((grant) => self.has(grant.granteeId)).map((grant) => grant.right));
  }

  async #currentCache(): Promise<Map<string, unknown>> {
    const check = this.#startCheck();
    if (check !== null) await check;
    return this.#cache;
  }

  async #cached<T>(ctx: Ctx, key: string, body: () => Work<T>): Promise<T> {
    const check = this.#startCheck();
    if (check !== null) await check;
    const cache = this.#cache;
    if (cache.has(key)) return cache.get(key) as T;
    const value = await this.#store.read(ctx, serverScope, body);
    // A cache dropped meanwhile is not the current one any more, so an old value cannot get into the new one.
    if (cache.size >= limits.directoryCacheMax) cache.clear();
    cache.set(key, value);
    return value;
  }

  /** Compares the version when it may have moved; null when there is nothing to wait for. */
  #startCheck(): Promise<void> | null {
    const nowMs = this.#ctx.system.monotonicMs();
    if (!this.#mayBeOld) {
      if (this.#check !== null) return this.#check;
      if (nowMs - this.#checkedMs < versionCheckMs) return null;
    }
    this.#mayBeOld = false;
    this.#checkedMs = nowMs;
    const check = this.#compareVersion().finally(() => {
      if (this.#check === check) this.#check = null;
    });
    this.#check = check;
    return check;
  }

  async #compareVersion(): Promise<void> {
    try {
      const version = await this.#store.read(this.#ctx, serverScope, directoryVersion);
      if (version === this.#version) return;
      this.#version = version;
      this.#cache = new Map();
      if (this.#signOuts.isNeeded) await this.#signOuts.onChange(this.#ctx);
    } catch (error) {
      this.#mayBeOld = true;
      throw error;
    }
  }
}
