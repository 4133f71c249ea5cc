/** How much a mailbox may hold, in the three levels of Exchange: a warning, no more sending, no more receiving. */

const units: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `5G`, `500 MB`, `1.5g`, `1048576`; null for `none` or `unlimited`, undefined for what is no size. */
export function readSize(text: string): number | null | undefined {
  if (/^(?:none|unlimited|-)$/i.test(text)) return null;
  const match = /^(\d{1,15}(?:\.\d{1,3})?)\s*([kmgt]?)(?:i?b)?$/i.exec(text);
  const bytes = match === null ? NaN : Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function readPercent(text: string): number | undefined {
  const match = /^(\d{1,3})\s*%$/.exec(text);
  const percent = match === null ? NaN : Number(match[1]);
  return percent >= 1 && percent <= 100 ? percent : undefined;
}

/** Whether it is a size or a part of the quota. */
export function isLevel(text: string): boolean {
  return readPercent(text) !== undefined || readSize(text) !== undefined;
}

/** Bytes; null for a level that there is not. [MS-OXCSTOR] 2.2.2.1.1.11, 2.2.2.1.1.12 */
export interface QuotaLevels {
  /** From here on the owner is told once a day. [MS-OXPROPS] PidTagStorageQuotaLimit */
  readonly warningBytes: number | null;
  /** From here on the owner cannot send. [MS-OXPROPS] PidTagProhibitSendQuota */
  readonly sendBytes: number | null;
  /** Nothing that would go past it comes in. [MS-OXPROPS] PidTagProhibitReceiveQuota */
  readonly receiveBytes: number | null;
}

/** What holds where nobody said otherwise: parts of the quota. */
export const quotaDefaults = { warning: "80%", send: "95%" } as const;

/** A level is never above one that is stricter: whoever may not receive may not send either. */
export function quotaLevels(
  quotaBytes: number | null, settings: ReadonlyMap<string, readonly string[]>,
): QuotaLevels {
  const level = (name: string, otherwise: string): number | null => {
    const text = settings.get(name)?.[0] ?? otherwise;
    const percent = readPercent(text);
    if (percent === undefined) return readSize(text) ?? null;
    return quotaBytes === null ? null : Math.floor(quotaBytes * percent / 100);
  };
  const least = (...levels: (number | null)[]): number | null => {
    const told = levels.filter((one) => one !== null);
    return told.length === 0 ? null : Math.min(...told);
  };
  const sendLevel = level("quota-send", quotaDefaults.send);
  const warningLevel = level("quota-warning", quotaDefaults.warning);
  return {
    receiveBytes: quotaBytes, sendBytes: sendLevel === null ? null : least(sendLevel, quotaBytes),
    warningBytes: warningLevel === null ? null : least(warningLevel, sendLevel, quotaBytes),
  };
}

/** What a mailbox of so many bytes may not do any more. */
export type QuotaState = "fine" | "warning" | "cannotSend" | "full";

export function quotaState(usedBytes: number, levels: QuotaLevels): QuotaState {
  const { warningBytes, sendBytes, receiveBytes } = levels;
  if (receiveBytes !== null && usedBytes >= receiveBytes) return "full";
  if (sendBytes !== null && usedBytes >= sendBytes) return "cannotSend";
  return warningBytes !== null && usedBytes >= warningBytes ? "warning" : "fine";
}
