/** Looks at one person's account: whether it may sign in at all, and with what doctor signs in to try. */
import { sleep } from "#base/ctx.ts";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Admin } from "#admin/admin.ts";
import { serverPrincipal } from "#admin/admin.ts";
import { formatSize } from "#admin/sizes.ts";
import { domainOf, tryParseAddress } from "#directory/address.ts";
import { Credentials } from "#directory/credentials.ts";
import type { EntryKind } from "#directory/kinds.ts";
import { mailboxKinds, protocolSwitches } from "#directory/kinds.ts";
import { bad, listed, ok, skipped, warn } from "#doctor/finding.ts";
import type { Finding } from "#doctor/finding.ts";
import type { SignInAs } from "#doctor/mail-ports.ts";

export interface PersonSeen {
  /** As asked for; the primary address when there is an entry. */
  readonly address: string;
  readonly isOurDomain: boolean;
  readonly entry: {
    readonly kind: EntryKind;
    readonly disabled: boolean;
    readonly off: readonly string[];
    readonly hasPassword: boolean;
    readonly hasSecondFactor: boolean;
    readonly appPasswords: number;
  } | null;
  readonly quota: { readonly usedBytes: number; readonly limitBytes: number | null } | null;
  /** Refused sign-ins of the last day. */
  readonly failures: readonly { readonly atMs: number; readonly detail: string; readonly client: string;
    readonly repeated: number; }[];
}

const dayMs = 24 * 3_600_000;

export async function lookAtPerson(ctx: Ctx, admin: Admin, asked: string): Promise<PersonSeen> {
  const { directory, store, hasher } = admin;
  const parsed = tryParseAddress(asked);
  const isOurDomain = parsed !== null && await directory.isLocalDomain(ctx, domainOf(parsed.key));
  const entry = parsed === null ? null : await directory.entryByAddress(ctx, asked);
  if (entry === null) return { address: asked, isOurDomain, entry: null, quota: null, failures: [] };
  const credentials = new Credentials(store, directory, hasher);
  const account = await credentials.account(ctx, entry.entryId);
  const afterMs = ctx.system.nowMs() - dayMs;
  const audit = await credentials.audit(ctx, entry.address, 100);
  return {
    address: entry.address, isOurDomain,
    entry: {
      kind: entry.kind, disabled: entry.disabled, off: entry.protocolsOff, hasPassword: account?.phc != null,
      hasSecondFactor: account?.hasSecondFactor === true, appPasswords: account?.appPasswords.length ?? 0,
    },
    quota: entry.mailboxId === null ? null
      : await (await admin.mailboxes.open(ctx, serverPrincipal(admin), entry.mailboxId)).quota(ctx),
    failures: audit.filter((one) => one.action === "sign-in-failed" && one.atMs >= afterMs),
  };
}

/** Whether somebody can sign in as this person at all. */
export function canSignIn({ entry }: PersonSeen): boolean {
  return entry !== null && entry.kind === "user" && !entry.disabled;
}

export function judgePerson(seen: PersonSeen): Finding[] {
  const { address, entry, isOurDomain } = seen;
  if (entry === null) {
    return [isOurDomain
      ? bad("person", `There is nobody with the address ${address}.`, `outpost user add ${address}`)
      : bad("person", `${address} is not in a domain of this server.`, 'See "outpost domain list".')];
  }
  if (!mailboxKinds.includes(entry.kind)) {
    return [bad("person", `${address} is a ${entry.kind}, which has no mailbox.`, "Name a user.")];
  }
  if (entry.kind !== "user") {
    return [ok("person", `${address} is a ${entry.kind === "shared" ? "shared mailbox" : entry.kind}: people open it ` +
      "from their own account, nobody signs in as it."), ...judgeQuota(seen)];
  }
  const findings: Finding[] = [];
  if (entry.disabled) {
    findings.push(bad("person", `${address} is disabled and cannot sign in.`, `outpost user enable ${address}`));
  } else findings.push(ok("person", `${address} is a user and not disabled.`));
  if (!entry.hasPassword) {
    findings.push(entry.appPasswords > 0
      ? ok("person.password", `${address} has no password, but app passwords (${entry.appPasswords}).`)
      : bad("person.password", `${address} has no password.`, `outpost user passwd ${address}`));
  } else if (entry.hasSecondFactor) {
    findings.push(warn("person.second-factor", `${address} has a second factor: programs need an app password or ` +
      "OAuth 2, the password alone is refused.", entry.appPasswords > 0 ? null
      : `The person makes one on the page /account, or: outpost user app-password add ${address} "Phone"`));
  }
  const off = protocolSwitches.filter((name) => entry.off.includes(name));
  if (off.length > 0) {
    findings.push(warn("person.switches", `Switched off for ${address}: ${listed(off)}.`,
      `outpost user set ${address} ${off.map((name) => `${name}=on`).join(" ")}`));
  }
  return [...findings, ...judgeQuota(seen), ...judgeFailures(seen)];
}

