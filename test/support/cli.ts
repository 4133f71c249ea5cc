/** Commands on a data folder in this process: as `bin/outpost` runs them, without a process for each. */
import { runCommandLine } from "#main/cli/run.ts";
import { commands } from "#main/cli/table.ts";
import type { Answer } from "./server.ts";

export async function runHere(dataDir: string, words: readonly string[], input = ""): Promise<Answer> {
  let [stdout, stderr] = ["", ""];
  const code = await runCommandLine([...words, "--data", dataDir], commands, {
    isInteractive: false,
    print: (text) => { stdout += `${text}\n`; },
    printError: (text) => { stderr += `${text}\n`; },
    readLine: () => Promise.resolve(input),
    askSecret: () => Promise.resolve(""),
  });
  return { code, stdout, stderr };
}

export async function mustHere(dataDir: string, words: readonly string[], input = ""): Promise<string> {
  const { code, stdout, stderr } = await runHere(dataDir, words, input);
  if (code !== 0) throw new Error(`outpost ${words.join(" ")} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}
