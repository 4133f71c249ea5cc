/** Whom an answer is about, and the names and versions the Exchange dialects spell it with. */
import { derivedUuid } from "#wire/autodiscover/published.ts";
import type { Published } from "#wire/autodiscover/published.ts";

/** A mailbox that opens beside the person's own. [MS-OXDSCLI] 2.2.4.1.1.2 */
export interface AlternativeMailbox {
  readonly displayName: string;
  readonly address: string;
  readonly legacyDn: string;
}

export interface Account {
  readonly displayName: string;
  /** Primary address, whatever the request named. */
  readonly address: string;
  readonly legacyDn: string;
  /** Of the organization; the same for everybody. */
  readonly deploymentId: string;
  readonly published: Published;
  readonly alternatives: readonly AlternativeMailbox[];
  /** Address of the mailbox that holds the public folders' hierarchy; null without. [MS-OXDSCLI] 2.2.4.1.1.2 */
  readonly publicFolderAddress: string | null;
}

/** What a request leads to. */
export type Discovery =
  | { readonly kind: "account"; readonly account: Account }
  /** Mail for the address lives elsewhere: ask there, with this address. [MS-OXDSCLI] 2.2.4.1.1.2.8 */
  | { readonly kind: "redirect"; readonly address: string }
  /** Nobody, or nobody whom the asker may know of. */
  | { readonly kind: "unknown" }
  /** Known, but without a mailbox to connect to. */
  | { readonly kind: "nothing" };

/** The version of Exchange whose protocols are spoken. */
export const exchangeVersion = {
  major: 15, minor: 1, majorBuild: 2507, minorBuild: 6, schema: "Exchange2016",
} as const;

/** `15.01.2507.006` */
export const exchangeVersionText = [
  String(exchangeVersion.major), String(exchangeVersion.minor).padStart(2, "0"),
  String(exchangeVersion.majorBuild).padStart(4, "0"), String(exchangeVersion.minorBuild).padStart(3, "0"),
].join(".");

/**
 * The version as eight hexadecimal digits: four bits 7, six of the major and six of the minor number, one bit set, and
 * fifteen of the build. [MS-OXDSCLI] 2.2.4.1.1.2.6
 */
export function serverVersionHex(major: number, minor: number, build: number): string {
  const value = (7 * 2 ** 28) + (major * 2 ** 22) + (minor * 2 ** 16) + 0x8000 + build;
  return value.toString(16).toUpperCase().padStart(8, "0");
}

/** `<guid>@<domain>`: what MAPI clients call the server of one mailbox. [MS-OXDSCLI] 2.2.4.1.1.2.6 */
export function mailboxServer(account: Pick<Account, "address" | "legacyDn">): string {
  const domain = account.address.slice(account.address.lastIndexOf("@") + 1);
  return `${derivedUuid(`mailbox ${account.legacyDn.toLowerCase()}`)}@${domain}`;
}

/** `/o=…/ou=…/cn=Configuration/cn=Servers/cn=<guid>@<domain>`. [MS-OXDSCLI] 2.2.4.1.1.2.6 */
export function serverDn(account: Pick<Account, "address" | "legacyDn">): string {
  const recipients = account.legacyDn.toLowerCase().indexOf("/cn=recipients/");
  const group = recipients < 0 ? "/o=Outpost/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"
    : account.legacyDn.slice(0, recipients);
  return `${group}/cn=Configuration/cn=Servers/cn=${mailboxServer(account)}`;
}

/** [MS-OXDSCLI] 2.2.4.1.1.2.6 */
export function mdbDn(account: Pick<Account, "address" | "legacyDn">): string {
  return `${serverDn(account)}/cn=Microsoft Private MDB`;
}

/** Schemas of EWS that the published version answers. [MS-OXWSCDATA] 2.2.5 */
export const ewsSchemas = [
  "Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2", "Exchange2013",
  "Exchange2013_SP1", "Exchange2015", "Exchange2016",
] as const;

/** MAPI over HTTP names the mailbox in its address. [MS-OXDSCLI] 4.4 */
export function mapiUrl(url: string, account: Pick<Account, "address" | "legacyDn">): string {
  return `${url}?MailboxId=${mailboxServer(account)}`;
}
