import { parseDate, formatDate } from "#format/mime/date.ts";
import { rawField, textField } from "#format/mime/fields.ts";
import { collapse, cutText } from "#format/mime/text.ts";
import { decodeWords, encodeWords } from "#format/mime/words.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { formatThreadIndex, parseThreadIndex } from "#convert/mime/conversation.ts";
import { fromFileTime, toFileTime } from "#convert/mime/times.ts";
import type { FieldLine } from "#format/mime/fields.ts";
import type { NamedProperty, TaggedProperty } from "#props/registry.ts";
import type { ItemObject } from "#convert/item.ts";

/** A header field that means one property, both ways. */
export interface HeaderRule {
  /** As it is written. */
  readonly header: string;
  /** Further names it is read from when the first is absent. */
  readonly also?: readonly string[];
  /** Text that means nothing sets nothing. */
  read(item: ItemObject, text: string): void;
  /** Null when there is nothing to say. */
  write(item: ItemObject): FieldLine | null;
}

type Text = TaggedProperty<"String"> | NamedProperty<"String">;
type Flag = TaggedProperty<"Boolean"> | NamedProperty<"Boolean">;

const textMax = 4096;
const idsMax = 65_536;

const p = properties;

/** Text for people, encoded-words where needed. */
function text(header: string, property: Text): HeaderRule {
  return {
    header,
    read: (item, value) => {
      const clean = cutText(collapse(decodeWords(value)), textMax);
      if (clean !== "") setProperty(item, property, clean);
    },
    write: (item) => {
      const value = getProperty(item, property);
      return value === undefined || value.trim() === "" ? null : textField(header, value.trim());
    },
  };
}

/** A value in a syntax of its own, kept as it stood. */
function raw(header: string, property: Text, lengthMax = textMax): HeaderRule {
  return {
    header,
    read: (item, value) => {
      const clean = value.trim();
      if (clean !== "" && clean.length <= lengthMax) setProperty(item, property, clean.toWellFormed());
    },
    write: (item) => {
      const value = getProperty(item, property)?.trim();
      return value === undefined || value === "" ? null : rawField(header, encodeWords(value));
    },
  };
}

function date(header: string, property: TaggedProperty<"Time">, also: readonly string[] = []): HeaderRule {
  return {
    header,
    also,
    read: (item, value) => {
      const utcMs = parseDate(value);
      if (utcMs !== null) setProperty(item, property, toFileTime(utcMs));
    },
    write: (item) => {
      const value = getProperty(item, property);
      const utcMs = value === undefined ? null : fromFileTime(value);
      return utcMs === null ? null : rawField(header, formatDate(utcMs));
    },
  };
}

function flag(header: string, property: Flag): HeaderRule {
  return {
    header,
    read: (item, value) => {
      const word = value.trim().toLowerCase();
      if (word === "true" || word === "false") setProperty(item, property, word === "true");
    },
    write: (item) => (getProperty(item, property) === true ? `${header}: true` : null),
  };
}

function choice(
  header: string, property: TaggedProperty<"Integer32">, words: Readonly<Record<string, number>>,
): HeaderRule {
  return {
    header,
    read: (item, value) => {
      const word = value.trim().toLowerCase();
      const found = Object.entries(words).find(([name]) => name.toLowerCase() === word);
      if (found !== undefined) setProperty(item, property, found[1]);
    },
    write: (item) => {
      const value = getProperty(item, property);
      const found = value === undefined || value === 0 ? undefined : Object.entries(words).find(([, n]) => n === value);
      return found === undefined ? null : `${header}: ${found[0]}`;
    },
  };
}

const suppressBits: Readonly<Record<string, number>> = {
  dr: 1, ndr: 2, rn: 4, nrn: 8, oof: 16, autoreply: 32,
};
const suppressNames = ["DR", "NDR", "RN", "NRN", "OOF", "AutoReply"];

/** [MS-OXCMAIL] 2.2.3.2 (PidTagAutoResponseSuppress) */
const autoResponseSuppress: HeaderRule = {
  header: "X-Auto-Response-Suppress",
  read: (item, value) => {
    let bits = 0;
    for (const word of value.toLowerCase().split(/[\s,]+/).slice(0, 50)) {
      if (word === "all") bits = -1;
      else if (Object.hasOwn(suppressBits, word)) bits |= suppressBits[word] ?? 0;
    }
    if (bits !== 0) setProperty(item, p.PidTagAutoResponseSuppress, bits);
  },
  write: (item) => {
    const bits = getProperty(item, p.PidTagAutoResponseSuppress) ?? 0;
    if (bits === 0) return null;
    const words = bits === -1 ? ["All"] : suppressNames.filter((_, index) => (bits & 1 << index) !== 0);
    return words.length === 0 ? null : `X-Auto-Response-Suppress: ${words.join(", ")}`;
  },
};

