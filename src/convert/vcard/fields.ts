/** Which property of a contact is which line of a vCard. [MS-OXVCARD] 2.1.3 */
import { properties } from "#props/registry.ts";
import type { NamedProperty, TaggedProperty } from "#props/registry.ts";

export type StringProperty = TaggedProperty<"String"> | NamedProperty<"String">;
export type TimeProperty = TaggedProperty<"Time"> | NamedProperty<"Time">;

export interface TextField {
  readonly property: StringProperty;
  /** The first is written in vCard 3, all are read. */
  readonly names: readonly string[];
  /** In vCard 4 when it is another. */
  readonly name4?: string;
}

const p = properties;

/** [MS-OXVCARD] 2.1.3.1 to 2.1.3.9, RFC 6715 §2 (HOBBY) */
export const textFields: readonly TextField[] = [
  { property: p.PidTagNickname, names: ["NICKNAME"] },
  { property: p.PidTagTitle, names: ["TITLE"] },
  { property: p.PidTagProfession, names: ["ROLE"] },
  { property: p.PidTagBody, names: ["NOTE"] },
  { property: p.PidTagManagerName, names: ["X-MS-MANAGER", "X-MANAGER", "X-EVOLUTION-MANAGER"] },
  { property: p.PidTagAssistant, names: ["X-MS-ASSISTANT", "X-ASSISTANT", "X-EVOLUTION-ASSISTANT"] },
  { property: p.PidTagHobbies, names: ["X-MS-INTERESTS", "HOBBY"], name4: "HOBBY" },
  { property: p.PidLidYomiFirstName, names: ["X-PHONETIC-FIRST-NAME", "X-MS-YOMI-GIVEN"] },
  { property: p.PidLidYomiLastName, names: ["X-PHONETIC-LAST-NAME", "X-MS-YOMI-SURNAME"] },
  { property: p.PidLidYomiCompanyName, names: ["X-PHONETIC-ORG", "X-MS-YOMI-COMPANY"] },
  { property: p.PidLidFreeBusyLocation, names: ["FBURL"] },
  { property: p.PidLidContactUserField1, names: ["X-CUSTOM1"] },
  { property: p.PidLidContactUserField2, names: ["X-CUSTOM2"] },
  { property: p.PidLidContactUserField3, names: ["X-CUSTOM3"] },
  { property: p.PidLidContactUserField4, names: ["X-CUSTOM4"] },
  { property: p.PidTagInitials, names: ["X-OUTPOST-INITIALS"] },
  { property: p.PidTagGovernmentIdNumber, names: ["X-OUTPOST-GOVERNMENT-ID"] },
  { property: p.PidTagCustomerId, names: ["X-OUTPOST-CUSTOMER-ID"] },
  { property: p.PidTagReferredByName, names: ["X-OUTPOST-REFERRED-BY"] },
  { property: p.PidTagComputerNetworkName, names: ["X-OUTPOST-COMPUTER-NETWORK"] },
  { property: p.PidTagFtpSite, names: ["X-OUTPOST-FTP-SITE"] },
  { property: p.PidTagOrganizationalIdNumber, names: ["X-OUTPOST-ORGANIZATIONAL-ID"] },
  { property: p.PidTagLocation, names: ["X-OUTPOST-LOCATION"] },
];

export interface PhoneField {
  readonly property: StringProperty;
  readonly name: "TEL" | "X-MS-TEL";
  /** As written. */
  readonly types: readonly string[];
}

