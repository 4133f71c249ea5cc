/** `outpost rule …` and `outpost user oof` */
import { readFile } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { addRule, changeRules, checkedAddresses, removeRule, setReplies, setSieve, showRules } from "#admin/rules.ts";
import type { RulesView } from "#admin/rules.ts";
import { parseSize } from "#admin/sizes.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag, Reply } from "#main/cli/command.ts";
import { facts, localTime } from "#main/cli/text.ts";
import type { PlainRule, ReplySettings } from "#rules/own/settings.ts";

const many = (name: string, value: string, summary: string): Flag => ({ name, value, many: true, summary });

const ruleFlags: readonly Flag[] = [
  { name: "name", value: "TEXT", required: true, summary: "what the rule is called" },
  many("from", "TEXT", "the sender's name or address holds this"),
  many("to", "TEXT", "a recipient's name or address holds this"),
  many("subject", "TEXT", "the subject holds this"),
  { name: "header", value: "NAME:TEXT", summary: "a header field holds this" },
  { name: "larger", value: "SIZE", summary: "the message is larger: 500K, 5M" },
  { name: "attachments", value: "yes|no", summary: "the message has attachments, or none" },
  { name: "move", value: "FOLDER", summary: "moves it into a folder, which is made when needed" },
  { name: "copy", value: "FOLDER", summary: "puts a copy into a folder" },
  { name: "read", summary: "marks it as read" },
  many("flag", "FLAG", "marks it: \\Flagged, or a keyword"),
  { name: "delete", summary: "deletes it" },
  many("redirect", "ADDR", "sends it on as it is"),
  many("forward", "ADDR", "sends it on as mail of the owner"),
  { name: "stop", summary: "no later rule is looked at" },
];

function yesNo(call: Call, flag: string, command: string): boolean | undefined {
  const text = call.value(flag);
  if (text === null) return undefined;
  if (text !== "yes" && text !== "no") throw new UsageError(`--${flag} is yes or no.`, command);
  return text === "yes";
}

/** Only what was said stands in the rule. */
function readRule(call: Call): PlainRule {
  const list = (flag: string, key: string): object =>
    (call.values(flag).length === 0 ? {} : { [key]: call.values(flag) });
  const people = (flag: string, key: string): object =>
    (call.values(flag).length === 0 ? {} : { [key]: checkedAddresses(call.values(flag)) });
  const text = (flag: string, key: string): object => (call.value(flag) === null ? {} : { [key]: call.value(flag) });
  const header = call.value("header");
  const colon = header?.indexOf(":") ?? -1;
  if (header !== null && colon <= 0) throw new UsageError("--header is NAME:TEXT.", "rule add");
  const larger = call.value("larger");
  const hasAttachments = yesNo(call, "attachments", "rule add");
  const rule: PlainRule = {
    name: call.value("name")!, isOn: true,
    ...list("from", "from"), ...list("to", "to"), ...list("subject", "subject"), ...list("flag", "flags"),
    ...header === null ? {}
      : { header: { name: header.slice(0, colon).trim(), contains: [header.slice(colon + 1).trim()] } },
    ...larger === null ? {} : { sizeOverBytes: parseSize(larger) ?? 0 },
    ...hasAttachments === undefined ? {} : { hasAttachments },
    ...text("move", "moveTo"), ...text("copy", "copyTo"), ...people("redirect", "redirectTo"),
    ...people("forward", "forwardTo"), ...call.has("read") ? { marksRead: true } : {},
    ...call.has("delete") ? { deletes: true } : {}, ...call.has("stop") ? { stops: true } : {},
  };
  const acts = ["moveTo", "copyTo", "redirectTo", "forwardTo", "marksRead", "flags", "deletes", "stops"];
  if (!acts.some((key) => key in rule)) throw new UsageError("What shall the rule do? Say --move, …", "rule add");
  return rule;
}

function describe(rule: PlainRule): string {
  const said = Object.entries(rule).filter(([key]) => key !== "name" && key !== "isOn").map(([key, value]) =>
    `${key} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`);
  return `${rule.name}: ${said.join(", ")}`;
}

function awayText({ state, startMs, endMs, audience }: ReplySettings): string {
  if (state === "off") return "off";
  const when = state === "on" ? "on" : `from ${localTime(startMs)} until ${localTime(endMs)}`;
  return `${when}; outside: ${audience}`;
}

