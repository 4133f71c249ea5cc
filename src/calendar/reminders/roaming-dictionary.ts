/** The dictionary stream of a configuration message: named values, kept whole. [MS-OXOCFG] 2.2.5.1 */
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { parseXml } from "#codec/xml/element.ts";

/** PidTagRoamingDatatypes of a message with a dictionary. [MS-OXOCFG] 2.2.2.1 */
export const roamingDictionary = 4;
/** PidTagMessageClass of the calendar's options. [MS-OXOCFG] 2.2.5.1 */
export const calendarOptionsClass = "IPM.Configuration.Calendar";

/** By the number before a value. [MS-OXOCFG] 2.2.5.1 */
const types = { boolean: 3, integer: 9, string: 18 } as const;

/** A value of a type that has no row keeps its number and its text. */
export type DictionaryValue = boolean | number | string | { readonly type: number; readonly text: string };

export interface RoamingDictionary {
  /** Who wrote it: `Outlook.16`. */
  readonly version: string;
  readonly values: ReadonlyMap<string, DictionaryValue>;
}

/** Minutes of a reminder where nobody says otherwise, and which client saw all folders first. [MS-OXORMDR] 2.2.3 */
export const calendarOptions = {
  reminderDefaultMinutes: "piRemindDefault", reminderUpgradeTime: "piReminderUpgradeTime",
  autoProcess: "piAutoProcess", preferencesVersion: "OLPrefsVersion",
} as const;

function cut(text: string, what: string): { type: number; text: string } {
  const match = /^(\d{1,3})-([^]*)$/.exec(text);
  if (match === null) throw new WireError(`dictionary: ${what} is "${text.slice(0, 40)}"`, 0);
  return { type: Number(match[1]), text: match[2]! };
}

function valueOf(told: string): DictionaryValue {
  const { type, text } = cut(told, "a value");
  if (type === types.string) return text;
  if (type === types.boolean && /^(?:true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (type === types.integer && /^-?\d{1,10}$/.test(text)) return Number(text);
  return { type, text };
}

/** Of two entries of one name the later counts. Throws WireError for what is no dictionary. [MS-OXOCFG] 2.2.5.1 */
export function readRoamingDictionary(stream: Uint8Array | string): RoamingDictionary {
  const root = parseXml(stream, { documentMaxBytes: limits.roamingStreamMaxBytes });
  if (root.name !== "UserConfiguration") throw new WireError("the root is not UserConfiguration", 0);
  const values = new Map<string, DictionaryValue>();
  for (const entry of root.child("Data")?.childrenNamed("e") ?? []) {
    const key = cut(entry.attribute("k") ?? "", "a key");
    if (key.type !== types.string) continue;
    values.set(key.text, valueOf(entry.attribute("v") ?? ""));
  }
  return { version: root.child("Info")?.attribute("version") ?? "", values };
}

const escapeAttribute = (text: string): string => text.replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
  .replaceAll(/[&<>"\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`).toWellFormed();

function valueText(value: DictionaryValue): string {
  if (typeof value === "boolean") return `${types.boolean}-${value ? "True" : "False"}`;
  if (typeof value === "number") return `${types.integer}-${value}`;
  return typeof value === "string" ? `${types.string}-${value}` : `${value.type}-${value.text}`;
}

/** [MS-OXOCFG] 2.2.5.1 */
export function writeRoamingDictionary({ version, values }: RoamingDictionary): string {
  const entries = [...values].map(([name, value]) =>
    `<e k="${types.string}-${escapeAttribute(name)}" v="${escapeAttribute(valueText(value))}"/>`);
  return '<?xml version="1.0" encoding="utf-8"?><UserConfiguration xmlns="dictionary.xsd">' +
    `<Info version="${escapeAttribute(version)}"/><Data>${entries.join("")}</Data></UserConfiguration>`;
}
