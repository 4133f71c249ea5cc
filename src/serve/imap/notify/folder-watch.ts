/** What NOTIFY watches beside the selected folder: a look at a mailbox's folders tells what is different. RFC 5465 */
import type { ChangeNumber, FolderId, MailboxId } from "#base/ids.ts";
import type { Root } from "#serve/imap/places.ts";
import type { SessionState } from "#serve/imap/state.ts";
import type { PathFolder } from "#serve/imap/tree.ts";
import type { KnownFolder, StatusWish } from "#serve/imap/notify/known-folder.ts";
import type { EventGroup, NotifyEvent } from "#wire/imap/notify.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { folderRights } from "#mailbox/access.ts";
import { asBefore, changedStatus, firstStatus, knownOf, unknownYet } from "#serve/imap/notify/known-folder.ts";
import { otherRoots, otherUsers, publicFolders, rootOf, shared, treeOf } from "#serve/imap/places.ts";
import { encodeAstring, encodeMailbox, encodeStatus } from "#wire/imap/encode.ts";
import { isOfSelected } from "#wire/imap/notify.ts";

/** A mailbox some of whose folders are watched. */
interface Watched {
  readonly root: Root;
  readonly stop: () => void;
  isDirty: boolean;
  folders: Map<FolderId, KnownFolder>;
  annotationCn: ChangeNumber;
}

/** More happened than will be told. */
class TooMuch extends Error {}

/** What the client did itself, which it need not be told: it is told all the same when it came out otherwise. */
interface Own {
  /** Folded paths, and whether the client expects a folder there now. */
  readonly paths: Map<string, "there" | "gone">;
  readonly subscriptions: Map<string, boolean>;
  readonly annotationCns: Set<ChangeNumber>;
}

/** The folders one connection watches, from one NOTIFY to the next. */
export class FolderWatch {
  /** Undefined: nothing of the selected folder is told. */
  readonly selected: EventGroup | undefined;
  readonly #groups: readonly EventGroup[];
  readonly #watched = new Map<MailboxId, Watched>();
  #subscribed = new Set<string>();
  #nextLookMs = 0;
  #hasEnded = false;
  #lines = 0;
  readonly #own: Own = { paths: new Map(), subscriptions: new Map(), annotationCns: new Set() };

  private constructor(groups: readonly EventGroup[]) {
    this.selected = groups.find(isOfSelected);
    this.#groups = groups.filter((group) => !isOfSelected(group) && group.events.size > 0);
  }

  /** Nothing at all is told: NOTIFY NONE. RFC 5465 §3.1 */
  static ofNothing(): FolderWatch {
    return new FolderWatch([]);
  }

  /** Looks at everything once. Fault `tooMany` for more folders than one connection may watch. RFC 5465 §3.1 */
  static async begin(
    state: SessionState, groups: readonly EventGroup[], tellsStatus: boolean,
  ): Promise<FolderWatch> {
    const watch = new FolderWatch(groups);
    if (watch.#groups.length === 0) return watch;
    try {
      await watch.#readSubscriptions(state);
      await watch.#openRoots(state);
      let count = 0;
      for (const one of watch.#watched.values()) {
        for (const [folder, known] of await watch.#look(state, one)) {
          one.folders.set(known.folderId, known);
          const events = watch.#eventsOf(one.root, folder.info.role === "inbox", known.path);
          if (!hasMessages(events)) continue;
          await watch.#tellFirst(state, { root: one.root, folder, known, events, tellsStatus });
        }
        count += one.folders.size;
      }
      if (count > limits.imapNotifyFoldersMax) throw new Fault("tooMany", "These are too many folders to watch.");
      return watch;
    } catch (error) {
      watch.end();
      throw error;
    }
  }

  async #tellFirst(
    state: SessionState, { root, folder, known, events, tellsStatus }: {
      readonly root: Root; readonly folder: PathFolder; readonly known: KnownFolder;
      readonly events: ReadonlySet<NotifyEvent>; readonly tellsStatus: boolean;
    },
  ): Promise<void> {
    if (known.isClosed) this.#writeList(state, known.path, folder, ["\\NoAccess"]);
    else if (tellsStatus && !isSelected(state, root, known.folderId)) {
      this.#writeStatus(state, known.path, firstStatus(known, wishOf(state, events)));
    }
    if (state.client.isFull) await state.client.drain();
  }