function rulesText({ address, settings, outlookRules, troubles }: RulesView): string {
  const { junk, forward, sieve, replies } = settings;
  return facts([
    ["address", address],
    ["rules", settings.rules.map(describe).join("\n")],
    ["rules of Outlook", outlookRules.map(({ name, isOn, broken }) =>
      `${name}${isOn ? "" : " (off)"}${broken === null ? "" : ` (set aside: ${broken})`}`).join("\n")],
    ["Sieve script", sieve === null ? null : `${sieve.length} characters`],
    ["forwarded to", forward === null ? null
      : `${forward.addresses.join(", ")}${forward.keepsCopy ? "" : ", no copy"}`],
    ["sub-addresses", settings.filesByDetail ? "name+folder@ goes into the folder" : null],
    ["junk filter", junk.isOn ? junk.scoreMin === null ? "on" : `on, from score ${junk.scoreMin}` : "off"],
    ["blocked senders", junk.blocked.join("\n")], ["safe senders", junk.safe.join("\n")],
    ["automatic replies", awayText(replies)], ["wrong", troubles.join("\n")],
  ]);
}

const reply = (view: RulesView): Reply => ({ data: view, text: rulesText(view) });

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new Fault("notFound", `The file ${path} cannot be read: ${error.message}`);
  });
  if (bytes.length > limits.sieveScriptMaxBytes) {
    throw new Fault("tooBig", `${path} has more than ${limits.sieveScriptMaxBytes} bytes.`);
  }
  return bytes.toString("utf8");
}

const one = { operands: "ADDR", operandsMin: 1, operandsMax: 1 } as const;

export const ruleCommands: readonly Command[] = [
  {
    name: "rule list", ...one, flags: [], summary: "Shows the rules of a mailbox and all that they stand beside",
    run: async (call) => reply(await call.withAdmin((admin) => showRules(call.ctx, admin, call.operands[0]!))),
  },
  {
    name: "rule add", ...one, flags: ruleFlags, summary: "Makes a rule that the server follows on delivery",
    help: `Every condition must hold; of a flag given several times, one. Without a condition all mail is meant.

  outpost rule add alice@example.org --name Bills --subject invoice --subject bill --move Bills --read
  outpost rule add alice@example.org --name Away --from boss@example.org --redirect bob@example.org`,
    async run(call) {
      const rule = readRule(call);
      const view = await call.withAdmin((admin) => addRule(call.ctx, admin, call.operands[0]!, rule));
      return { data: view, text: `Made the rule ${rule.name} of ${view.address}.` };
    },
  },
  {
    name: "rule remove", operands: "ADDR NAME", operandsMin: 2, operandsMax: 2, flags: [],
    summary: "Removes a rule that the server keeps",
    async run(call) {
      const [address = "", name = ""] = call.operands;
      const view = await call.withAdmin((admin) => removeRule(call.ctx, admin, address, name));
      return { data: view, text: `Removed the rule ${name} of ${view.address}.` };
    },
  },
  {
    name: "rule sieve", ...one, summary: "Shows, sets or removes the Sieve script of a mailbox",
    flags: [
      { name: "file", value: "FILE", summary: "the script; one with a mistake is refused with its place" },
      { name: "off", summary: "removes the script" },
    ],
    async run(call) {
      const [address = ""] = call.operands;
      const file = call.value("file");
      if (file === null && !call.has("off")) {
        const view = await call.withAdmin((admin) => showRules(call.ctx, admin, address));
        const { sieve } = view.settings;
        return { data: { address: view.address, sieve }, text: sieve ?? "No script." };
      }
      if (file !== null && call.has("off")) throw new UsageError("Give --file or --off, not both.", "rule sieve");
      const script = file === null ? null : await readText(file);
      const view = await call.withAdmin((admin) => setSieve(call.ctx, admin, address, script));
      return { data: view, text: `${script === null ? "Removed" : "Set"} the Sieve script of ${view.address}.` };
    },
  },
  {
    name: "rule forward", ...one, summary: "Sends all mail of a mailbox on to others",
    flags: [
      many("to", "ADDR", "who gets it"), { name: "no-copy", summary: "keeps no copy in the mailbox" },
      { name: "off", summary: "ends it" },
    ],
    async run(call) {
      const addresses = checkedAddresses(call.values("to"));
      if ((addresses.length === 0) !== call.has("off")) {
        throw new UsageError("Give --to ADDR or --off.", "rule forward");
      }
      const forward = call.has("off") ? null : { addresses, keepsCopy: !call.has("no-copy") };
      return reply(await call.withAdmin((admin) => changeRules(call.ctx, admin, call.operands[0]!, (settings) =>
        ({ ...settings, forward }))));
    },
  },
  {
    name: "rule junk", ...one, summary: "Changes what is junk: the score, blocked and safe senders",
    flags: [
      { name: "filter", value: "on|off", summary: "whether marks of a spam filter count" },
      { name: "score", value: "NUMBER", summary: "junk from this score on; none leaves it to the filter" },
      many("block", "SENDER", "an address or a domain"), many("safe", "SENDER", "an address or a domain"),
      many("forget", "SENDER", "takes it from both lists"),
      { name: "sub-addresses", value: "yes|no", summary: "name+folder@ goes into that folder" },
    ],
    async run(call) {
      const filter = call.value("filter");
      if (filter !== null && filter !== "on" && filter !== "off") {
        throw new UsageError("--filter is on or off.", "rule junk");
      }
      const score = call.value("score");
      if (score !== null && score !== "none" && !/^-?\d+(\.\d+)?$/.test(score)) {
        throw new UsageError("--score is a number or none.", "rule junk");
      }
      const filesByDetail = yesNo(call, "sub-addresses", "rule junk");
      const forgotten = new Set([...call.values("forget"), ...call.values("block"), ...call.values("safe")]
        .map((entry) => entry.toLowerCase()));
      const kept = (list: readonly string[]): string[] => list.filter((entry) => !forgotten.has(entry.toLowerCase()));
      return reply(await call.withAdmin((admin) => changeRules(call.ctx, admin, call.operands[0]!, (settings) => ({
        ...settings, filesByDetail: filesByDetail ?? settings.filesByDetail,
        junk: {
          isOn: filter === null ? settings.junk.isOn : filter === "on",
          scoreMin: score === null ? settings.junk.scoreMin : score === "none" ? null : Number(score),
          blocked: [...kept(settings.junk.blocked), ...call.values("block")],
          safe: [...kept(settings.junk.safe), ...call.values("safe")],
        },
      }))));
    },
  },
  {
    name: "user oof", operands: "ADDR on|off|schedule", operandsMin: 2, operandsMax: 2,
    summary: "Switches automatic replies of a user on or off, now or for a time",
    flags: [
      { name: "inside", value: "TEXT", summary: "what people of this organisation hear; @FILE reads a file" },
      { name: "outside", value: "TEXT", summary: "what others hear; that of --inside when it is not given" },
      { name: "html", summary: "the texts are HTML" },
      { name: "audience", value: "none|known|all", summary: "who outside hears; known are those in the contacts" },
      { name: "start", value: "TIME", summary: "2026-12-24T18:00+01:00" },
      { name: "end", value: "TIME", summary: "likewise" },
    ],
    help: `Each sender hears once; lists, bulk mail and programs never.

  outpost user oof alice@example.org on --inside "Back on Monday." --audience known
  outpost user oof alice@example.org schedule --start 2026-12-24T12:00+01:00 --end 2027-01-04T08:00+01:00 \\
    --inside "Away until January 4."`,
    run: runOof,
  },
];

