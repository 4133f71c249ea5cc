/** `key=value` words of the command line and the portal's forms, turned into one change of an entry. */
import { Fault } from "#base/fault.ts";
import { parseSize } from "#admin/sizes.ts";
import { attributeNamed, attributeRows } from "#directory/attributes.ts";
import type { AttributeRow } from "#directory/attributes.ts";
import { forMessage } from "#directory/address.ts";
import type { AttributeChange, EntryChange } from "#directory/entry-changes.ts";
import { isOneOf, protocolSwitches } from "#directory/kinds.ts";
import { settingNamed, settingRows } from "#directory/settings.ts";

/** Reads the file of a `key=@file`. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** Said of settings that other servers have. */
const notSupported: Record<string, string> = {
  moderation: "Groups are not moderated here; senders=members or accept-from=ADDR close a group to others.",
};

type Draft = { -readonly [K in keyof EntryChange]: EntryChange[K] };

/** Keys that are columns of the entry, with how their value is read. */
const columnKeys: Record<string, (draft: Draft, value: string) => void> = {
  name: (draft, value) => { draft.displayName = value; },
  displayname: (draft, value) => { draft.displayName = value; },
  language: (draft, value) => { draft.language = value; },
  quota: (draft, value) => { draft.quotaBytes = parseSize(value); },
  hidden: (draft, value) => { draft.hidden = parseYesNo("hidden", value); },
  legacyexchangedn: (draft, value) => { draft.legacyDn = value; },
  autoaccept: (draft, value) => { draft.autoAccept = parseYesNo("autoAccept", value); },
  primaryaddress: (draft, value) => { draft.address = value; },
  alias: (draft, value) => { draft.addAddresses = [...draft.addAddresses ?? [], value]; },
  proxyaddress: (draft, value) => { draft.addAddresses = [...draft.addAddresses ?? [], value]; },
};

/** Keys shown to people who ask what there is. */
export const assignmentKeys: readonly string[] = [
  "name", "language", "quota", "hidden", "legacyExchangeDN", "autoAccept", "primaryAddress", "alias",
  ...protocolSwitches, ...settingRows.map((row) => row.name), ...attributeRows.map((row) => row.key),
];

/** Repeating a key gives several values where an attribute takes them; an empty value takes the attribute away. */
export async function parseAssignments(words: readonly string[], readFile: ReadFile): Promise<EntryChange> {
  const draft: Draft = {};
  const attributes = new Map<string, (string | Uint8Array)[]>();
  const settings = new Map<string, string[]>();
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals <= 0) throw new Fault("invalidArgument", `"${forMessage(word)}" is not of the form key=value.`);
    const key = word.slice(0, equals);
    const value = word.slice(equals + 1);
    const lower = key.toLowerCase();
    const attribute = attributeNamed(key);
    if (columnKeys[lower] !== undefined) {
      columnKeys[lower](draft, value);
    } else if (isOneOf(protocolSwitches, lower)) {
      draft.protocols = { ...draft.protocols, [lower]: parseYesNo(lower, value) };
    } else if (attribute !== undefined) {
      const values = attributes.get(attribute.key) ?? [];
      attributes.set(attribute.key, values);
      if (value !== "") values.push(...await attributeValues(attribute, value, readFile));
    } else if (settingNamed(lower) !== undefined) {
      settings.set(lower, [...settings.get(lower) ?? [], ...value === "" ? [] : [value]]);
    } else if (notSupported[lower] !== undefined) {
      throw new Fault("notSupported", notSupported[lower]);
    } else {
      throw new Fault("invalidArgument", unknownKey(key));
    }
  }
  const changes: AttributeChange[] = [...attributes].map(([key, values]) => ({ key, values }));
  return {
    ...draft, ...changes.length === 0 ? {} : { attributes: changes },
    ...settings.size === 0 ? {} : { settings: [...settings].map(([name, values]) => ({ name, values })) },
  };
}

async function attributeValues(
  attribute: AttributeRow, value: string, readFile: ReadFile,
): Promise<(string | Uint8Array)[]> {
  if (attribute.type !== "photo" && attribute.type !== "certificate") return [value];
  if (!value.startsWith("@")) {
    throw new Fault("invalidArgument", `${attribute.key} comes from a file: ${attribute.key}=@FILE.`);
  }
  const bytes = await readFile(value.slice(1));
  return attribute.type === "photo" ? [checkPhoto(bytes, value)] : readCertificates(bytes, value);
}

/** JPEG, PNG or GIF, by their first bytes. */
function checkPhoto(bytes: Uint8Array, value: string): Uint8Array {
  const start = Buffer.from(bytes.subarray(0, 4)).toString("hex");
  if (!/^(?:ffd8ff|89504e47|47494638)/.test(start)) {
    throw new Fault("invalidArgument", `${forMessage(value.slice(1))} is not a JPEG, PNG or GIF picture.`);
  }
  return bytes;
}

/** Every certificate of a PEM file, or the one of a DER file. */
function readCertificates(bytes: Uint8Array, value: string): Uint8Array[] {
  if (bytes[0] === 0x30) return [bytes];
  const blocks = Buffer.from(bytes).toString("latin1")
    .matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g);
  const found = [...blocks].map((block) => new Uint8Array(Buffer.from(block[1]!, "base64")));
  if (found.length === 0) {
    throw new Fault("invalidArgument", `${forMessage(value.slice(1))} holds no certificate in PEM or DER form.`);
  }
  return found;
}

export function parseYesNo(key: string, value: string): boolean {
  if (/^(?:on|yes|true|1)$/i.test(value)) return true;
  if (/^(?:off|no|false|0)$/i.test(value)) return false;
  throw new Fault("invalidArgument", `${key} is on or off (or yes, no), not "${forMessage(value)}".`);
}

function unknownKey(key: string): string {
  const near = nearest(key, assignmentKeys);
  const what = `There is no attribute "${forMessage(key)}"`;
  return near === null ? `${what}.` : `${what}; did you mean ${near}?`;
}

/** The word that differs least from `word`, when it differs little; null otherwise. */
export function nearest(word: string, words: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of words) {
    const distance = editDistance(word.toLowerCase().slice(0, 64), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other; `limit` when more. */
function editDistance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1;
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + same);
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        cost = Math.min(cost, beforeLast[column - 2]! + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return Math.min(last[to.length]!, limit);
}