  /** Watches no more; nothing is told from here on. */
  end(): void {
    this.#hasEnded = true;
    for (const { stop } of this.#watched.values()) stop();
    this.#watched.clear();
  }

  get tellsExpungeAtOnce(): boolean {
    return this.selected?.folders.filter === "SELECTED";
  }

  /** How long until there is something to tell: 0 now, Infinity until something happens. */
  waitMs(state: SessionState): number {
    if (this.#hasEnded) return Infinity;
    if (state.view?.isDirty === true && (this.selected?.events.size ?? 0) > 0) return 0;
    for (const { isDirty } of this.#watched.values()) {
      if (isDirty) return Math.max(0, this.#nextLookMs - state.ctx.system.monotonicMs());
    }
    return Infinity;
  }

  /** The client makes, removes or renames a folder: it knows. RFC 5465 §5 */
  ownFolder(path: string, outcome: "there" | "gone"): void {
    if (this.#watched.size > 0) this.#own.paths.set(fold(path), outcome);
  }

  ownSubscription(path: string, isSubscribed: boolean): void {
    if (this.#watched.size > 0) this.#own.subscriptions.set(path, isSubscribed);
  }

  ownAnnotations(cn: ChangeNumber): void {
    if (this.#watched.size > 0) this.#own.annotationCns.add(cn);
  }

  /** Tells what happened since the last look. */
  async tell(state: SessionState, isForced: boolean): Promise<void> {
    if (this.#hasEnded) return;
    const nowMs = state.ctx.system.monotonicMs();
    if (!isForced && nowMs < this.#nextLookMs) return;
    const dirty = [...this.#watched.values()].filter((one) => one.isDirty);
    if (dirty.length === 0) return;
    this.#nextLookMs = nowMs + limits.imapNotifyPauseMs;
    this.#lines = 0;
    try {
      if (dirty.some(({ root }) => root.mailbox === state.mailbox)) await this.#tellSubscriptions(state);
      for (const one of dirty) {
        one.isDirty = false;
        await this.#tellFolders(state, one);
        await this.#tellAnnotations(state, one);
      }
    } catch (error) {
      if (!(error instanceof TooMuch)) throw error;
      state.client.write(encodeStatus("*", "OK", "NOTIFICATIONOVERFLOW", "Too much happened at once."));
      this.end();
      state.notify = FolderWatch.ofNothing();
    }
    this.#own.paths.clear();
    this.#own.subscriptions.clear();
    this.#own.annotationCns.clear();
  }

  async #tellFolders(state: SessionState, one: Watched): Promise<void> {
    const found = await this.#look(state, one);
    const before = one.folders;
    const after = new Map<FolderId, KnownFolder>();
    const byId = new Map(found.map(([folder, known]) => [known.folderId, folder]));
    const affected = new Set<FolderId>();
    for (const [folder, known] of found) {
      const was = before.get(known.folderId);
      // Of a folder that is closed the client hears again from where it stopped.
      after.set(known.folderId, known.isClosed && was !== undefined ? asBefore(known, was) : known);
      const isInbox = folder.info.role === "inbox";
      const events = this.#eventsOf(one.root, isInbox, known.path);
      if (was === undefined) {
        if (events.has("MAILBOXNAME") && !this.#isOwn(known.path, "there")) {
          this.#writeList(state, known.path, folder);
          if (known.parentId !== null) affected.add(known.parentId);
        }
      } else if (was.name !== known.name || was.parentId !== known.parentId) {
        this.#tellRenamed(state, one, was, known, folder);
      }
      if (hasMessages(events)) this.#tellMessages(state, one, was, known, folder, events);
      if (state.client.isFull) await state.client.drain();
    }
    for (const was of before.values()) {
      if (after.has(was.folderId)) continue;
      const isTold = this.#eventsOf(one.root, false, was.path).has("MAILBOXNAME");
      if (!isTold || this.#isOwn(was.path, "gone")) continue;
      this.#writeList(state, was.path, undefined, ["\\NonExistent"]);
      if (was.parentId !== null) affected.add(was.parentId);
    }
    // RFC 5465 §5.4: the folder above has folders below it now, or none any more.
    for (const folderId of affected) {
      const folder = byId.get(folderId);
      const known = after.get(folderId);
      if (folder === undefined || known === undefined || !before.has(folderId)) continue;
      const events = this.#eventsOf(one.root, folder.info.role === "inbox", known.path);
      if (events.has("MAILBOXNAME")) this.#writeList(state, known.path, folder);
    }
    one.folders = after;
    let count = 0;
    for (const { folders } of this.#watched.values()) count += folders.size;
    if (count > limits.imapNotifyFoldersMax) throw new TooMuch();
  }

  #tellRenamed(state: SessionState, one: Watched, was: KnownFolder, known: KnownFolder, folder: PathFolder): void {
    const isTold = [was.path, known.path].some((path) =>
      this.#eventsOf(one.root, folder.info.role === "inbox", path).has("MAILBOXNAME"));
    if (!isTold || was.path === known.path || this.#isOwn(known.path, "there")) return;
    this.#writeList(state, known.path, folder, [], ` ("OLDNAME" (${encodeMailbox(was.path, state.usesUtf8)}))`);
  }

  #tellMessages(
    state: SessionState, { root }: Watched, was: KnownFolder | undefined, known: KnownFolder, folder: PathFolder,
    events: ReadonlySet<NotifyEvent>,
  ): void {
    // RFC 5465 §5.9
    if (was !== undefined && was.isClosed !== known.isClosed) {
      this.#writeList(state, known.path, folder, known.isClosed ? ["\\NoAccess"] : []);
    }
    if (known.isClosed || isSelected(state, root, known.folderId)) return;
    const items = changedStatus(was ?? unknownYet(known), known, wishOf(state, events));
    if (items.length > 0) this.#writeStatus(state, known.path, items);
  }

  async #tellSubscriptions(state: SessionState): Promise<void> {
    const before = this.#subscribed;
    await this.#readSubscriptions(state);
    const changed = [...before].filter((name) => !this.#subscribed.has(name))
      .concat([...this.#subscribed].filter((name) => !before.has(name)));
    if (changed.length === 0) return;
    await this.#openRoots(state);
    for (const path of changed) {
      const isSubscribed = this.#subscribed.has(path);
      const wasOwn = this.#own.subscriptions.get(path) === isSubscribed;
      const isTold = this.#groups.some((group) => group.events.has("SUBSCRIPTIONCHANGE") &&
        (group.folders.filter === "SUBSCRIBED" || matches(group, path, this.#subscribed, isPersonal(path))));
      if (isTold && !wasOwn) this.#writeList(state, path, await this.#find(state, path));
    }
  }

  async #find(state: SessionState, path: string): Promise<PathFolder | undefined> {
    try {
      const { root, rest } = await rootOf(state, path);
      return (await treeOf(state.ctx, root)).find(rest);
    } catch (error) {
      if (error instanceof Fault && error.code === "notFound") return undefined;
      throw error;
    }
  }

  async #tellAnnotations(state: SessionState, one: Watched): Promise<void> {
    const wants = (event: NotifyEvent): boolean => this.#groups.some(({ events }) => events.has(event));
    const tellsServer = wants("SERVERMETADATACHANGE") && one.root.mailbox === state.mailbox;
    if (!tellsServer && !wants("MAILBOXMETADATACHANGE")) return;
    const names = new Map<string, string[]>();
    for (const { folderId, name, cn } of await one.root.mailbox.annotations.changes(state.ctx, one.annotationCn)) {
      one.annotationCn = cn;
      if (this.#own.annotationCns.has(cn)) continue;
      const known = folderId === null ? undefined : one.folders.get(folderId);
      const isTold = folderId === null ? tellsServer : known !== undefined &&
        this.#eventsOf(one.root, known.path === "INBOX", known.path).has("MAILBOXMETADATACHANGE");
      if (!isTold) continue;
      const path = known?.path ?? "";
      names.set(path, [...names.get(path) ?? [], name]);
    }
    for (const [path, entries] of names) {
      const name = path === "" ? '""' : encodeMailbox(path, state.usesUtf8);
      this.#write(state, `* METADATA ${name} ${entries.map((entry) => encodeAstring(entry)).join(" ")}\r\n`);
    }
  }

  /** Folders of mail as they are; none of a mailbox that is closed to the person now. */
  async #look(state: SessionState, { root }: Watched): Promise<[PathFolder, KnownFolder][]> {
    try {
      const tree = await treeOf(state.ctx, root);
      const found: [PathFolder, KnownFolder][] = [];
      for (const folder of tree.walk()) {
        if (!folder.isMail) continue;
        const path = root.prefix === "" ? folder.path : `${root.prefix}/${folder.path}`;
        const isClosed = (root.mailbox.rightsIn(folder.info.folderId) & folderRights.readAny) === 0;
        found.push([folder, knownOf(folder.info, path, isClosed)]);
      }
      return found;
    } catch (error) {
      if (error instanceof Fault && (error.code === "accessDenied" || error.code === "notFound")) return [];
      throw error;
    }
  }

  async #readSubscriptions(state: SessionState): Promise<void> {
    this.#subscribed = new Set(await state.mailbox.subscriptions(state.ctx));
  }

  /** The person's own mailbox, and those of others that some group may reach. */
  async #openRoots(state: SessionState): Promise<void> {
    await this.#watch(state, { mailbox: state.mailbox, prefix: "" });
    const paths = this.#groups.flatMap(({ folders }) => folders.paths);
    if (this.#groups.some(({ folders }) => folders.filter === "SUBSCRIBED")) paths.push(...this.#subscribed);
    const isSpace = (path: string): boolean => spaces.includes(fold(path));
    if (paths.some(isSpace)) {
      for (const root of await otherRoots(state)) await this.#watch(state, root);
    }
    for (const path of paths) {
      if (isPersonal(path) || isSpace(path)) continue;
      try {
        await this.#watch(state, (await rootOf(state, path)).root);
      } catch (error) {
        // RFC 5465 §3.1: what is not there for this person is passed over.
        if (!(error instanceof Fault) || error.code !== "notFound") throw error;
      }
    }
  }

  async #watch(state: SessionState, root: Root): Promise<void> {
    const { mailboxId } = root.mailbox;
    if (this.#watched.has(mailboxId) || this.#watched.size > limits.imapOtherMailboxesMax) return;
    const one: Watched = {
      root, isDirty: false, folders: new Map(), annotationCn: 0 as ChangeNumber,
      stop: root.mailbox.watch((cn) => {
        one.isDirty = true;
        if (one.annotationCn === 0) one.annotationCn = cn - 1 as ChangeNumber;
        state.wake();
      }),
    };
    this.#watched.set(mailboxId, one);
  }

  /** What is told of a folder: all groups that name it together. RFC 5465 §6 */
  #eventsOf(root: Root, isInbox: boolean, path: string): ReadonlySet<NotifyEvent> {
    const events = new Set<NotifyEvent>();
    for (const group of this.#groups) {
      const isOwn = root.prefix === "";
      if (!matches(group, isInbox && isOwn ? "INBOX" : path, this.#subscribed, isOwn)) continue;
      for (const event of group.events) events.add(event);
    }
    return events;
  }

  #isOwn(path: string, outcome: "there" | "gone"): boolean {
    return this.#own.paths.get(fold(path)) === outcome;
  }

  #writeStatus(state: SessionState, path: string, items: readonly string[]): void {
    this.#write(state, `* STATUS ${encodeMailbox(path, state.usesUtf8)} (${items.join(" ")})\r\n`);
  }

  /** RFC 5465 §5.4, §5.5: attributes are told as LIST tells them. */
  #writeList(
    state: SessionState, path: string, folder: PathFolder | undefined, more: readonly string[] = [], extra = "",
  ): void {
    const attributes = [...more];
    if (folder === undefined) {
      if (!attributes.includes("\\NonExistent")) attributes.push("\\NonExistent");
    } else {
      if (!folder.isMail) attributes.push("\\Noselect");
      attributes.push(hasMailBelow(folder) ? "\\HasChildren" : "\\HasNoChildren");
      if (folder.specialUse !== undefined && isPersonal(path)) attributes.push(folder.specialUse);
    }
    if (this.#subscribed.has(path)) attributes.push("\\Subscribed");
    const name = encodeMailbox(path, state.usesUtf8);
    this.#write(state, `* LIST (${attributes.join(" ")}) "/" ${name}${extra}\r\n`);
  }

  #write(state: SessionState, line: string): void {
    if (++this.#lines > limits.imapNotifyAnswersMax) throw new TooMuch();
    state.client.write(line);
  }
}

function fold(path: string): string {
  return path.toLowerCase();
}

/** Names above which are not the person's own. RFC 2342 §3 */
const spaces: readonly string[] = [otherUsers, shared, publicFolders].map(fold);

function isPersonal(path: string): boolean {
  return !spaces.includes(fold(path).split("/")[0]!);
}

/** RFC 5465 §6.2 to §6.6; mail is delivered into any folder by rules, so that INBOXES are all. */
function matches(
  { folders: { filter, paths } }: EventGroup, path: string, subscribed: ReadonlySet<string>, isOwn: boolean,
): boolean {
  switch (filter) {
    case "INBOXES": case "PERSONAL": return isOwn;
    case "SUBSCRIBED": return subscribed.has(path);
    case "MAILBOXES": return paths.some((one) => fold(one) === fold(path));
    case "SUBTREE": return paths.some((one) => fold(one) === fold(path) || fold(path).startsWith(`${fold(one)}/`));
    default: return false;
  }
}

function hasMessages(events: ReadonlySet<NotifyEvent>): boolean {
  return events.has("MESSAGENEW");
}

function wishOf(state: SessionState, events: ReadonlySet<NotifyEvent>): StatusWish {
  return { usesCondstore: state.usesCondstore, tellsFlags: events.has("FLAGCHANGE") };
}

/** RFC 5465 §3.1: what is told of the selected folder, the group for it says. */
function isSelected({ view }: SessionState, { mailbox }: Root, folderId: FolderId): boolean {
  return view?.folderId === folderId && view.mailbox.mailboxId === mailbox.mailboxId;
}

function hasMailBelow(folder: PathFolder): boolean {
  const left = [...folder.children];
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (one.isMail) return true;
    left.push(...one.children);
  }
  return false;
}
