/**
 * Every attribute of the global address book an administrator can set, one row each: the key of the command line, the
 * MAPI property that shows it, how many values it takes. [MS-OXOABK] 2.2.3 and 2.2.4
 */
export interface AttributeRow {
  readonly key: string;
  /** Canonical name in [MS-OXPROPS]. */
  readonly property: string;
  /** Property tag with its type. */
  readonly tag: number;
  /** `entry`: an address of the directory, kept as a reference. `file`: bytes, set by `@file`. */
  readonly type: "text" | "number" | "entry" | "certificate" | "photo";
  readonly many: boolean;
  /** Other spellings taken on the command line. */
  readonly also: readonly string[];
}

function row(
  key: string, property: string, tag: number,
  more: { type?: AttributeRow["type"]; many?: boolean; also?: readonly string[] } = {},
): AttributeRow {
  return { key, property, tag, type: more.type ?? "text", many: more.many ?? false, also: more.also ?? [] };
}

export const attributeRows: readonly AttributeRow[] = [
  row("givenName", "PidTagGivenName", 0x3a06_001f, { also: ["firstName"] }),
  row("surname", "PidTagSurname", 0x3a11_001f, { also: ["sn", "lastName"] }),
  row("middleName", "PidTagMiddleName", 0x3a44_001f),
  row("initials", "PidTagInitials", 0x3a0a_001f),
  row("nickname", "PidTagNickname", 0x3a4f_001f),
  row("namePrefix", "PidTagDisplayNamePrefix", 0x3a45_001f),
  row("generation", "PidTagGeneration", 0x3a05_001f),
  row("title", "PidTagTitle", 0x3a17_001f, { also: ["jobTitle"] }),
  row("department", "PidTagDepartmentName", 0x3a18_001f),
  row("company", "PidTagCompanyName", 0x3a16_001f),
  row("office", "PidTagOfficeLocation", 0x3a19_001f),
  row("profession", "PidTagProfession", 0x3a46_001f),
  row("manager", "PidTagAddressBookManagerDistinguishedName", 0x8005_001f, { type: "entry" }),
  row("assistant", "PidTagAssistant", 0x3a30_001f),
  row("assistantPhone", "PidTagAssistantTelephoneNumber", 0x3a2e_001f),
  row("phone", "PidTagBusinessTelephoneNumber", 0x3a08_001f, { also: ["businessPhone", "telephoneNumber", "phones"] }),
  row("phone2", "PidTagBusiness2TelephoneNumbers", 0x3a1b_101f, { many: true, also: ["otherTelephone"] }),
  row("mainPhone", "PidTagPrimaryTelephoneNumber", 0x3a1a_001f),
  row("companyPhone", "PidTagCompanyMainTelephoneNumber", 0x3a57_001f),
  row("mobile", "PidTagMobileTelephoneNumber", 0x3a1c_001f, { also: ["mobilePhone", "cell"] }),
  row("homePhone", "PidTagHomeTelephoneNumber", 0x3a09_001f),
  row("homePhone2", "PidTagHome2TelephoneNumbers", 0x3a2f_101f, { many: true }),
  row("otherPhone", "PidTagOtherTelephoneNumber", 0x3a1f_001f),
  row("carPhone", "PidTagCarTelephoneNumber", 0x3a1e_001f),
  row("radioPhone", "PidTagRadioTelephoneNumber", 0x3a1d_001f),
  row("callbackPhone", "PidTagCallbackTelephoneNumber", 0x3a02_001f),
  row("textPhone", "PidTagTelecommunicationsDeviceForDeafTelephoneNumber", 0x3a4b_001f),
  row("isdn", "PidTagIsdnNumber", 0x3a2d_001f),
  row("pager", "PidTagPagerTelephoneNumber", 0x3a21_001f),
  row("fax", "PidTagPrimaryFaxNumber", 0x3a23_001f),
  row("businessFax", "PidTagBusinessFaxNumber", 0x3a24_001f),
  row("homeFax", "PidTagHomeFaxNumber", 0x3a25_001f),
  row("telex", "PidTagTelexNumber", 0x3a2c_001f),
  row("street", "PidTagStreetAddress", 0x3a29_001f, { also: ["streetAddress"] }),
  row("city", "PidTagLocality", 0x3a27_001f, { also: ["locality"] }),
  row("state", "PidTagStateOrProvince", 0x3a28_001f),
  row("postalCode", "PidTagPostalCode", 0x3a2a_001f, { also: ["zip"] }),
  row("postOfficeBox", "PidTagPostOfficeBox", 0x3a2b_001f),
  row("country", "PidTagCountry", 0x3a26_001f),
  row("postalAddress", "PidTagPostalAddress", 0x3a15_001f),
  row("homeStreet", "PidTagHomeAddressStreet", 0x3a5d_001f),
  row("homeCity", "PidTagHomeAddressCity", 0x3a59_001f),
  row("homeState", "PidTagHomeAddressStateOrProvince", 0x3a5c_001f),
  row("homePostalCode", "PidTagHomeAddressPostalCode", 0x3a5b_001f),
  row("homeCountry", "PidTagHomeAddressCountry", 0x3a5a_001f),
  row("webPage", "PidTagBusinessHomePage", 0x3a51_001f, { also: ["url"] }),
  row("personalWebPage", "PidTagPersonalHomePage", 0x3a50_001f),
  row("notes", "PidTagComment", 0x3004_001f, { also: ["comment", "description"] }),
  row("employeeId", "PidTagOrganizationalIdNumber", 0x3a10_001f),
  row("customerId", "PidTagCustomerId", 0x3a4a_001f),
  row("governmentId", "PidTagGovernmentIdNumber", 0x3a07_001f),
  row("spouse", "PidTagSpouseName", 0x3a48_001f),
  row("hobbies", "PidTagHobbies", 0x3a43_001f),
  row("phoneticGivenName", "PidTagAddressBookPhoneticGivenName", 0x8c8e_001f),
  row("phoneticSurname", "PidTagAddressBookPhoneticSurname", 0x8c8f_001f),
  row("phoneticDepartment", "PidTagAddressBookPhoneticDepartmentName", 0x8c90_001f),
  row("phoneticCompany", "PidTagAddressBookPhoneticCompanyName", 0x8c91_001f),
  row("phoneticDisplayName", "PidTagAddressBookPhoneticDisplayName", 0x8c92_001f),
  row("seniorityIndex", "PidTagAddressBookSeniorityIndex", 0x8ca0_0003, { type: "number" }),
  row("capacity", "PidTagAddressBookRoomCapacity", 0x0807_0003, { type: "number" }),
  row("roomDescription", "PidTagAddressBookRoomDescription", 0x0809_001f),
  row("photo", "PidTagThumbnailPhoto", 0x8c9e_0102, { type: "photo" }),
  row("certificate", "PidTagAddressBookX509Certificate", 0x8c6a_1102, { type: "certificate", many: true }),
  row("smimeCertificate", "PidTagUserX509Certificate", 0x3a70_1102, { type: "certificate", many: true }),
  ...extensionAttributes(),
];

function extensionAttributes(): AttributeRow[] {
  const tags = [
    0x802d_001f, 0x802e_001f, 0x802f_001f, 0x8030_001f, 0x8031_001f, 0x8032_001f, 0x8033_001f, 0x8034_001f,
    0x8035_001f, 0x8036_001f, 0x8c57_001f, 0x8c58_001f, 0x8c59_001f, 0x8c60_001f, 0x8c61_001f,
  ];
  return tags.map((tag, index) =>
    row(`extension${index + 1}`, `PidTagAddressBookExtensionAttribute${index + 1}`, tag, {
      also: [`customAttribute${index + 1}`, `extensionAttribute${index + 1}`],
    }));
}

const byKey = new Map<string, AttributeRow>();
for (const attribute of attributeRows) {
  for (const name of [attribute.key, ...attribute.also]) byKey.set(name.toLowerCase(), attribute);
}

/** The attribute of a key, whatever its case; undefined when there is none. */
export function attributeNamed(key: string): AttributeRow | undefined {
  return byKey.get(key.toLowerCase());
}