/** In the order they are written. [MS-OXVCARD] 2.1.3.3.1, 2.1.3.9.5 */
export const phoneFields = {
  primary: { property: p.PidTagPrimaryTelephoneNumber, name: "TEL", types: ["pref", "voice"] },
  business: { property: p.PidTagBusinessTelephoneNumber, name: "TEL", types: ["work", "voice"] },
  business2: { property: p.PidTagBusiness2TelephoneNumber, name: "TEL", types: ["work", "voice"] },
  home: { property: p.PidTagHomeTelephoneNumber, name: "TEL", types: ["home", "voice"] },
  home2: { property: p.PidTagHome2TelephoneNumber, name: "TEL", types: ["home", "voice"] },
  mobile: { property: p.PidTagMobileTelephoneNumber, name: "TEL", types: ["cell", "voice"] },
  businessFax: { property: p.PidTagBusinessFaxNumber, name: "TEL", types: ["work", "fax"] },
  homeFax: { property: p.PidTagHomeFaxNumber, name: "TEL", types: ["home", "fax"] },
  otherFax: { property: p.PidTagPrimaryFaxNumber, name: "TEL", types: ["fax"] },
  pager: { property: p.PidTagPagerTelephoneNumber, name: "TEL", types: ["pager", "voice"] },
  car: { property: p.PidTagCarTelephoneNumber, name: "TEL", types: ["car", "voice"] },
  isdn: { property: p.PidTagIsdnNumber, name: "TEL", types: ["isdn"] },
  other: { property: p.PidTagOtherTelephoneNumber, name: "TEL", types: ["voice"] },
  assistant: { property: p.PidTagAssistantTelephoneNumber, name: "X-MS-TEL", types: ["ASSISTANT"] },
  callback: { property: p.PidTagCallbackTelephoneNumber, name: "X-MS-TEL", types: ["CALLBACK"] },
  company: { property: p.PidTagCompanyMainTelephoneNumber, name: "X-MS-TEL", types: ["COMPANY"] },
  radio: { property: p.PidTagRadioTelephoneNumber, name: "X-MS-TEL", types: ["RADIO"] },
  telex: { property: p.PidTagTelexNumber, name: "X-MS-TEL", types: ["TELEX"] },
  deaf: { property: p.PidTagTelecommunicationsDeviceForDeafTelephoneNumber, name: "X-MS-TEL", types: ["TTYTDD"] },
} as const satisfies Record<string, PhoneField>;
export type PhoneKind = keyof typeof phoneFields;

/** The first that applies; X-MS-TEL and the kinds of other programs too. */
const phoneWords: readonly (readonly [PhoneKind, readonly string[]])[] = [
  ["assistant", ["assistant"]], ["callback", ["callback"]], ["company", ["company", "main"]], ["radio", ["radio"]],
  ["telex", ["telex"]], ["deaf", ["ttytdd", "tty/tdd", "tty-tdd", "textphone"]],
  ["businessFax", ["workfax"]], ["homeFax", ["homefax"]],
  ["mobile", ["cell", "iphone", "mobile"]], ["pager", ["pager"]], ["car", ["car"]], ["isdn", ["isdn"]],
];

/** The places a number may have, best first. [MS-OXVCARD] 2.1.3.3.1 */
export function phoneKinds(types: ReadonlySet<string>): readonly PhoneKind[] {
  for (const [kind, words] of phoneWords) if (words.some((word) => types.has(word))) return [kind];
  if (types.has("fax")) return types.has("work") ? ["businessFax"] : types.has("home") ? ["homeFax"] : ["otherFax"];
  if (types.has("work") || types.has("work2")) return ["business", "business2"];
  if (types.has("home") || types.has("home2")) return ["home", "home2"];
  return types.has("pref") ? ["primary", "other"] : ["other"];
}

export interface AddressField {
  /** PidLidPostalAddressId. [MS-OXOCNTC] 2.2.1.3.9 */
  readonly id: number;
  readonly type: string;
  readonly postOfficeBox: StringProperty;
  readonly street: StringProperty;
  readonly city: StringProperty;
  readonly state: StringProperty;
  readonly postalCode: StringProperty;
  readonly country: StringProperty;
  readonly formatted: StringProperty;
}

/** [MS-OXVCARD] 2.1.3.2.1, [MS-OXOCNTC] 2.2.1.3 */
export const addressFields = {
  work: {
    id: 2, type: "work", postOfficeBox: p.PidLidWorkAddressPostOfficeBox, street: p.PidLidWorkAddressStreet,
    city: p.PidLidWorkAddressCity, state: p.PidLidWorkAddressState, postalCode: p.PidLidWorkAddressPostalCode,
    country: p.PidLidWorkAddressCountry, formatted: p.PidLidWorkAddress,
  },
  home: {
    id: 1, type: "home", postOfficeBox: p.PidTagHomeAddressPostOfficeBox, street: p.PidTagHomeAddressStreet,
    city: p.PidTagHomeAddressCity, state: p.PidTagHomeAddressStateOrProvince,
    postalCode: p.PidTagHomeAddressPostalCode, country: p.PidTagHomeAddressCountry, formatted: p.PidLidHomeAddress,
  },
  other: {
    id: 3, type: "postal", postOfficeBox: p.PidTagOtherAddressPostOfficeBox, street: p.PidTagOtherAddressStreet,
    city: p.PidTagOtherAddressCity, state: p.PidTagOtherAddressStateOrProvince,
    postalCode: p.PidTagOtherAddressPostalCode, country: p.PidTagOtherAddressCountry, formatted: p.PidLidOtherAddress,
  },
} as const satisfies Record<string, AddressField>;

