/** Every command of the command line, in the order of the help. */
import type { Command } from "#main/cli/command.ts";
import { calendarCommands } from "#main/cli/commands/calendar.ts";
import { credentialCommands } from "#main/cli/commands/credentials.ts";
import { dataCommands } from "#main/cli/commands/data.ts";
import { directoryCommands } from "#main/cli/commands/directory.ts";
import { keepingCommands } from "#main/cli/commands/keeping.ts";
import { mailboxCommands } from "#main/cli/commands/mailboxes.ts";
import { meetingCommands } from "#main/cli/commands/meetings.ts";
import { doctorCommand } from "#main/cli/commands/doctor.ts";
import { publicCommands } from "#main/cli/commands/public.ts";
import { laterCommands, queueCommands } from "#main/cli/commands/queue.ts";
import { ruleCommands } from "#main/cli/commands/rules.ts";
import { serverCommands } from "#main/cli/commands/server.ts";
import { publishCommands } from "#main/cli/commands/sharing.ts";
import { userCommands } from "#main/cli/commands/users.ts";

export const commands: readonly Command[] = [
  ...serverCommands, ...dataCommands, ...userCommands, ...credentialCommands,
  ...directoryCommands, ...mailboxCommands, ...ruleCommands, ...calendarCommands, ...publishCommands,
  ...meetingCommands, ...keepingCommands, ...queueCommands,
  doctorCommand, ...publicCommands, ...laterCommands,
];
