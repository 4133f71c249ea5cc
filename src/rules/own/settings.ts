/**
 * What an owner has told the server itself to do: kept as one JSON text, read with a reason for whatever is wrong with
 * it. Settings that cannot be read are left out one by one, so that a mistake in one takes no other away.
 */
import { limits } from "#base/limits.ts";
import { foldAddress } from "#rules/message.ts";

export interface JunkSettings {
  readonly isOn: boolean;
  /** Score from which on a message is junk; null leaves it to what the filter says. */
  readonly scoreMin: number | null;
  /** Addresses, or domains as `example.test`; a domain has those below it. */
  readonly blocked: readonly string[];
  readonly safe: readonly string[];
}

export interface ForwardSettings {
  readonly addresses: readonly string[];
  readonly keepsCopy: boolean;
}

/** A rule in plain words: every condition that is told must hold, one text of each is enough. */
export interface PlainRule {
  readonly name: string;
  readonly isOn: boolean;
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly subject?: readonly string[];
  readonly header?: { readonly name: string; readonly contains: readonly string[] };
  readonly sizeOverBytes?: number;
  readonly hasAttachments?: boolean;
  readonly moveTo?: string;
  readonly copyTo?: string;
  readonly marksRead?: boolean;
  readonly flags?: readonly string[];
  readonly deletes?: boolean;
  readonly redirectTo?: readonly string[];
  readonly forwardTo?: readonly string[];
  readonly stops?: boolean;
}

export interface ReplyText {
  readonly text: string;
  readonly isHtml: boolean;
}

/** Automatic replies. [MS-OXWOOF] 2.2.4.2 */
export interface ReplySettings {
  readonly state: "off" | "on" | "scheduled";
  /** Of `scheduled`, UTC milliseconds. */
  readonly startMs: number | null;
  readonly endMs: number | null;
  /** Who outside hears: nobody, people in the contacts, everybody. */
  readonly audience: "none" | "known" | "all";
  readonly inside: ReplyText;
  readonly outside: ReplyText;
}

export interface RuleSettings {
  readonly junk: JunkSettings;
  readonly forward: ForwardSettings | null;
  /** `name+folder@` goes into that folder where there is one. */
  readonly filesByDetail: boolean;
  readonly rules: readonly PlainRule[];
  /** null without a script that runs. */
  readonly sieve: string | null;
  readonly replies: ReplySettings;
}

const noText: ReplyText = { text: "", isHtml: false };

export const settingsDefault: RuleSettings = {
  junk: { isOn: true, scoreMin: null, blocked: [], safe: [] }, forward: null, filesByDetail: false, rules: [],
  sieve: null,
  replies: { state: "off", startMs: null, endMs: null, audience: "all", inside: noText, outside: noText },
};

export interface ReadSettings {
  readonly settings: RuleSettings;
  /** One line for each thing that was left out. */
  readonly troubles: readonly string[];
}

/** Never throws. */
export function readSettings(text: string): ReadSettings {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    return { settings: settingsDefault, troubles: [`the settings are no JSON: ${String(error)}`] };
  }
  const reader = new SettingsReader();
  const settings = reader.settings(isRecord(root) ? root : {});
  return { settings, troubles: reader.troubles };
}

export function writeSettings(settings: RuleSettings): string {
  return JSON.stringify({ version: 1, ...settings });
}

type Raw = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const textMax = limits.replyTextMaxCharacters;

class SettingsReader {
  readonly troubles: string[] = [];

  settings(root: Raw): RuleSettings {
    const junk = this.#record(root, "junk");
    const replies = this.#record(root, "replies");
    const base = settingsDefault;
    return {
      junk: {
        isOn: this.#boolean(junk, "isOn", base.junk.isOn), scoreMin: this.#number(junk, "scoreMin"),
        blocked: this.#texts(junk, "blocked", limits.senderListMax),
        safe: this.#texts(junk, "safe", limits.senderListMax),
      },
      forward: this.#forward(root),
      filesByDetail: this.#boolean(root, "filesByDetail", false),
      rules: this.#rules(root),
      sieve: this.#text(root, "sieve", limits.sieveScriptMaxBytes),
      replies: {
        state: this.#oneOf(replies, "state", ["off", "on", "scheduled"], "off"),
        startMs: this.#number(replies, "startMs"), endMs: this.#number(replies, "endMs"),
        audience: this.#oneOf(replies, "audience", ["none", "known", "all"], "all"),
        inside: this.#replyText(replies, "inside"), outside: this.#replyText(replies, "outside"),
      },
    };
  }

