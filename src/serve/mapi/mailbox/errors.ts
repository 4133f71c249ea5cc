/** Return values of ROPs that no Fault of the server stands for. [MS-OXCDATA] 2.4 */
import { Fault } from "#base/fault.ts";

export const ecCodes = {
  success: 0,
  /** A handle index leads to no object. */
  nullObject: 0x0000_04b9,
  nullDestination: 0x0000_0503,
  rpcFormat: 0x0000_04b6,
  /** What answers has no room for anything at all. */
  bufferTooSmall: 0x0000_047d,
  serverBusy: 0x0000_0480,
  unknownUser: 0x0000_03eb,
  unknownCodePage: 0x0000_03ef,
  loginPermission: 0x0000_03f2,
  loginFailure: 0x8004_0111,
  wrongServer: 0x0000_0478,
  errorsReturned: 0x0004_0380,
  partialCompletion: 0x0004_0680,
  generalFailure: 0x8000_4005,
  notSupported: 0x8004_0102,
  invalidObject: 0x8004_0108,
  objectDeleted: 0x8004_010a,
  notFound: 0x8004_010f,
  notInitialized: 0x8004_0605,
  tooComplex: 0x8004_0117,
  invalidType: 0x8004_0302,
  computed: 0x8004_011a,
  corruptData: 0x8004_011b,
  tooBig: 0x8004_0305,
  streamSizeError: 0x8003_0070,
  streamAccessDenied: 0x8003_0005,
  streamInvalidParameter: 0x8003_0057,
  streamSeekError: 0x8003_0019,
  lockViolation: 0x8003_0021,
  invalidBookmark: 0x8004_0405,
  notCollapsed: 0x0000_04f8,
  notExpanded: 0x0000_04f7,
  noSupport: 0x8004_0102,
  folderCycle: 0x8004_060b,
  messageCycle: 0x0000_0504,
  collision: 0x8004_0604,
  accessDenied: 0x8007_0005,
  notEnoughMemory: 0x8007_000e,
  invalidParameter: 0x8007_0057,
  maxSubmissionExceeded: 0x0000_04da,
  objectModified: 0x8004_0109,
  notSearchFolder: 0x0000_0461,
  searchScopeViolation: 0x0000_0490,
  noReceiveFolder: 0x0000_0463,
  invalidRecipients: 0x8004_0607,
  alreadySent: 0x8004_0608,
  notInQueue: 0x8004_0601,
  unableToAbort: 0x8004_0114,
  unconfigured: 0x8004_011c,
  notImplemented: 0x8004_0fff,
  /** The client had a newer version than the one that was moved. */
  newerClientChange: 0x0004_0821,
  syncObjectDeleted: 0x8004_0800,
  syncIgnore: 0x8004_0801,
  syncConflict: 0x8004_0802,
  syncNoParent: 0x8004_0803,
} as const;
export type EcCode = keyof typeof ecCodes;

/** Ends one ROP with its own return value. */
export class RopError extends Error {
  readonly code: number;

  constructor(code: EcCode, message: string) {
    super(message);
    this.name = "RopError";
    this.code = ecCodes[code];
  }
}

/** The return value of what a ROP threw; undefined for a bug. */
export function returnValueOf(error: unknown): number | undefined {
  if (error instanceof RopError) return error.code;
  return error instanceof Fault ? error.row.mapi : undefined;
}
