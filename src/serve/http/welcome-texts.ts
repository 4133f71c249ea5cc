/** Every word of the settings page in one table, so that another language is another table. */

export interface ServedWays {
  readonly mapi: boolean;
  readonly ews: boolean;
  readonly activeSync: boolean;
  readonly imap: boolean;
  readonly calDav: boolean;
  readonly cardDav: boolean;
}

/** One program: its name, what it gets, and what to do. */
export interface ProgramText {
  readonly title: string;
  /** One or two words at the title's side. */
  readonly badge: string;
  readonly lead: string;
  readonly steps: readonly string[];
  /** Something to know beside the steps. */
  readonly hint?: string;
}

const fullExchange = "Mail, calendar, contacts, tasks and the address book";

export const english = {
  language: "en",
  brand: "Outpost",
  account: "Your account",
  title: (host: string) => `Mail settings for ${host}`,
  heading: (host: string) => ["Connect to ", host] as const,
  lead: "Type your address and password into your mail program or phone: most find the rest by themselves. " +
    "Here is what to do in each, and the settings for those that ask.",
  addressLabel: "Your mail address",
  addressHint: "To see your own settings and links. It is not checked whether it exists, and it is not kept.",
  addressButton: "Show my settings",
  addressExample: (domain: string) => `you@${domain}`,
  addressUnreadable: (text: string) => `“${text}” is not a mail address. It looks like name@example.org.`,
  addressForeign: (domain: string) => `This server takes no mail for ${domain}. Is the part after the @ right?`,
  settingsFor: "Showing the settings for",
  otherAddress: "Show them without an address",
  contents: "On this page",
  yourAddress: "your whole mail address",
  yourPassword: "the one of your account",
  yourPasswordOrApp: "that of your account, or an app password",

  authorityTitle: "First, trust this server’s certificate",
  authorityLead: "This server signs its certificate itself. Until a device trusts it, programs warn or refuse to " +
    "connect. Install it once on each device:",
  authorityDownload: "Download ca.pem",
  authorityDownloadCrt: "as ca.crt, for Windows and Android",
  authorityFingerprint: "SHA-256 fingerprint",
  authorityCompare: "Compare this with the one your administrator has (“outpost doctor” prints it). If they differ, " +
    "do not install it: somebody stands between you and the server.",
  authorityHow: "How to install it",
  authoritySteps: [
    ["Windows", "Open ca.crt › Install Certificate › Current User › Place in the following store › Trusted Root " +
      "Certification Authorities."],
    ["Mac", "Open ca.pem, which adds it to Keychain Access. There open it › Trust › When using this certificate: " +
      "Always Trust."],
    ["iPhone and iPad", "Download it with Safari › Settings › Profile Downloaded › Install. Then Settings › General " +
      "› About › Certificate Trust Settings › switch it on."],
    ["Android", "Download ca.crt › Settings › Security › Encryption & credentials › Install a certificate › CA " +
      "certificate. Some mail programs do not look there and have a setting of their own."],
    ["Thunderbird", "Settings › Privacy & Security › Manage Certificates › Authorities › Import ca.pem › Trust to " +
      "identify websites and mail."],
  ] as const,

  profileButton: "Download the profile",
  profileFirst: "Type your address above, and the profile to download appears here.",
  qrLead: "Or scan this with the phone’s camera to open the profile there.",
  qrLabel: "QR code of the link to the profile",

  byHandTitle: "Other programs",
  byHandLead: "Anything that speaks IMAP or POP3: Evolution, KMail, K-9, FairEmail, mutt, scanners and scripts.",
  byHandRows: {
    imap: "Reading mail: IMAP", pop3: "Reading mail: POP3", smtp: "Sending mail: SMTP",
  },
  byHandNotes: {
    imap: "Keeps mail and folders on the server, the same on all devices.",
    pop3: "Fetches the inbox only. Take IMAP unless the program has none.",
    smtp: "Needs the same sign-in as reading.",
  },
  server: "Server",
  port: "Port",
  security: "Security",
  securityNames: { TLS: "SSL/TLS", STARTTLS: "STARTTLS" },
  userName: "User name",
  password: "Password",
  or: "or",
  signInHint: "The sign-in method is “normal password” or OAuth 2, never “encrypted password”.",
  appPassword: ["If you sign in with a second factor, programs need an app password. Make one at ", "your account",
    "."] as const,

  groupwareTitle: "Calendar and contacts",
  groupwareServed: "In programs of their own (Thunderbird, DAVx⁵, Apple’s Calendar and Contacts):",
  groupwareCalDav: "Calendars (CalDAV)",
  groupwareCardDav: "Contacts (CardDAV)",
  groupwareThroughOutlook: "Calendar, contacts and tasks come with Outlook for Windows.",
  groupwareThroughPhone: "They come with the Exchange account on phones, too.",
  groupwareNone: "CalDAV and CardDAV, for calendar and contacts in programs of their own, are not served here.",

  notServedTitle: "Not served here",
  notServedLead: "So that you need not try:",
  notServed: {
    mapi: "Exchange accounts in Outlook for Windows (MAPI). Set it up for IMAP.",
    ews: "Exchange Web Services, which Outlook for Mac, Apple Mail’s Exchange account and some add-ins want. " +
      "Use IMAP there.",
    activeSync: "Exchange accounts on phones (ActiveSync). Use IMAP there.",
    owa: "Reading mail in the browser.",
  },
  foot: "Nothing works? Your administrator can run “outpost doctor” with your address: it tells why.",

  programs: {
    outlookWindows: (served: ServedWays): ProgramText => (served.mapi ? {
      title: "Outlook for Windows", badge: "Address and password",
      lead: `${fullExchange} come as with Exchange (Outlook 2016 and newer).`,
      steps: ["File › Add Account.", "Type your address, then Connect.",
        "Type your password and let it be remembered."],
      hint: "The “new Outlook” takes this server as an IMAP account only: choose IMAP there.",
    } : {
      title: "Outlook for Windows", badge: "Mail only",
      lead: "Mail over IMAP. Calendar and contacts stay in Outlook.",
      steps: ["File › Add Account.", "Type your address, then Connect.",
        "If it asks for the kind of account, choose IMAP; the settings are under “Other programs”.",
        "Type your password."],
    }),
    outlookMac: (served: ServedWays): ProgramText => (served.ews ? {
      title: "Outlook for Mac", badge: "Address and password",
      lead: `${fullExchange} come as with Exchange.`,
      steps: ["Outlook › Settings › Accounts › Add Account.", "Type your address, then your password."],
    } : {
      title: "Outlook for Mac", badge: "Mail only",
      lead: "Mail over IMAP.",
      steps: ["Outlook › Settings › Accounts › Add Account.", "Type your address.",
        "If it asks for the kind of account, choose IMAP; the settings are under “Other programs”."],
    }),
    apple: (served: ServedWays): ProgramText => ({
      title: "iPhone, iPad and Mac", badge: "Profile",
      lead: served.activeSync ? "Mail, calendar and contacts in Apple’s own programs."
        : served.calDav ? "Mail, calendar and contacts in Apple’s own programs."
          : "Mail in Apple’s own program, with one download.",
      steps: ["Download the profile on the device.",
        "iPhone, iPad: Settings › Profile Downloaded › Install. Mac: System Settings › Privacy & Security › Profiles.",
        "Type your password when asked."],
      ...served.activeSync
        ? { hint: "Or add a Microsoft Exchange account in Settings › Apps › Mail › Accounts, with your address." }
        : {},
    }),
    phoneOutlook: (served: ServedWays): ProgramText => ({
      title: "Outlook for phones", badge: served.activeSync ? "Address and password" : "Mail only",
      lead: served.activeSync ? "Mail, calendar and contacts." : "Mail over IMAP.",
      steps: served.activeSync ? ["Add Email Account.", "Type your address, then your password."]
        : ["Add Email Account.", "Type your address; choose IMAP.", "Take the settings under “Other programs”."],
      hint: "This program lets Microsoft’s servers fetch your mail with your password. They must reach this server " +
        "from the Internet.",
    }),
    android: (served: ServedWays): ProgramText => (served.activeSync ? {
      title: "Android", badge: "Address and password",
      lead: "Mail, calendar and contacts in Gmail, Samsung Email and others.",
      steps: ["Add account › Exchange (or Office 365).", "Type your address, then your password."],
    } : {
      title: "Android", badge: "Mail only",
      lead: "Mail in Gmail, Samsung Email, K-9 and others.",
      steps: ["Add account › Other, or Personal (IMAP).", "Type your address, then your password.",
        "If it asks for servers, they are under “Other programs”."],
    }),
    thunderbird: (served: ServedWays): ProgramText => ({
      title: "Thunderbird", badge: "Address and password",
      lead: served.calDav ? "Finds mail, calendars and address books by itself."
        : "Finds the settings for mail by itself.",
      steps: ["New › Existing Mail Account.", "Type your name, address and password, then Continue.", "Done."],
    }),
  },
} as const;
