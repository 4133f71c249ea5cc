/** What each test of a script asks of a message. RFC 5228 §5; the RFCs of its extensions stand in `grammar.ts`. */
import { createHash } from "node:crypto";
import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import { htmlToText } from "#format/html/to-text.ts";
import { limits } from "#base/limits.ts";
import { decodeWords } from "#format/mime/words.ts";
import type { MimePart } from "#format/mime/types.ts";
import type { SieveTest } from "#rules/sieve/check.ts";
import { datePart, fieldDate, zoneMinutes } from "#rules/sieve/dates.ts";
import { compare, foldAscii, holds, matchOne } from "#rules/sieve/match.ts";
import type { Matching } from "#rules/sieve/match.ts";
import { SieveStop, splitFlags } from "#rules/sieve/state.ts";
import type { SieveRun } from "#rules/sieve/state.ts";

export function evaluate(run: SieveRun, test: SieveTest): boolean {
  run.budget.spend(1);
  const body = testBodies[test.name];
  if (body === undefined) throw new SieveStop(`the test "${test.name}" is not there`, test.at);
  return body(run, test);
}

type TestBody = (run: SieveRun, test: SieveTest) => boolean;

const testBodies: Readonly<Record<string, TestBody>> = {
  true: () => true,
  false: () => false,
  not: (run, test) => !evaluate(run, test.tests[0]!),
  allof: (run, test) => test.tests.every((one) => evaluate(run, one)),
  anyof: (run, test) => test.tests.some((one) => evaluate(run, one)),
  size: ({ message }, { tags, values }) =>
    (tags.has("over") ? message.sizeBytes > (values[0] as number) : message.sizeBytes < (values[0] as number)),
  exists: (run, { values }) => strings(run, values[0]).every((name) => run.message.named(name).length > 0),
  header: (run, test) => {
    const values: string[] = [];
    for (const name of strings(run, test.values[0])) {
      for (const value of pick(run.message.named(name), test)) values.push(decodeWords(value).trim());
    }
    return matchAny(run, test, values, strings(run, test.values[1]));
  },
  address: (run, test) => {
    const values: string[] = [];
    for (const name of strings(run, test.values[0])) {
      for (const value of pick(run.message.named(name), test)) {
        for (const { address } of displayAddresses(parseAddresses(value, limits.ruleAddressesMax))) {
          addPart(run, test, address, values);
        }
      }
    }
    return matchAny(run, test, values, strings(run, test.values[1]));
  },
  envelope: (run, test) => {
    const values: string[] = [];
    const { sender, recipient } = run.message.envelope;
    for (const part of strings(run, test.values[0])) {
      if (part.toLowerCase() === "from") addPart(run, test, sender, values);
      else if (part.toLowerCase() === "to") addPart(run, test, recipient, values);
    }
    return matchAny(run, test, values, strings(run, test.values[1]));
  },
  body: (run, test) => matchAny(run, test, bodyTexts(run, test), strings(run, test.values[0]), false),
  string: (run, test) => matchAny(run, test, strings(run, test.values[0]), strings(run, test.values[1])),
  hasflag: (run, test) => {
    const flags = test.values[0] === null ? run.flags
      : strings(run, test.values[0]).flatMap((name) => splitFlags([run.variables.get(name)]));
    return matchAny(run, test, flags, splitFlags(strings(run, test.values[1])));
  },
  date: (run, test) => {
    const [names, part, keys] = test.values;
    const values: string[] = [];
    for (const value of pick(run.message.named(strings(run, names)[0]!), test)) {
      const date = fieldDate(value);
      if (date === null) continue;
      const zone = test.tags.has("originalzone") ? date.zone : zoneOf(run, test);
      const text = datePart(date.utcMs, zone, strings(run, part)[0]!);
      if (text !== null) values.push(text);
      // Only the first (or the one asked for) counts. RFC 5260 §4
      break;
    }
    return matchAny(run, test, values, strings(run, keys));
  },
  currentdate: (run, test) => {
    const text = datePart(run.world.nowMs, zoneOf(run, test), strings(run, test.values[0])[0]!);
    return matchAny(run, test, text === null ? [] : [text], strings(run, test.values[1]));
  },
  mailboxexists: (run, { values }) =>
    strings(run, values[0]).every((name) => run.world.mailboxExists?.(name) === true),
  specialuse_exists: (run, { values }) => {
    const path = values[0] === null ? null : strings(run, values[0])[0]!;
    return strings(run, values[1]).every((use) => run.world.hasSpecialUse?.(path, use) === true);
  },
  duplicate: (run, test) => isDuplicate(run, test),
  environment: (run, test) => {
    const value = run.world.environment?.get(strings(run, test.values[0])[0]!.toLowerCase());
    return value !== undefined && matchAny(run, test, [value], strings(run, test.values[1]));
  },
};

function strings(run: SieveRun, value: readonly string[] | number | null | undefined): readonly string[] {
  return run.texts(value as readonly string[]);
}

