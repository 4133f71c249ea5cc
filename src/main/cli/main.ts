/** Where `bin/outpost` lands. */
import { commands } from "#main/cli/table.ts";
import { runCommandLine } from "#main/cli/run.ts";
import { processTerminal } from "#main/cli/terminal.ts";

// `outpost … | head` closes the pipe early; that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), commands, processTerminal);
// A terminal that was asked for a password would keep the process alive.
process.stdin.unref?.();
