/** Help texts, made from the rows of the commands. */
import { commonFlags } from "#main/cli/command.ts";
import type { Command, Flag } from "#main/cli/command.ts";

const intro = `Outpost is a mail and calendar server for every Outlook, every phone and every mail program.

Try it:      outpost demo
Set it up:   outpost init --data DIR --hostname mail.example.org --domain example.org --admin ADDR
Run it:      outpost serve --data DIR
`;

const outro = `
Every command takes --data DIR (or OUTPOST_DATA; ./data otherwise), --json for programs and --help for more.
Changes count at once, also while the server runs. Exit status: 0 done, 1 refused, 2 written wrong.`;

/** Commands in their groups, one line each. */
export function overview(commands: readonly Command[]): string {
  const groups = new Map<string, Command[]>();
  for (const command of commands) {
    const [first, second] = command.name.split(" ");
    const key = second === undefined ? "" : first!;
    groups.set(key, [...groups.get(key) ?? [], command]);
  }
  const lines: string[] = [];
  for (const [key, group] of groups) {
    lines.push("", key === "" ? "The server and its data" : `outpost ${key} …`);
    lines.push(...group.map((command) => `  ${left(command).padEnd(46)} ${command.summary}`));
  }
  return `${intro}${lines.join("\n")}\n${outro}`;
}

function left(command: Command): string {
  const words = command.name.split(" ");
  return `${words.length === 1 ? words[0]! : words.slice(1).join(" ")} ${command.operands}`.trimEnd();
}

/** All commands that begin with a word. */
export function groupHelp(word: string, commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length + command.operands.length)) + 11;
  const lines = commands.map((command) =>
    `  ${`outpost ${command.name} ${command.operands}`.trimEnd().padEnd(width)}${command.summary}`);
  return `${lines.join("\n")}\n\n"outpost ${word} ${commands[0]!.name.split(" ")[1]} --help" and so on tell more.`;
}

export function commandHelp(command: Command): string {
  const required = command.flags.filter((flag) => flag.required === true)
    .map((flag) => ` --${flag.name} ${flag.value ?? ""}`.trimEnd()).join("");
  const usage = `outpost ${command.name} ${command.operands}`.trimEnd();
  const hasMore = command.flags.some((flag) => flag.required !== true);
  const lines = [`${command.summary}.`, "", `  ${usage}${required}${hasMore ? " [flags]" : ""}`, ""];
  const flags = [...command.flags, ...commonFlags];
  const width = Math.max(...flags.map((flag) => flagText(flag).length)) + 2;
  lines.push(...flags.map((flag) => `  ${flagText(flag).padEnd(width)}${flag.summary}${notes(flag)}`));
  if (command.help !== undefined) lines.push("", command.help);
  return lines.join("\n");
}

function flagText(flag: Flag): string {
  return flag.value === undefined ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
}

function notes(flag: Flag): string {
  if (flag.required === true) return " (needed)";
  return flag.many === true ? " (may be repeated)" : "";
}