function tagText(run: SieveRun, { tags }: SieveTest, name: string): string | null {
  const value = tags.get(name);
  return Array.isArray(value) ? run.text((value as readonly string[])[0]!) : null;
}

/** One of a field's values by `:index`, all without. RFC 5260 §6 */
function pick(values: readonly string[], { tags }: SieveTest): readonly string[] {
  const index = tags.get("index");
  if (typeof index !== "number") return values;
  const place = tags.has("last") ? values.length - index : index - 1;
  return values[place] === undefined ? [] : [values[place]];
}

function matchingOf(run: SieveRun, test: SieveTest): Matching {
  const { tags } = test;
  const comparator = tagText(run, test, "comparator") ?? "i;ascii-casemap";
  const relation = tagText(run, test, "value") ?? tagText(run, test, "count") ?? "eq";
  const type = tags.has("contains") ? "contains" : tags.has("matches") ? "matches" : tags.has("value") ? "value"
    : tags.has("count") ? "count" : "is";
  return { type, relation, comparator };
}

/** Any value against any key; the first that matches sets the numbered variables. RFC 5228 §2.7.1, RFC 5229 §3.2 */
function matchAny(
  run: SieveRun, test: SieveTest, values: readonly string[], keys: readonly string[], setsVariables = true,
): boolean {
  const how = matchingOf(run, test);
  if (how.type === "count") {
    return keys.some((key) => holds(how.relation, compare(String(values.length), key, how.comparator)));
  }
  for (const value of values) {
    for (const key of keys) {
      const found = matchOne(value, key, how, run.budget);
      if (found === false) continue;
      if (typeof found !== "boolean" && setsVariables && run.expands) run.variables.setCaptures(found);
      return true;
    }
  }
  return false;
}

/** The part of an address that is asked for; none where there is no detail. RFC 5228 §2.7.4, RFC 5233 §4 */
function addPart(run: SieveRun, { tags }: SieveTest, address: string, into: string[]): void {
  const at = address.lastIndexOf("@");
  if (!tags.has("localpart") && !tags.has("domain") && !tags.has("user") && !tags.has("detail")) {
    into.push(address);
    return;
  }
  const local = at < 0 ? address : address.slice(0, at);
  if (tags.has("domain")) {
    into.push(at < 0 ? "" : address.slice(at + 1));
    return;
  }
  if (tags.has("localpart")) {
    into.push(local);
    return;
  }
  const separator = run.world.detailSeparator ?? "+";
  const split = local.indexOf(separator);
  if (tags.has("user")) into.push(split < 0 ? local : local.slice(0, split));
  else if (split >= 0) into.push(local.slice(split + separator.length));
}

function zoneOf(run: SieveRun, test: SieveTest): number {
  return zoneMinutes(tagText(run, test, "zone") ?? "") ?? run.world.zoneMinutes ?? 0;
}

/** RFC 5173 §5: the body as it stands, decoded parts of some types, or its readable text. */
function bodyTexts(run: SieveRun, { tags }: SieveTest): string[] {
  const { message } = run;
  if (tags.has("raw")) return [Buffer.from(message.bodyBytes).toString("utf8")];
  const content = tags.get("content");
  const types = Array.isArray(content) ? run.texts(content as readonly string[]) : null;
  const texts: string[] = [];
  let left = limits.ruleReadMaxBytes * 2;
  for (const part of message.leaves()) {
    const isWanted = types === null ? part.type === "text" : types.some((type) => isOfType(part, type));
    if (!isWanted || left <= 0) continue;
    const text = message.textOf(part);
    left -= text.length;
    texts.push(types === null && part.subtype === "html" ? htmlToText(text) : text);
  }
  return texts;
}

/** "" is every type, "text" a main type, "text/html" one alone; others none. RFC 5173 §5.2 */
function isOfType(part: MimePart, wanted: string): boolean {
  const folded = foldAscii(wanted);
  if (folded === "") return true;
  if (!folded.includes("/")) return part.type === folded;
  return `${part.type}/${part.subtype}` === folded;
}

const duplicateSecondsDefault = 7 * 24 * 3600;
const duplicateSecondsMax = 90 * 24 * 3600;

/** RFC 7352 §3: by Message-ID, a field, or a text of the script's own. */
function isDuplicate(run: SieveRun, test: SieveTest): boolean {
  const field = tagText(run, test, "header");
  const id = tagText(run, test, "uniqueid") ?? run.message.first(field ?? "message-id");
  if (id === null || id === "") return false;
  const handle = tagText(run, test, "handle") ?? "";
  const kind = test.tags.has("uniqueid") ? "uniqueid" : foldAscii(field ?? "message-id");
  const key = createHash("sha256").update(JSON.stringify([handle, kind, id])).digest("base64url");
  const isKnown = run.world.isDuplicate?.(key) === true;
  if (!isKnown || test.tags.has("last")) {
    const asked = test.tags.get("seconds");
    const seconds = typeof asked === "number" ? Math.min(asked, duplicateSecondsMax) : duplicateSecondsDefault;
    run.decisions.push({ kind: "remember", key, seconds, by: "sieve" });
  }
  return isKnown;
}