/** The address that letters go to: a copy of one of the three. [MS-OXOCNTC] 2.2.1.3 */
export const mailingAddress = {
  postOfficeBox: p.PidTagPostOfficeBox, street: p.PidTagStreetAddress, city: p.PidTagLocality,
  state: p.PidTagStateOrProvince, postalCode: p.PidTagPostalCode, country: p.PidTagCountry,
  formatted: p.PidTagPostalAddress,
} as const;

export const addressParts = ["postOfficeBox", "street", "city", "state", "postalCode", "country"] as const;
export type AddressKind = keyof typeof addressFields;
export const addressKinds: readonly AddressKind[] = ["work", "home", "other"];

/** Three slots, laid out alike. [MS-OXOCNTC] 2.2.1.2 */
export const emailFields = [
  {
    displayName: p.PidLidEmail1DisplayName, addressType: p.PidLidEmail1AddressType, address: p.PidLidEmail1EmailAddress,
    original: p.PidLidEmail1OriginalDisplayName, entryId: p.PidLidEmail1OriginalEntryId,
  },
  {
    displayName: p.PidLidEmail2DisplayName, addressType: p.PidLidEmail2AddressType, address: p.PidLidEmail2EmailAddress,
    original: p.PidLidEmail2OriginalDisplayName, entryId: p.PidLidEmail2OriginalEntryId,
  },
  {
    displayName: p.PidLidEmail3DisplayName, addressType: p.PidLidEmail3AddressType, address: p.PidLidEmail3EmailAddress,
    original: p.PidLidEmail3OriginalDisplayName, entryId: p.PidLidEmail3OriginalEntryId,
  },
] as const;

/** Fax numbers as addresses: `index` is their place in PidLidAddressBookProviderEmailList. [MS-OXOCNTC] 2.2.1.2.11 */
export const faxFields = [
  {
    index: 3, number: p.PidTagBusinessFaxNumber, addressType: p.PidLidFax2AddressType,
    address: p.PidLidFax2EmailAddress, original: p.PidLidFax2OriginalDisplayName, entryId: p.PidLidFax2OriginalEntryId,
  },
  {
    index: 4, number: p.PidTagHomeFaxNumber, addressType: p.PidLidFax3AddressType,
    address: p.PidLidFax3EmailAddress, original: p.PidLidFax3OriginalDisplayName, entryId: p.PidLidFax3OriginalEntryId,
  },
  {
    index: 5, number: p.PidTagPrimaryFaxNumber, addressType: p.PidLidFax1AddressType,
    address: p.PidLidFax1EmailAddress, original: p.PidLidFax1OriginalDisplayName, entryId: p.PidLidFax1OriginalEntryId,
  },
] as const;

export interface DateField {
  readonly property: TimeProperty;
  readonly local: TimeProperty;
  readonly names: readonly string[];
  readonly name4: string;
}

/** [MS-OXOCNTC] 2.2.1.5, [MS-OXVCARD] 2.1.3.1.5, 2.1.3.9.2 */
export const dateFields = {
  birthday: { property: p.PidTagBirthday, local: p.PidLidBirthdayLocal, names: ["BDAY"], name4: "BDAY" },
  anniversary: {
    property: p.PidTagWeddingAnniversary, local: p.PidLidWeddingAnniversaryLocal, name4: "ANNIVERSARY",
    names: ["X-MS-ANNIVERSARY", "ANNIVERSARY", "X-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY"],
  },
} as const satisfies Record<string, DateField>;
