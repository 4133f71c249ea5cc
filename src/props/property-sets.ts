/** A group of named properties. */
export interface PropertySetRow {
  readonly guid: string;
  /** EWS DistinguishedPropertySetId. [MS-OXWSXPROP] 2.1.7 */
  readonly ews?: string;
}

/** Property sets by the name of the specification; GUIDs in lower case. [MS-OXPROPS] 1.3.2 */
export const propertySets = {
  PS_PUBLIC_STRINGS: { guid: "00020329-0000-0000-c000-000000000046", ews: "PublicStrings" },
  PSETID_Common: { guid: "00062008-0000-0000-c000-000000000046", ews: "Common" },
  PSETID_Address: { guid: "00062004-0000-0000-c000-000000000046", ews: "Address" },
  PS_INTERNET_HEADERS: { guid: "00020386-0000-0000-c000-000000000046", ews: "InternetHeaders" },
  PSETID_Appointment: { guid: "00062002-0000-0000-c000-000000000046", ews: "Appointment" },
  PSETID_Meeting: { guid: "6ed8da90-450b-101b-98da-00aa003f1305", ews: "Meeting" },
  PSETID_Log: { guid: "0006200a-0000-0000-c000-000000000046" },
  PSETID_Messaging: { guid: "41f28f13-83f4-4114-a584-eedb5a6b0bff" },
  PSETID_Note: { guid: "0006200e-0000-0000-c000-000000000046" },
  PSETID_PostRss: { guid: "00062041-0000-0000-c000-000000000046" },
  PSETID_Task: { guid: "00062003-0000-0000-c000-000000000046", ews: "Task" },
  PSETID_UnifiedMessaging: { guid: "4442858e-a9e3-4e80-b900-317a210cc15b", ews: "UnifiedMessaging" },
  PS_MAPI: { guid: "00020328-0000-0000-c000-000000000046" },
  PSETID_AirSync: { guid: "71035549-0739-4dcb-9163-00f0580dbbdf" },
  PSETID_Sharing: { guid: "00062040-0000-0000-c000-000000000046", ews: "Sharing" },
  PSETID_XmlExtractedEntities: { guid: "23239608-685d-4732-9c55-4c95cb4e8e33" },
  PSETID_Attachment: { guid: "96357f7f-59e1-47d0-99a7-46515c183b54" },
  PSETID_CalendarAssistant: { guid: "11000e07-b51b-40d6-af21-caa85edab1d0", ews: "CalendarAssistant" },
  PSETID_Report: { guid: "00062013-0000-0000-c000-000000000046" },
  PSETID_Remote: { guid: "00062014-0000-0000-c000-000000000046" },
  PS_ROUTING_EMAIL_ADDRESSES: { guid: "00020380-0000-0000-c000-000000000046" },
  PS_ROUTING_ADDRTYPE: { guid: "00020381-0000-0000-c000-000000000046" },
  PS_ROUTING_DISPLAY_NAME: { guid: "00020382-0000-0000-c000-000000000046" },
  PS_ROUTING_ENTRYID: { guid: "00020383-0000-0000-c000-000000000046" },
  PS_ROUTING_SEARCH_KEY: { guid: "00020384-0000-0000-c000-000000000046" },
} as const satisfies Record<string, PropertySetRow>;

export type PropertySetName = keyof typeof propertySets;
