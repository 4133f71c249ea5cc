/**
 * Every command and test, one row each: what it takes and which extension it needs. The checker derives from these
 * rows; what they do stands in `run.ts` and `tests.ts`.
 */

/** Names for `require`; RFC numbers stand at the rows below. RFC 5228 §6 */
export const capabilities = [
  "fileinto", "envelope", "encoded-character", "comparator-i;octet", "comparator-i;ascii-casemap",
  "comparator-i;ascii-numeric", "copy", "body", "variables", "vacation", "vacation-seconds", "relational",
  "imap4flags", "subaddress", "reject", "ereject", "date", "index", "mailbox", "special-use", "duplicate",
  "environment",
] as const;
export type Capability = (typeof capabilities)[number];

/** What a positional argument or the value of a tag is. */
export type ArgumentKind = "string" | "strings" | "number";

export interface TagRow {
  /** Without: a switch. */
  readonly value?: ArgumentKind;
  readonly needs?: Capability;
  /** Tags of one group exclude one another. */
  readonly group?: string;
}

export interface NodeRow {
  readonly needs?: Capability;
  readonly tags?: Readonly<Record<string, TagRow>>;
  readonly positional?: readonly ArgumentKind[];
  /** The first positional argument may be left out: `addflag "x"`, `addflag "variable" "x"`. */
  readonly firstOptional?: true;
  readonly tests?: "one" | "list";
  readonly block?: true;
}

const match = {
  is: { group: "match" }, contains: { group: "match" }, matches: { group: "match" },
  value: { group: "match", value: "string", needs: "relational" },
  count: { group: "match", value: "string", needs: "relational" },
  comparator: { value: "string" },
} as const satisfies Record<string, TagRow>;
const addressPart = {
  all: { group: "part" }, localpart: { group: "part" }, domain: { group: "part" },
  user: { group: "part", needs: "subaddress" }, detail: { group: "part", needs: "subaddress" },
} as const satisfies Record<string, TagRow>;
const index = { index: { value: "number", needs: "index" }, last: { needs: "index" } } as const;
const flags = { flags: { value: "strings", needs: "imap4flags" } } as const;
const copy = { copy: { needs: "copy" } } as const;

const flagCommand = {
  needs: "imap4flags", positional: ["string", "strings"], firstOptional: true,
} as const satisfies NodeRow;

export const commandRows: Readonly<Record<string, NodeRow>> = {
  /** RFC 5228 §3 */
  require: { positional: ["strings"] },
  if: { tests: "one", block: true },
  elsif: { tests: "one", block: true },
  else: { block: true },
  stop: {},
  /** RFC 5228 §4; :flags RFC 5232 §5, :copy RFC 3894 §3, :create RFC 5490 §3.2, :specialuse RFC 8579 §4 */
  keep: { tags: flags },
  discard: {},
  redirect: { tags: copy, positional: ["string"] },
  fileinto: {
    needs: "fileinto", positional: ["string"],
    tags: {
      ...flags, ...copy, create: { needs: "mailbox" }, specialuse: { value: "string", needs: "special-use" },
    },
  },
  /** RFC 5429 §2 */
  reject: { needs: "reject", positional: ["string"] },
  ereject: { needs: "ereject", positional: ["string"] },
  /** RFC 5229 §4 */
  set: {
    needs: "variables", positional: ["string", "string"],
    tags: {
      lower: { group: "case" }, upper: { group: "case" }, lowerfirst: { group: "first" },
      upperfirst: { group: "first" }, quotewildcard: {}, length: {},
    },
  },
  /** RFC 5232 §3 */
  setflag: flagCommand, addflag: flagCommand, removeflag: flagCommand,
  /** RFC 5230 §4, RFC 6131 §2 */
  vacation: {
    needs: "vacation", positional: ["string"],
    tags: {
      days: { value: "number", group: "period" },
      seconds: { value: "number", group: "period", needs: "vacation-seconds" },
      subject: { value: "string" }, from: { value: "string" }, addresses: { value: "strings" }, mime: {},
      handle: { value: "string" },
    },
  },
};

export const testRows: Readonly<Record<string, NodeRow>> = {
  /** RFC 5228 §5; :index RFC 5260 §6 */
  address: { tags: { ...match, ...addressPart, ...index }, positional: ["strings", "strings"] },
  allof: { tests: "list" },
  anyof: { tests: "list" },
  envelope: { needs: "envelope", tags: { ...match, ...addressPart }, positional: ["strings", "strings"] },
  exists: { positional: ["strings"] },
  false: {},
  header: { tags: { ...match, ...index }, positional: ["strings", "strings"] },
  not: { tests: "one" },
  size: { tags: { over: { group: "size" }, under: { group: "size" } }, positional: ["number"] },
  true: {},
  /** RFC 5173 §4 */
  body: {
    needs: "body", positional: ["strings"],
    tags: {
      ...match, raw: { group: "transform" }, content: { group: "transform", value: "strings" },
      text: { group: "transform" },
    },
  },
  /** RFC 5229 §5 */
  string: { needs: "variables", tags: match, positional: ["strings", "strings"] },
  /** RFC 5232 §4 */
  hasflag: { needs: "imap4flags", tags: match, positional: ["strings", "strings"], firstOptional: true },
  /** RFC 5260 §4, §5 */
  date: {
    needs: "date", positional: ["string", "string", "strings"],
    tags: {
      ...match, ...index, zone: { group: "zone", value: "string" }, originalzone: { group: "zone" },
    },
  },
  currentdate: {
    needs: "date", positional: ["string", "strings"], tags: { ...match, zone: { value: "string" } },
  },
  /** RFC 5490 §3.1 */
  mailboxexists: { needs: "mailbox", positional: ["strings"] },
  /** RFC 8579 §3: a mailbox may be named first. */
  specialuse_exists: { needs: "special-use", positional: ["string", "strings"], firstOptional: true },
  /** RFC 7352 §3 */
  duplicate: {
    needs: "duplicate",
    tags: {
      handle: { value: "string" }, header: { value: "string", group: "id" }, uniqueid: { value: "string", group: "id" },
      seconds: { value: "number" }, last: {},
    },
  },
  /** RFC 5183 §4 */
  environment: { needs: "environment", tags: match, positional: ["string", "strings"] },
};
