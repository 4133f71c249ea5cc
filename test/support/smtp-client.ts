/** The smallest SMTP client that can say anything, right or wrong, with exact bytes. */
import { WireSocket } from "./wire-socket.ts";
import type { WireAddress } from "./wire-socket.ts";

export interface SmtpReply {
  readonly code: number;
  readonly lines: readonly string[];
  /** Code and text of the last line, as a person would quote it. */
  readonly text: string;
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Lines end in CRLF; dots are stuffed here. */
  readonly bytes: Uint8Array;
  /** Words behind MAIL FROM. */
  readonly parameters?: string;
  readonly way?: "data" | "bdat";
}

export class SmtpRefusal extends Error {
  readonly reply: SmtpReply;

  constructor(reply: SmtpReply) {
    super(reply.text);
    this.reply = reply;
  }
}

export class SmtpClient {
  readonly socket: WireSocket;

  private constructor(socket: WireSocket) {
    this.socket = socket;
  }

  /** Connects and reads the greeting. */
  static async open(address: WireAddress): Promise<SmtpClient> {
    const client = new SmtpClient(await WireSocket.open(address));
    await client.reply();
    return client;
  }

  /** Ready to send on port 25. */
  static async greeted(address: WireAddress): Promise<SmtpClient> {
    const client = await SmtpClient.open(address);
    await client.command("EHLO client.example.test");
    return client;
  }

  /** Signed in on a port with TLS from the start. */
  static async signedIn(address: WireAddress, user: string, password: string): Promise<SmtpClient> {
    const client = await SmtpClient.greeted({ ...address, tls: true });
    const token = Buffer.from(`\0${user}\0${password}`).toString("base64");
    const reply = await client.command(`AUTH PLAIN ${token}`);
    if (reply.code !== 235) throw new SmtpRefusal(reply);
    return client;
  }

  async command(line: string): Promise<SmtpReply> {
    this.socket.write(`${line}\r\n`);
    return await this.reply();
  }

  async reply(): Promise<SmtpReply> {
    const lines: string[] = [];
    for (;;) {
      const line = (await this.socket.line()).toString("latin1");
      lines.push(line.slice(4));
      if (line[3] !== "-") return { code: Number(line.slice(0, 3)), lines, text: line };
    }
  }

  /** Sends one message with the envelope pipelined; the final reply, or the first refusal. */
  async send(mail: Mail): Promise<SmtpReply> {
    const isBdat = mail.way === "bdat";
    const envelope = [`MAIL FROM:<${mail.from}>${mail.parameters ?? ""}`, ...mail.to.map((to) => `RCPT TO:<${to}>`)];
    if (!isBdat) envelope.push("DATA");
    this.socket.write(`${envelope.join("\r\n")}\r\n`);
    let refusal: SmtpReply | null = null;
    for (let index = 0; index < envelope.length; index++) {
      const reply = await this.reply();
      if (reply.code >= 400) refusal ??= reply;
      if (reply.code === 354 && refusal !== null) {
        this.socket.write(".\r\n");
        await this.reply();
      }
    }
    if (refusal !== null) {
      await this.command("RSET");
      return refusal;
    }
    if (isBdat) {
      this.socket.write(`BDAT ${mail.bytes.length} LAST\r\n`);
      this.socket.write(mail.bytes);
    } else {
      this.socket.write(dotStuffed(mail.bytes));
    }
    return await this.reply();
  }

  close(): void {
    this.socket.close();
  }
}

/** The bytes as DATA wants them, with the final line of one dot. */
export function dotStuffed(bytes: Uint8Array): Buffer {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: Buffer[] = [];
  let from = 0;
  if (source[0] === 46) pieces.push(Buffer.from("."));
  for (let at = source.indexOf("\r\n.", 0, "latin1"); at >= 0; at = source.indexOf("\r\n.", at + 2, "latin1")) {
    pieces.push(source.subarray(from, at + 2), Buffer.from("."));
    from = at + 2;
  }
  pieces.push(source.subarray(from));
  const endsLine = source.length === 0 || (source.at(-2) === 13 && source.at(-1) === 10);
  pieces.push(Buffer.from(endsLine ? ".\r\n" : "\r\n.\r\n"));
  return Buffer.concat(pieces);
}
