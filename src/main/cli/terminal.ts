/** The terminal, or what stands for it: files, pipes, a test. */
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";

export interface Terminal {
  readonly isInteractive: boolean;
  print(text: string): void;
  printError(text: string): void;
  /** The first line of standard input. */
  readLine(): Promise<string>;
  /** Asks without showing what is typed. */
  askSecret(question: string): Promise<string>;
}

const lineMaxBytes = limits.passwordMaxBytes * 4;

export const processTerminal: Terminal = {
  get isInteractive() {
    return process.stdin.isTTY === true && process.stderr.isTTY === true;
  },
  print(text) {
    process.stdout.write(`${text}\n`);
  },
  printError(text) {
    process.stderr.write(`${text}\n`);
  },
  async readLine() {
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const chunk of process.stdin) {
      const bytes = chunk as Buffer;
      const end = bytes.indexOf(10);
      pieces.push(end === -1 ? bytes : bytes.subarray(0, end));
      size += pieces.at(-1)!.length;
      if (size > lineMaxBytes) throw new Fault("invalidArgument", "The password on standard input is too long.");
      if (end !== -1) break;
    }
    return Buffer.concat(pieces).toString("utf8").replace(/\r$/, "");
  },
  askSecret(question) {
    return new Promise((resolve, reject) => {
      const { stdin, stderr } = process;
      let typed = "";
      stderr.write(question);
      stdin.setRawMode(true);
      stdin.setEncoding("utf8");
      const end = (): void => {
        stdin.off("data", onData);
        stdin.setRawMode(false);
        stdin.pause();
        stderr.write("\n");
      };
      const onData = (text: string): void => {
        for (const character of text) {
          if (character === "\r" || character === "\n" || character === "\u0004") {
            end();
            resolve(typed);
            return;
          }
          if (character === "\u0003") {
            end();
            reject(new Fault("cancelled", "Stopped; nothing was changed."));
            return;
          }
          if (character === "\u007f" || character === "\b") typed = [...typed].slice(0, -1).join("");
          else if (character === "\u0015") typed = "";
          else if (character >= " " && typed.length < lineMaxBytes) typed += character;
        }
      };
      stdin.on("data", onData);
      stdin.resume();
    });
  },
};
