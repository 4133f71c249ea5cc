/** What one command of the command line is: a row with its words, its flags, its help and its work. */
import type { Ctx } from "#base/ctx.ts";
import type { Admin } from "#admin/admin.ts";
import type { Terminal } from "#main/cli/terminal.ts";

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** What stands for its value in the help; a flag without is a switch. */
  readonly value?: string;
  readonly required?: true;
  /** May be given several times. */
  readonly many?: true;
  readonly summary: string;
}

export interface Command {
  /** Its words: `user add`. */
  readonly name: string;
  /** Operands in the help: `ADDR [KEY=VALUE …]`. */
  readonly operands: string;
  readonly operandsMin: number;
  readonly operandsMax: number;
  readonly flags: readonly Flag[];
  /** One line, no full stop. */
  readonly summary: string;
  /** More for `--help`: details and examples. */
  readonly help?: string;
  readonly run: (call: Call) => Promise<Reply>;
}

/** What a command answers: for people, and with `--json` for programs. */
export interface Reply {
  /** Lines without the last line's end; empty for nothing. */
  readonly text: string;
  readonly data: unknown;
  /** 1 when the work was done but found something wrong. */
  readonly exitCode?: 0 | 1;
}

export interface Call {
  readonly ctx: Ctx;
  readonly terminal: Terminal;
  /** `--data`, `OUTPOST_DATA`, or `data` below the working folder. */
  readonly dataDir: string;
  readonly json: boolean;
  readonly operands: readonly string[];
  has(flag: string): boolean;
  /** The last value given; null without. */
  value(flag: string): string | null;
  values(flag: string): readonly string[];
  /** Opens the data folder for the length of `body`. Fault `notFound` when it holds no data. */
  withAdmin<T>(body: (admin: Admin) => Promise<T>): Promise<T>;
}

/** The command was written wrong: exit status 2. */
export class UsageError extends Error {
  /** The command whose help would tell; null for all of them. */
  readonly command: string | null;

  constructor(message: string, command: string | null = null) {
    super(message);
    this.name = "UsageError";
    this.command = command;
  }
}

export const dataFlag: Flag = {
  name: "data", value: "DIR", summary: "the data folder (or OUTPOST_DATA; ./data otherwise)",
};
export const commonFlags: readonly Flag[] = [
  dataFlag,
  { name: "json", summary: "answer as JSON" },
  { name: "help", summary: "show this help" },
];
