/**
 * Refusals we expect, one row each, spelled for every protocol.
 *
 * `mapi` is the 32-bit return value ([MS-OXCDATA] 2.4), `ews` a ResponseCode ([MS-OXWSCDATA]), `imap` a response code
 * of RFC 5530 (or "" for none), `smtp` a reply code with its enhanced status (RFC 3463), `pop3` a code of RFC 2449 /
 * RFC 3206 (or ""), `http` a status. The edge of each protocol looks its own column up; nothing else translates.
 */
export const faults = {
  accessDenied: { mapi: 0x80070005, ews: "ErrorAccessDenied", imap: "NOPERM", smtp: "550 5.7.1", pop3: "", http: 403 },
  authenticationFailed: {
    mapi: 0x80040111, ews: "ErrorAccessDenied", imap: "AUTHENTICATIONFAILED", smtp: "535 5.7.8", pop3: "AUTH",
    http: 401,
  },
  /** The right answer may come later: a dependency is down, a lock is held too long. */
  unavailable: {
    mapi: 0x8004010b, ews: "ErrorServerBusy", imap: "UNAVAILABLE", smtp: "451 4.3.0", pop3: "SYS/TEMP", http: 503,
  },
  /** More work is queued than a limit allows; the client should slow down. */
  serverBusy: {
    mapi: 0x8004010b, ews: "ErrorServerBusy", imap: "LIMIT", smtp: "452 4.3.2", pop3: "SYS/TEMP", http: 503,
  },
  storageFull: {
    mapi: 0x8004060c, ews: "ErrorMailboxStoreUnavailable", imap: "UNAVAILABLE", smtp: "452 4.3.1", pop3: "SYS/TEMP",
    http: 507,
  },
  overQuota: { mapi: 0x000004d9, ews: "ErrorQuotaExceeded", imap: "OVERQUOTA", smtp: "552 5.2.2", pop3: "", http: 507 },
  notFound: {
    mapi: 0x8004010f, ews: "ErrorItemNotFound", imap: "NONEXISTENT", smtp: "550 5.1.1", pop3: "", http: 404,
  },
  alreadyExists: {
    mapi: 0x80040604, ews: "ErrorFolderExists", imap: "ALREADYEXISTS", smtp: "550 5.5.0", pop3: "", http: 409,
  },
  /** The thing changed since the caller looked at it. */
  conflict: {
    mapi: 0x80040109, ews: "ErrorIrresolvableConflict", imap: "", smtp: "451 4.3.0", pop3: "IN-USE", http: 409,
  },
  inUse: { mapi: 0x8004010b, ews: "ErrorServerBusy", imap: "INUSE", smtp: "451 4.3.0", pop3: "IN-USE", http: 409 },
  invalidArgument: {
    mapi: 0x80070057, ews: "ErrorInvalidRequest", imap: "CANNOT", smtp: "501 5.5.4", pop3: "", http: 400,
  },
  /** The operation is one this object never allows: deleting the inbox, moving a folder below itself. */
  notAllowed: {
    mapi: 0x80040102, ews: "ErrorInvalidOperation", imap: "CANNOT", smtp: "550 5.7.1", pop3: "", http: 405,
  },
  notSupported: {
    mapi: 0x80040102, ews: "ErrorUnsupportedOperation", imap: "CANNOT", smtp: "502 5.5.1", pop3: "", http: 501,
  },
  hasChildren: {
    mapi: 0x80040609, ews: "ErrorDeleteDistinguishedFolder", imap: "HASCHILDREN", smtp: "550 5.5.0", pop3: "",
    http: 409,
  },
  folderCycle: {
    mapi: 0x8004060b, ews: "ErrorMoveCopyFailed", imap: "CANNOT", smtp: "550 5.5.0", pop3: "", http: 409,
  },
  tooBig: {
    mapi: 0x80040305, ews: "ErrorMessageSizeExceeded", imap: "TOOBIG", smtp: "552 5.3.4", pop3: "", http: 413,
  },
  tooMany: { mapi: 0x8004010e, ews: "ErrorServerBusy", imap: "LIMIT", smtp: "452 4.5.3", pop3: "", http: 429 },
  corrupt: {
    mapi: 0x8004011b, ews: "ErrorCorruptData", imap: "CORRUPTION", smtp: "451 4.3.0", pop3: "SYS/PERM", http: 500,
  },
  cancelled: { mapi: 0x80040501, ews: "ErrorServerBusy", imap: "", smtp: "421 4.3.2", pop3: "SYS/TEMP", http: 499 },
  /** Never thrown on purpose: what a protocol answers when a bug ended the request. */
  internal: {
    mapi: 0x80004005, ews: "ErrorInternalServerError", imap: "SERVERBUG", smtp: "451 4.3.0", pop3: "SYS/TEMP",
    http: 500,
  },
} as const satisfies Record<string, FaultRow>;

export interface FaultRow {
  readonly mapi: number;
  readonly ews: string;
  readonly imap: string;
  readonly smtp: string;
  readonly pop3: string;
  readonly http: number;
}

export type FaultCode = keyof typeof faults;

/** A refusal we expect. The message says what was wrong with which thing and what to do; it goes to the client. */
export class Fault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Fault";
    this.code = code;
  }

  get row(): FaultRow {
    return faults[this.code];
  }
}

/** Bytes that do not follow their format: where they stood and which field they belonged to. */
export class WireError extends Error {
  /** Offset in bytes from the start of the structure that was being decoded. */
  readonly offset: number;
  /** Dotted path of the field, empty at the top. */
  readonly path: string;

  constructor(message: string, offset: number, path = "") {
    super(path === "" ? `${message} (at byte ${offset})` : `${path}: ${message} (at byte ${offset})`);
    this.name = "WireError";
    this.offset = offset;
    this.path = path;
  }
}

/** States what must hold. A failure is a bug: it ends the request, and inside a commit the transaction. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
