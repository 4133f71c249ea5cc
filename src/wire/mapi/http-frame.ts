/** What stands around a body in an HTTP answer, and the codes of the headers. [MS-OXCMAPIHTTP] 2.2.2, 2.2.3 */

/** X-ResponseCode. [MS-OXCMAPIHTTP] 2.2.3.3.3 */
export const responseCodes = {
  success: 0, unknownFailure: 1, invalidVerb: 2, invalidPath: 3, invalidHeader: 4, invalidRequestType: 5,
  invalidContextCookie: 6, missingHeader: 7, anonymousNotAllowed: 8, tooLarge: 9, contextNotFound: 10, noPrivilege: 11,
  invalidRequestBody: 12, missingCookie: 13, invalidSequence: 15, endpointDisabled: 16, invalidResponse: 17,
  endpointShuttingDown: 18,
} as const;
export type ResponseCodeName = keyof typeof responseCodes;

/** Request types of the two endpoints as X-RequestType spells them. [MS-OXCMAPIHTTP] 2.2.3.3.1 */
export const mailboxRequestTypes = ["Connect", "Execute", "Disconnect", "NotificationWait", "PING"] as const;
export type MailboxRequestType = (typeof mailboxRequestTypes)[number];
export const addressBookRequestTypes = [
  "Bind", "Unbind", "CompareMIds", "DNToMId", "GetMatches", "GetPropList", "GetProps", "GetSpecialTable",
  "GetTemplateInfo", "ModLinkAtt", "ModProps", "QueryColumns", "QueryRows", "ResolveNames", "ResortRestriction",
  "SeekEntries", "UpdateStat", "GetMailboxUrl", "GetAddressBookUrl", "PING",
] as const;
export type AddressBookRequestType = (typeof addressBookRequestTypes)[number];

/** The type as the specification spells it; undefined when the endpoint has none of that name. */
export function findRequestType<T extends string>(known: readonly T[], header: string): T | undefined {
  const lower = header.trim().toLowerCase();
  return known.find((name) => name.toLowerCase() === lower);
}

/** Signs of life before the answer. [MS-OXCMAPIHTTP] 2.2.7 */
export const metaTags = { processing: "PROCESSING\r\n", pending: "PENDING\r\n", done: "DONE\r\n" } as const;

/** DONE and the headers before the body. Times as HTTP dates. [MS-OXCMAPIHTTP] 2.2.2.2 */
export function doneHead(fields: { responseCode: number; elapsedMs: number; startTime: string }): string {
  return `${metaTags.done}X-ResponseCode: ${fields.responseCode}\r\n` +
    `X-ElapsedTime: ${Math.round(fields.elapsedMs)}\r\n` +
    `X-StartTime: ${fields.startTime}\r\n\r\n`;
}

/** Splits an answer's meta-tags and headers from its body, as a client does; null when it is not whole. */
export function parseAnswer(
  bytes: Uint8Array,
): { metaTags: string[]; headers: Map<string, string>; body: Uint8Array } | null {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = all.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const tags: string[] = [];
  const headers = new Map<string, string>();
  for (const line of all.toString("latin1", 0, end).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) tags.push(line);
    else headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { metaTags: tags, headers, body: bytes.subarray(end + 4) };
}
