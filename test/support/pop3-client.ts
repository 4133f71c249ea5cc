/** POP3 as far as the tests ask: sign in, list, fetch exact bytes, delete. */
import { WireSocket } from "./wire-socket.ts";
import type { WireAddress } from "./wire-socket.ts";

export class Pop3Client {
  readonly socket: WireSocket;

  private constructor(socket: WireSocket) {
    this.socket = socket;
  }

  static async open(address: WireAddress): Promise<Pop3Client> {
    const client = new Pop3Client(await WireSocket.open(address));
    await client.socket.line();
    return client;
  }

  static async signedIn(address: WireAddress, user: string, password: string): Promise<Pop3Client> {
    const client = await Pop3Client.open(address);
    await client.ok(`USER ${user}`);
    await client.ok(`PASS ${password}`);
    return client;
  }

  async command(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`);
    return (await this.socket.line()).toString("latin1");
  }

  async ok(line: string): Promise<string> {
    const answer = await this.command(line);
    if (!answer.startsWith("+OK")) throw new Error(`${line}: ${answer}`);
    return answer;
  }

  async lines(command: string): Promise<Buffer[]> {
    await this.ok(command);
    const lines: Buffer[] = [];
    for (;;) {
      const line = await this.socket.line();
      if (line[0] === 46) {
        if (line.length === 1) return lines;
        lines.push(line.subarray(1));
      } else {
        lines.push(line);
      }
    }
  }

  /** A message's exact bytes, whatever its line ends. RFC 1939 §3: the end is a dot alone between CRLFs. */
  async retrieve(number: number): Promise<Buffer> {
    await this.ok(`RETR ${number}`);
    const pieces: Buffer[] = [];
    let afterCrlf = true;
    for (;;) {
      const piece = await this.socket.rawLine();
      const isCrlf = piece.at(-2) === 13;
      if (afterCrlf && piece[0] === 46) {
        if (piece.length === 3 && isCrlf) return Buffer.concat(pieces);
        pieces.push(piece.subarray(1));
      } else {
        pieces.push(piece);
      }
      afterCrlf = isCrlf;
    }
  }

  close(): void {
    this.socket.close();
  }
}
