/** Runs a checked script on a message. RFC 5228 §4, and the actions of its extensions */
import { createHash } from "node:crypto";
import { limits } from "#base/limits.ts";
import { displayAddresses, parseAddresses } from "#format/mime/addresses.ts";
import type { Decision, FolderTarget } from "#rules/decisions.ts";
import { inbox, targetKey } from "#rules/decisions.ts";
import { foldAddress } from "#rules/message.ts";
import type { RuleMessage } from "#rules/message.ts";
import type { SieveCommand, SieveScript } from "#rules/sieve/check.ts";
import { TooMuchWork } from "#rules/sieve/match.ts";
import { SieveRun, SieveStop, splitFlags } from "#rules/sieve/state.ts";
import type { SieveWorld } from "#rules/sieve/state.ts";
import { evaluate } from "#rules/sieve/tests.ts";
import { modify } from "#rules/sieve/variables.ts";

/**
 * What the script decides. A script that fails as it runs is set aside with the place and the reason, whatever it had
 * decided before is dropped, and the message stays in the inbox. RFC 5228 §2.10.6
 */
export function runSieve(script: SieveScript, message: RuleMessage, world: SieveWorld): Decision[] {
  const run = new SieveRun(script, message, world);
  try {
    runBlock(run, script.commands);
    refuseMixtures(run);
  } catch (error) {
    if (!(error instanceof SieveStop) && !(error instanceof TooMuchWork)) throw error;
    const reason = error instanceof SieveStop ? script.errorAt(error.message, error.at).message : error.message;
    return [{ kind: "setAside", ruleId: "sieve", name: "Sieve script", reason, by }];
  }
  if (run.keepsByItself) {
    return run.flags.length === 0 ? run.decisions
      : [...run.decisions, { kind: "leave", by }, { kind: "file", folder: inbox, flags: run.flags, by }];
  }
  return [...run.decisions, { kind: "leave", by }];
}

const by = "sieve";

/** Gives true when the script has stopped. Depth is bounded by the parser. */
function runBlock(run: SieveRun, commands: readonly SieveCommand[]): boolean {
  let isTaken = false;
  for (const command of commands) {
    run.budget.spend(1);
    switch (command.name) {
      case "if":
      case "elsif":
      case "else": {
        if (command.name === "if") isTaken = false;
        if (isTaken || (command.name !== "else" && !evaluate(run, command.tests[0]!))) break;
        isTaken = true;
        if (runBlock(run, command.block)) return true;
        break;
      }
      case "stop": return true;
      default: actions[command.name]!(run, command);
    }
  }
  return false;
}

const one = (run: SieveRun, value: SieveCommand["values"][number] | undefined): string =>
  run.text((value as readonly string[])[0]!);

function tagText(run: SieveRun, command: SieveCommand, tag: string): string | null {
  const value = command.tags.get(tag);
  return Array.isArray(value) ? run.text((value as readonly string[])[0]!) : null;
}

/** The marks of a copy: those of `:flags`, else the internal variable as it is now. RFC 5232 §5 */
function flagsOf(run: SieveRun, command: SieveCommand): readonly string[] {
  const told = command.tags.get("flags");
  return Array.isArray(told) ? splitFlags(run.texts(told as readonly string[])) : run.flags;
}

function decide(run: SieveRun, command: SieveCommand, decision: Decision): void {
  if (run.decisions.length >= limits.sieveActionsMax) {
    throw new SieveStop(`more than ${limits.sieveActionsMax} actions`, command.at);
  }
  run.decisions.push(decision);
}

/** Once for each message, whatever the script repeats. RFC 5228 §2.10.3 */
function isFirst(run: SieveRun, key: string): boolean {
  if (run.done.has(key)) return false;
  run.done.add(key);
  return true;
}