function judgeQuota({ address, quota }: PersonSeen): Finding[] {
  if (quota === null) return [];
  const { usedBytes, limitBytes } = quota;
  if (limitBytes === null) return [ok("person.quota", `The mailbox holds ${formatSize(usedBytes)}, without a limit.`)];
  const state = `${formatSize(usedBytes)} of ${formatSize(limitBytes)}`;
  const fix = `Delete something, or give more room: outpost user set ${address} --quota 10G`;
  if (usedBytes >= limitBytes) return [bad("person.quota", `The mailbox is full (${state}).`, fix)];
  if (usedBytes > limitBytes * 0.95) return [warn("person.quota", `The mailbox is nearly full (${state}).`, fix)];
  return [ok("person.quota", `The mailbox holds ${state}.`)];
}

function judgeFailures({ address, failures }: PersonSeen): Finding[] {
  const count = failures.reduce((sum, one) => sum + Math.max(1, one.repeated), 0);
  if (count === 0) return [];
  const { atMs, detail, client } = failures[0]!;
  const at = new Date(atMs).toISOString().slice(11, 16);
  const why = `${detail}${client === "" ? "" : ` from ${client}`}`.replace(/[^\x20-\x7e]/g, "?").slice(0, 160);
  return [warn("person.refused", `Sign-ins for ${address} that were refused within a day: ${count}, the last at ` +
    `${at} UTC (${why}).`, "If that is the person's device, its password is old: type the new one there.")];
}

/** The label of what doctor signs in with when nobody types a password. */
const temporaryLabel = "outpost doctor";
/** The running server follows changes of the command line within a second. */
const settleMs = 1100;

/**
 * Something to sign in with for the length of `body`: the password that was given, once it proved right, or else an app
 * password that exists only meanwhile.
 */
export async function withSignIn<T>(
  ctx: Ctx, admin: Admin, seen: PersonSeen, password: string | null,
  body: (person: SignInAs | null, findings: readonly Finding[]) => Promise<T>,
): Promise<T> {
  if (!canSignIn(seen)) {
    return await body(null, seen.entry === null || seen.entry.kind === "user"
      ? [] : [skipped("person.sign-in", "Signing in was not tried.")]);
  }
  const { address } = seen;
  const off = seen.entry!.off;
  if (password !== null) {
    const trouble = await tryPassword(ctx, admin, seen, password);
    if (trouble !== null) {
      return await body(null, [bad("person.sign-in", `The password you gave does not open ${address}: ${trouble}`,
        `Try again, or set a new one: outpost user passwd ${address}`)]);
    }
    return await body({ address, password, off }, [ok("person.sign-in", "The password you gave is right.")]);
  }
  return await withTemporary(ctx, admin, seen, body);
}

/** In this process, so that a wrong password is one failure and not one for each port. */
async function tryPassword(ctx: Ctx, { directory }: Admin, seen: PersonSeen, password: string): Promise<string | null> {
  const protocol = protocolSwitches.find((name) => !seen.entry!.off.includes(name)) ?? "imap";
  try {
    await directory.authenticate(ctx, {
      name: seen.address, password, protocol, clientAddress: "127.0.0.1", device: temporaryLabel,
    });
    return null;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

async function withTemporary<T>(
  ctx: Ctx, { store, directory, hasher, by }: Admin, { address, entry }: PersonSeen,
  body: (person: SignInAs | null, findings: readonly Finding[]) => Promise<T>,
): Promise<T> {
  const credentials = new Credentials(store, directory, hasher);
  const whose = { address, by };
  const account = await credentials.accountOf(ctx, address);
  // Left by a doctor that was killed.
  for (const { id, label } of await credentials.appPasswords(ctx, account.entry.entryId)) {
    if (label === temporaryLabel) await credentials.removeAppPassword(ctx, whose, id);
  }
  let made: { id: number; secret: string };
  try {
    made = await credentials.addAppPassword(ctx, whose, temporaryLabel, []);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return await body(null, [skipped("person.sign-in", `Signing in was not tried: ${error.message}`)]);
  }
  try {
    await sleep(ctx, settleMs);
    return await body({ address, password: made.secret, off: entry!.off }, [ok("person.sign-in",
      "Signing in is tried with an app password that is removed afterwards.")]);
  } finally {
    await credentials.removeAppPassword(ctx, whose, made.id);
  }
}
