/** A pipelining IMAP client without opinions: responses are given as they came, literals beside them. */
import { WireSocket } from "./wire-socket.ts";
import type { WireAddress } from "./wire-socket.ts";

export interface ImapLine {
  /** The response without its literals' bytes; `{n}` stays where one was. */
  readonly text: string;
  readonly literals: readonly Buffer[];
}

export interface ImapReply {
  readonly status: "OK" | "NO" | "BAD";
  readonly text: string;
  readonly untagged: ImapLine[];
}

export class ImapRefusal extends Error {
  readonly reply: ImapReply;

  constructor(command: string, reply: ImapReply) {
    super(`${command.slice(0, 80)}: ${reply.status} ${reply.text}`);
    this.reply = reply;
  }
}

interface Pending {
  readonly untagged: ImapLine[];
  resolve(reply: ImapReply): void;
  reject(error: Error): void;
}

export class ImapClient {
  readonly socket: WireSocket;
  #tags = 0;
  readonly #pending = new Map<string, Pending>();
  /** Untagged lines that came while no command waited. */
  readonly unasked: ImapLine[] = [];
  #onLine: ((line: ImapLine) => void) | null = null;
  #onContinue: (() => void) | null = null;
  /** Drops untagged lines unseen: for loads that would fill memory with them. */
  discard = false;
  greeting = "";
  readonly ended: Promise<void>;

  private constructor(socket: WireSocket, greeting: string) {
    this.socket = socket;
    this.greeting = greeting;
    this.ended = this.#read();
  }

  static async open(address: WireAddress): Promise<ImapClient> {
    const socket = await WireSocket.open(address);
    const greeting = (await socket.line()).toString("latin1");
    return new ImapClient(socket, greeting);
  }

  static async signedIn(address: WireAddress, user: string, password: string): Promise<ImapClient> {
    const client = await ImapClient.open(address);
    await client.ok(`LOGIN "${user}" "${password}"`);
    return client;
  }

  /** Sends a command; the answer comes in its turn. */
  send(text: string, ...literals: Uint8Array[]): Promise<ImapReply> {
    const tag = `t${++this.#tags}`;
    const result = new Promise<ImapReply>((resolve, reject) => {
      this.#pending.set(tag, { untagged: [], resolve, reject });
    });
    if (this.socket.isClosed) this.#fail(new Error("the server closed the connection"));
    // Each `\u0000` in the text stands for the next literal.
    const pieces = text.split("\u0000");
    const out: Buffer[] = [Buffer.from(`${tag} ${pieces[0]}`, "latin1")];
    for (const [index, literal] of literals.entries()) {
      out.push(Buffer.from(`{${literal.length}+}\r\n`), Buffer.from(literal),
        Buffer.from(pieces[index + 1] ?? "", "latin1"));
    }
    out.push(Buffer.from("\r\n"));
    this.socket.write(Buffer.concat(out));
    return result;
  }

  /** A command that must succeed. */
  async ok(text: string, ...literals: Uint8Array[]): Promise<ImapReply> {
    const reply = await this.send(text, ...literals);
    if (reply.status !== "OK") throw new ImapRefusal(text, reply);
    return reply;
  }

  /** The UID given by APPENDUID. */
  async append(folder: string, bytes: Uint8Array, flags = ""): Promise<{ uidValidity: number; uid: number }> {
    const reply = await this.ok(`APPEND ${folder} ${flags === "" ? "" : `(${flags}) `}\u0000`, bytes);
    const found = /\[APPENDUID (\d+) (\d+)\]/.exec(reply.text);
    if (found === null) throw new Error(`no APPENDUID in ${reply.text}`);
    return { uidValidity: Number(found[1]), uid: Number(found[2]) };
  }

  /** Begins IDLE; resolves when the server waits. */
  async idle(): Promise<{ next(test: RegExp): Promise<ImapLine>; done(): Promise<ImapReply> }> {
    const started = new Promise<void>((resolve) => { this.#onContinue = resolve; });
    const reply = this.send("IDLE");
    await Promise.race([started, reply.then((answer) => { throw new ImapRefusal("IDLE", answer); })]);
    const seen = [...this.#pending.values()][0]!.untagged;
    return {
      next: (test) => new Promise((resolve) => {
        const take = (line: ImapLine): boolean => test.test(line.text) && (resolve(line), true);
        if (seen.some(take)) return;
        this.#onLine = (line) => { if (take(line)) this.#onLine = null; };
      }),
      done: async () => {
        this.socket.write("DONE\r\n");
        return await reply;
      },
    };
  }

  close(): void {
    this.socket.close();
  }

  async #read(): Promise<void> {
    try {
      for (;;) this.#dispatch(await this.#response());
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  async #response(): Promise<ImapLine> {
    let line = this.socket.tryLine() ?? await this.socket.line();
    if (line.at(-1) !== 125) return { text: line.toString("latin1"), literals: [] };
    let text = "";
    const literals: Buffer[] = [];
    for (;;) {
      const piece = line.toString("latin1");
      text += piece;
      const literal = /\{(\d+)\}$/.exec(piece);
      if (literal === null) return { text, literals };
      literals.push(await this.socket.exactly(Number(literal[1])));
      line = await this.socket.line();
    }
  }

  #dispatch(line: ImapLine): void {
    const { text } = line;
    if (text.startsWith("+")) {
      this.#onContinue?.();
      this.#onContinue = null;
      return;
    }
    if (text.startsWith("* ")) {
      this.#onLine?.(line);
      if (this.discard) return;
      const first = this.#pending.values().next();
      if (first.done === true) this.unasked.push(line);
      else first.value.untagged.push(line);
      return;
    }
    const space = text.indexOf(" ");
    const pending = this.#pending.get(text.slice(0, space));
    if (pending === undefined) throw new Error(`a line that belongs to nothing: ${text.slice(0, 200)}`);
    this.#pending.delete(text.slice(0, space));
    const rest = text.slice(space + 1);
    const end = rest.indexOf(" ");
    pending.resolve({
      status: (end < 0 ? rest : rest.slice(0, end)) as ImapReply["status"], text: rest.slice(end + 1),
      untagged: pending.untagged,
    });
  }
}