const keywordsMax = 64;
const keywordMax = 255;

/** Names split by commas. RFC 5322 §3.6.5, [MS-OXCMAIL] 2.2.3.2 (PidNameKeywords) */
const keywords: HeaderRule = {
  header: "Keywords",
  read: (item, value) => {
    const words = new Set<string>();
    for (const word of decodeWords(value).split(",")) {
      const clean = cutText(collapse(word.replace(/^\s*"(.*)"\s*$/, "$1")), keywordMax);
      if (clean !== "" && words.size < keywordsMax) words.add(clean);
    }
    if (words.size > 0) setProperty(item, p.PidNameKeywords, [...words]);
  },
  write: (item) => {
    const words = getProperty(item, p.PidNameKeywords)?.map((word) => collapse(word.replaceAll(",", " ")));
    const named = words?.filter((word) => word !== "") ?? [];
    return named.length === 0 ? null : rawField("Keywords", named.map((word) => encodeWords(word)).join(", "));
  },
};

/** [MS-OXCMAIL] 2.2.3.2 (PidTagConversationIndex) */
const threadIndex: HeaderRule = {
  header: "Thread-Index",
  read: (item, value) => {
    const index = parseThreadIndex(value);
    if (index !== null) setProperty(item, p.PidTagConversationIndex, index);
  },
  write: (item) => {
    const index = getProperty(item, p.PidTagConversationIndex);
    return index === undefined || index.length < 22 ? null : rawField("Thread-Index", formatThreadIndex(index));
  },
};

const flaggedForFollowUp = 2;

/** A text such as "Follow up" flags the message. [MS-OXCMAIL] 2.2.3.2, [MS-OXOFLAG] 2.2.1.1, 2.2.1.9 */
const messageFlag: HeaderRule = {
  ...text("X-Message-Flag", p.PidLidFlagRequest),
  read: (item, value) => {
    text("X-Message-Flag", p.PidLidFlagRequest).read(item, value);
    setProperty(item, p.PidTagFlagStatus, flaggedForFollowUp);
  },
};

/**
 * The header fields that are one property each, in the order they are written. What depends on several fields
 * (people, subject, importance, receipts) is in `headers-read.ts` and `headers-write.ts`. [MS-OXCMAIL] 2.1.3.2, 2.2.3.2
 */
export const headerRules: readonly HeaderRule[] = [
  text("Thread-Topic", p.PidTagConversationTopic),
  threadIndex,
  date("Date", p.PidTagClientSubmitTime),
  raw("Message-ID", p.PidTagInternetMessageId, 998),
  raw("References", p.PidTagInternetReferences, idsMax),
  raw("In-Reply-To", p.PidTagInReplyToId, 998),
  choice("Priority", p.PidTagPriority, { urgent: 1, normal: 0, "non-urgent": -1 }),
  choice("Sensitivity", p.PidTagSensitivity, {
    Normal: 0, Personal: 1, Private: 2, "Company-Confidential": 3, Confidential: 3,
  }),
  date("Reply-By", p.PidTagReplyTime),
  date("Expires", p.PidTagExpiryTime, ["expiry-date"]),
  messageFlag,
  keywords,
  raw("List-Help", p.PidTagListHelp),
  raw("List-Subscribe", p.PidTagListSubscribe),
  raw("List-Unsubscribe", p.PidTagListUnsubscribe),
  autoResponseSuppress,
  // RFC 2156, as gateways write it.
  flag("Autoforwarded", p.PidTagAutoForwarded),
  flag("X-Microsoft-Classified", p.PidLidClassified),
  text("X-Microsoft-Classification", p.PidLidClassification),
  text("X-Microsoft-ClassDesc", p.PidLidClassificationDescription),
  text("X-Microsoft-ClassID", p.PidLidClassificationGuid),
  flag("X-Microsoft-ClassKeep", p.PidLidClassificationKeep),
  raw("Content-Class", p.PidNameContentClass),
];
