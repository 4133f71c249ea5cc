/** Notifications. [MS-OXCROPS] 2.2.14 */
import { hasFlag, struct, when } from "#codec/binary/combine.ts";
import { bool, u16, u32, u8 } from "#codec/binary/numbers.ts";
import { shortTermId } from "#props/object-ids.ts";
import { notificationData } from "#wire/mapi/notification.ts";
import { isClear, nothing, rop } from "#wire/mapi/rop.ts";

/** [MS-OXCROPS] 2.2.14.1 */
export const RopRegisterNotification = rop({
  id: 0x29, name: "RopRegisterNotification", section: "2.2.14.1", on: ["logon"],
  yields: "subscription",
  request: struct({
    inputHandleIndex: u8, outputHandleIndex: u8, notificationTypes: u16,
    reserved: when(hasFlag("notificationTypes", 0x0400), u8), wantWholeStore: bool,
    folderId: when(isClear("wantWholeStore"), shortTermId),
    messageId: when(isClear("wantWholeStore"), shortTermId),
  }),
  response: nothing,
  answers: "outputHandleIndex",
});

/** [MS-OXCROPS] 2.2.14.2 */
export const RopNotify = rop({
  id: 0x2a, name: "RopNotify", section: "2.2.14.2", on: [],
  request: nothing,
  response: struct({ notificationHandle: u32, logonId: u8, notificationData }),
  answers: "none",
});

/** [MS-OXCROPS] 2.2.14.3 */
export const RopPending = rop({
  id: 0x6e, name: "RopPending", section: "2.2.14.3", on: [],
  request: nothing,
  response: struct({ sessionIndex: u16 }),
  answers: "none",
});
