/** How the kinds of report are spelled in MIME and in MAPI, both ways. [MS-OXCMAIL] 2.2.3.7, [MS-OXOMSG] 2.2.2 */

/** One row for each action of RFC 3464 §2.3.3, the gravest last: with several recipients it names the report. */
export const deliveryActions = [
  { action: "delivered", suffix: "DR" },
  { action: "expanded", suffix: "Expanded.DR" },
  { action: "relayed", suffix: "Relayed.DR" },
  { action: "delayed", suffix: "Delayed.DR" },
  { action: "failed", suffix: "NDR" },
] as const;

export type DeliveryAction = (typeof deliveryActions)[number]["action"];

/** RFC 3798 §3.2.6.2: what of a message that was read, and what of one that was not. */
export const readDispositions: ReadonlySet<string> = new Set(["displayed", "dispatched", "processed"]);
export const readSuffix = "IPNRN";
export const unreadSuffix = "IPNNRN";

export interface ReportName {
  /** Class of the message the report is about. */
  readonly original: string;
  readonly suffix: string;
}

/** "REPORT.IPM.Note.NDR" in its parts, or null for a class of no report. [MS-OXOMSG] 2.2.2.1 */
export function parseReportClass(messageClass: string): ReportName | null {
  const match = /^REPORT\.(.*?)\.((?:Expanded\.|Relayed\.|Delayed\.)?DR|NDR|IPNRN|IPNNRN)$/i.exec(messageClass);
  const [, original, suffix] = match ?? [];
  return original === undefined || suffix === undefined ? null : { original, suffix };
}

export function actionOfSuffix(suffix: string): DeliveryAction | null {
  return deliveryActions.find((row) => row.suffix.toLowerCase() === suffix.toLowerCase())?.action ?? null;
}

/** "5.1.1" as 511, "5.7.26" as 5726. [MS-OXCMAIL] 2.2.3.7.1 (PidTagNonDeliveryReportStatusCode) */
export function statusNumber(status: string): number | null {
  const match = /\b([245])\.(\d)\.(\d{1,3})\b/.exec(status);
  return match === null ? null : Number(`${match[1]}${match[2]}${match[3]}`);
}

export function statusText(number: number): string | null {
  const match = /^([245])(\d)(\d{1,3})$/.exec(String(number));
  return match === null ? null : `${match[1]}.${match[2]}.${match[3]}`;
}

/** Reason and diagnostic of a status, by its subject and detail; a row of a subject alone stands for the rest of it. */
const reasons: Readonly<Record<string, readonly [reason: number, diagnostic: number]>> = {
  "1.": [1, -1], "1.0": [1, 0], "1.1": [1, 0], "1.2": [1, 48], "1.3": [1, 32], "1.4": [1, 1], "1.6": [1, 38],
  "1.7": [1, -1], "1.8": [1, -1],
  "2.": [1, -1], "2.1": [1, 4], "2.2": [1, 38], "2.3": [1, 7], "2.4": [1, 30],
  "3.": [0, -1], "3.1": [0, 2], "3.2": [1, 18], "3.3": [1, 18], "3.4": [1, 7],
  "4.": [0, -1], "4.0": [0, -1], "4.1": [0, 4], "4.3": [6, -1], "4.4": [0, -1], "4.5": [0, 2], "4.6": [0, 3],
  "4.7": [0, 5],
  "5.": [0, 18], "5.3": [1, 16],
  "6.": [2, 15], "6.2": [2, 9], "6.3": [2, 8], "6.4": [2, 25],
  "7.": [1, 46], "7.1": [1, 29], "7.2": [1, 28], "7.3": [1, 8],
};

/**
 * PidTagNonDeliveryReportReasonCode and …DiagCode of a status: the nearest of the X.400 codes, which know no more.
 * [MS-OXCMAIL] 2.2.3.7.1, RFC 3463 §3
 */
export function reasonOf(status: string): readonly [reason: number, diagnostic: number] {
  const match = /\b[245]\.(\d)\.(\d{1,3})\b/.exec(status);
  if (match === null) return [0, -1];
  return reasons[`${match[1]}.${match[2]}`] ?? reasons[`${match[1]}.`] ?? [0, -1];
}