const actions: Readonly<Record<string, (run: SieveRun, command: SieveCommand) => void>> = {
  keep: (run, command) => {
    run.keepsByItself = false;
    file(run, command, inbox);
  },
  discard: (run) => {
    run.keepsByItself = false;
  },
  fileinto: (run, command) => {
    if (!command.tags.has("copy")) run.keepsByItself = false;
    const path = one(run, command.values[0]).normalize("NFC");
    if (path === "" || path.length > limits.folderNameMaxCharacters * 8 || /[\x00-\x1f\x7f]/.test(path)) {
      throw new SieveStop("the folder has no name that a folder can have", command.at);
    }
    const create = command.tags.has("create");
    const attribute = tagText(run, command, "specialuse");
    file(run, command, attribute === null ? { kind: "path", path, create }
      : { kind: "specialUse", attribute, path, create });
  },
  redirect: (run, command) => {
    if (!command.tags.has("copy")) run.keepsByItself = false;
    const people = displayAddresses(parseAddresses(one(run, command.values[0]), 2));
    const address = people[0]?.address ?? "";
    if (people.length !== 1 || foldAddress(address) === "") throw new SieveStop("this is no address", command.at);
    if (!isFirst(run, `redirect ${foldAddress(address)}`)) return;
    if (++run.redirects > limits.sieveRedirectsMax) {
      throw new SieveStop(`more than ${limits.sieveRedirectsMax} redirects`, command.at);
    }
    decide(run, command, { kind: "redirect", addresses: [address], by });
  },
  reject: refuse, ereject: refuse,
  set: (run, command) => {
    const name = (command.values[0] as readonly string[])[0]!;
    const value = modify(one(run, command.values[1]), (tag) => command.tags.has(tag));
    if (!run.variables.set(name, value)) {
      throw new SieveStop(`more than ${limits.sieveVariablesMax} variables`, command.at);
    }
  },
  setflag: (run, command) => changeFlags(run, command, (_old, told) => told),
  addflag: (run, command) => changeFlags(run, command, (old, told) => [...old, ...told]),
  removeflag: (run, command) => changeFlags(run, command, (old, told) => {
    const gone = new Set(told.map((flag) => flag.toLowerCase()));
    return old.filter((flag) => !gone.has(flag.toLowerCase()));
  }),
  vacation,
};

function file(run: SieveRun, command: SieveCommand, folder: FolderTarget): void {
  if (!isFirst(run, `file ${targetKey(folder)}`)) return;
  decide(run, command, { kind: "file", folder, flags: flagsOf(run, command), by });
}

/** RFC 5232 §3 */
function changeFlags(
  run: SieveRun, command: SieveCommand, change: (old: readonly string[], told: readonly string[]) => readonly string[],
): void {
  const told = splitFlags(run.texts(command.values[1] as readonly string[]));
  if (command.values[0] === null) {
    run.flags = splitFlags(change(run.flags, told));
    return;
  }
  const name = (command.values[0] as readonly string[])[0]!;
  run.variables.set(name, splitFlags(change(splitFlags([run.variables.get(name)]), told)).join(" "));
}

/** RFC 5429 §2.1, §2.2: the sender hears the reason. */
function refuse(run: SieveRun, command: SieveCommand): void {
  run.keepsByItself = false;
  if (!isFirst(run, "refuse")) throw new SieveStop("the message is rejected twice", command.at);
  decide(run, command, { kind: "refuse", status: "5.7.1", text: one(run, command.values[0]), by });
}

const dayS = 24 * 3600;

/** RFC 5230 §4: at least one day, however few are asked for; RFC 6131 §2 allows seconds, which are bounded too. */
function vacation(run: SieveRun, command: SieveCommand): void {
  if (!isFirst(run, "vacation")) throw new SieveStop("vacation stands twice", command.at);
  const { tags } = command;
  const days = tags.get("days");
  const asked = tags.get("seconds");
  const seconds = typeof asked === "number" ? Math.min(Math.max(asked, 60), 90 * dayS)
    : Math.min(Math.max(typeof days === "number" ? days : 7, 1), 90) * dayS;
  const reason = one(run, command.values[0]);
  const subject = tagText(run, command, "subject");
  const from = tagText(run, command, "from");
  const isMime = tags.has("mime");
  // The text as it is written, so that a script without a handle answers anew when its text changes. RFC 5230 §4.2
  const written = JSON.stringify([(command.values[0] as readonly string[])[0], subject, from, isMime]);
  const handle = tagText(run, command, "handle") ?? createHash("sha256").update(written).digest("base64url");
  const addresses = tags.get("addresses");
  decide(run, command, {
    kind: "vacation", by,
    request: {
      handle, seconds, subject, from, isMime, reason: reason.slice(0, limits.replyTextMaxCharacters),
      addresses: Array.isArray(addresses) ? run.texts(addresses as readonly string[]) : [],
    },
  });
}

/** A refused message is neither kept nor answered nor sent on. RFC 5429 §2.4, RFC 5230 §4.7 */
function refuseMixtures(run: SieveRun): void {
  if (!run.done.has("refuse")) return;
  const other = run.decisions.find(({ kind }) => kind !== "refuse" && kind !== "remember");
  if (other !== undefined) throw new SieveStop("a rejected message can be neither kept, sent on nor answered", 0);
}