  #wrong(what: string): void {
    if (this.troubles.length < 50) this.troubles.push(what);
  }

  #record(from: Raw, key: string): Raw {
    const value = from[key];
    if (isRecord(value)) return value;
    if (value !== undefined && value !== null) this.#wrong(`${key} is no object`);
    return {};
  }

  #boolean(from: Raw, key: string, otherwise: boolean): boolean {
    const value = from[key];
    if (typeof value === "boolean") return value;
    if (value !== undefined) this.#wrong(`${key} is neither true nor false`);
    return otherwise;
  }

  #number(from: Raw, key: string): number | null {
    const value = from[key];
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (value !== undefined && value !== null) this.#wrong(`${key} is no number`);
    return null;
  }

  #text(from: Raw, key: string, lengthMax: number): string | null {
    const value = from[key];
    if (typeof value === "string" && value.length <= lengthMax) return value;
    if (value !== undefined && value !== null) this.#wrong(`${key} is no text, or too long`);
    return null;
  }

  #texts(from: Raw, key: string, countMax: number): readonly string[] {
    const value = from[key];
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value) || value.length > countMax) {
      this.#wrong(`${key} is no list, or too long`);
      return [];
    }
    const texts = value.filter((one): one is string => typeof one === "string" && one.length <= 1024);
    if (texts.length < value.length) this.#wrong(`${key} holds what is no text`);
    return texts;
  }

  #oneOf<T extends string>(from: Raw, key: string, known: readonly T[], otherwise: T): T {
    const value = from[key];
    const found = known.find((one) => one === value);
    if (found === undefined && value !== undefined) this.#wrong(`${key} is none of ${known.join(", ")}`);
    return found ?? otherwise;
  }

  #addresses(from: Raw, key: string): readonly string[] {
    const texts = this.#texts(from, key, limits.ruleForwardsMax);
    const good = texts.filter((text) => foldAddress(text) !== "" && !/[\s<>,;"\x00-\x1f]/.test(text));
    if (good.length < texts.length) this.#wrong(`${key} holds what is no address`);
    return good;
  }

  #forward(root: Raw): ForwardSettings | null {
    if (root["forward"] === undefined || root["forward"] === null) return null;
    const forward = this.#record(root, "forward");
    const addresses = this.#addresses(forward, "addresses");
    return addresses.length === 0 ? null : { addresses, keepsCopy: this.#boolean(forward, "keepsCopy", true) };
  }

  #replyText(from: Raw, key: string): ReplyText {
    const raw = this.#record(from, key);
    return { text: this.#text(raw, "text", textMax) ?? "", isHtml: this.#boolean(raw, "isHtml", false) };
  }

  #rules(root: Raw): PlainRule[] {
    const value = root["rules"];
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length > limits.rulesPerFolderMax) {
      this.#wrong("rules is no list, or too long");
      return [];
    }
    const rules: PlainRule[] = [];
    for (const raw of value) {
      const before = this.troubles.length;
      const rule = isRecord(raw) ? this.#rule(raw) : null;
      // A rule without one of its conditions would do its work on other messages: it is left out whole.
      if (rule !== null && this.troubles.length === before) rules.push(rule);
      else this.#wrong(`the rule ${rule === null ? rules.length + 1 : JSON.stringify(rule.name)} is left out`);
    }
    return rules;
  }

  #rule(raw: Raw): PlainRule {
    const list = (key: string): Record<string, readonly string[]> =>
      (raw[key] === undefined ? {} : { [key]: this.#texts(raw, key, 1000) });
    const flag = (key: string): Record<string, boolean> =>
      (raw[key] === undefined ? {} : { [key]: this.#boolean(raw, key, false) });
    const path = (key: string): Record<string, string> => {
      const text = raw[key] === undefined ? null : this.#text(raw, key, 2000);
      return text === null ? {} : { [key]: text };
    };
    const people = (key: string): Record<string, readonly string[]> =>
      (raw[key] === undefined ? {} : { [key]: this.#addresses(raw, key) });
    const header = raw["header"] === undefined ? null : this.#record(raw, "header");
    const sizeOverBytes = this.#number(raw, "sizeOverBytes");
    return {
      name: this.#text(raw, "name", 255) ?? "", isOn: this.#boolean(raw, "isOn", true),
      ...list("from"), ...list("to"), ...list("subject"), ...list("flags"),
      ...header === null ? {} : {
        header: { name: this.#text(header, "name", 255) ?? "", contains: this.#texts(header, "contains", 1000) },
      },
      ...sizeOverBytes === null ? {} : { sizeOverBytes },
      ...flag("hasAttachments"), ...flag("marksRead"), ...flag("deletes"), ...flag("stops"),
      ...path("moveTo"), ...path("copyTo"), ...people("redirectTo"), ...people("forwardTo"),
    };
  }
}