function readTime(call: Call, flag: string): number | null {
  const text = call.value(flag);
  if (text === null) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new UsageError(`--${flag} is a time like 2026-12-24T18:00+01:00.`, "user oof");
  return ms;
}

async function runOof(call: Call): Promise<Reply> {
  const [address = "", word = ""] = call.operands;
  if (word !== "on" && word !== "off" && word !== "schedule") {
    throw new UsageError(`"${word}" is none of on, off, schedule.`, "user oof");
  }
  const audience = call.value("audience");
  if (audience !== null && audience !== "none" && audience !== "known" && audience !== "all") {
    throw new UsageError("--audience is none, known or all.", "user oof");
  }
  const startMs = readTime(call, "start");
  const endMs = readTime(call, "end");
  const isScheduled = word === "schedule";
  if (isScheduled !== (startMs !== null || endMs !== null)) {
    throw new UsageError("--start and --end go with schedule, and schedule with one of them.", "user oof");
  }
  if (startMs !== null && endMs !== null && endMs <= startMs) {
    throw new UsageError("--end is before --start.", "user oof");
  }
  const texts: { inside?: string; outside?: string } = {};
  for (const flag of ["inside", "outside"] as const) {
    const text = call.value(flag);
    if (text !== null) texts[flag] = text.startsWith("@") ? await readText(text.slice(1)) : text;
  }
  const isHtml = call.has("html");
  const outside = texts.outside ?? texts.inside;
  const view = await call.withAdmin((admin) => setReplies(call.ctx, admin, address, {
    state: isScheduled ? "scheduled" : word, startMs, endMs,
    ...audience === null ? {} : { audience },
    ...texts.inside === undefined ? {} : { inside: { text: texts.inside, isHtml } },
    ...outside === undefined ? {} : { outside: { text: outside, isHtml } },
  }));
  const { replies } = view.settings;
  if (replies.state !== "off" && replies.inside.text.trim() === "" && replies.outside.text.trim() === "") {
    return { data: view, text: `Automatic replies of ${view.address}: ${awayText(replies)}. There is no text yet.` };
  }
  return { data: view, text: `Automatic replies of ${view.address}: ${awayText(replies)}.` };
}
