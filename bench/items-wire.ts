/**
 * `node bench/items-wire.ts`: how much a server's resident memory grows at most while a message of 50 MB passes through
 * it: APPEND, FETCH of the body, of its structure and preview, delivery by SMTP. Linux (`/proc`). A server of its own,
 * each kind of message and step in turn; this client holds nothing of what it sends and gets.
 */
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import type { TLSSocket } from "node:tls";
import { pause } from "../test/support/real-ctx.ts";
import { SmtpClient } from "../test/support/smtp-client.ts";
import { TestServer, domain, password } from "../test/support/server.ts";
import { largeMessages } from "./items-large.ts";

const megabyte = 2 ** 20;
const tailBytes = 4096;

function statusBytes(pid: number, field: "VmHWM" | "VmRSS"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1]) * 1024;
}

/** IMAP over TLS: answers are counted and only their last bytes kept. */
class Raw {
  readonly #socket: TLSSocket;
  #tail = "";
  #wake = (): void => undefined;
  received = 0;
  #tags = 0;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.length;
      this.#tail = (this.#tail + chunk.toString("latin1", Math.max(0, chunk.length - tailBytes))).slice(-tailBytes);
      this.#wake();
    });
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#tail)) await new Promise<void>((resolve) => { this.#wake = resolve; });
  }

  async command(text: string, file?: string): Promise<number> {
    const tag = `t${++this.#tags}`;
    const before = this.received;
    this.#tail = "";
    this.#socket.write(`${tag} ${text}\r\n`);
    if (file !== undefined) {
      await this.until(/^\+ /m);
      for await (const chunk of createReadStream(file)) {
        if (!this.#socket.write(chunk as Buffer)) await new Promise((resolve) => this.#socket.once("drain", resolve));
      }
      this.#socket.write("\r\n");
    }
    await this.until(new RegExp(`^${tag} .*\\r\\n$`, "m"));
    if (!new RegExp(`^${tag} OK`, "m").test(this.#tail)) throw new Error(`${text}: ${this.#tail.slice(-300)}`);
    return this.received - before;
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function deliver(server: TestServer, file: string): Promise<void> {
  const client = await SmtpClient.greeted(server.at("smtp"));
  await client.command("MAIL FROM:<sender@elsewhere.example>");
  await client.command(`RCPT TO:<alice@${domain}>`);
  await client.command("DATA");
  for await (const chunk of createReadStream(file)) {
    if (!client.socket.raw.write(chunk as Buffer)) {
      await new Promise((resolve) => client.socket.raw.once("drain", resolve));
    }
  }
  const reply = await client.command("\r\n.");
  if (reply.code !== 250) throw new Error(reply.text);
  client.socket.raw.destroy();
}

const folder = mkdtempSync(join(tmpdir(), "outpost-bench-"));
const server = await TestServer.start({ users: ["alice"] });
const rows: string[] = ["| 50 MB message | Step | Server above its start | Time |", "| --- | --- | ---: | ---: |"];
try {
  const { port, ca } = server.at("imaps");
  const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ...ca === undefined ? {} : { ca } });
  const imap = new Raw(socket);
  await imap.until(/^\* OK/m);
  await imap.command(`LOGIN alice@${domain} ${password}`);
  await imap.command("SELECT INBOX");
  let count = 0;
  for (const { name, file } of largeMessages(folder)) {
    const step = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      await pause(1500);
      const before = statusBytes(server.pid, "VmRSS");
      writeFileSync(`/proc/${server.pid}/clear_refs`, "5");
      const began = performance.now();
      await work();
      const ms = performance.now() - began;
      const grown = Math.max(0, statusBytes(server.pid, "VmHWM") - before);
      rows.push(`| ${name} | ${what} | ${Math.round(grown / megabyte)} MB | ${(ms / 1000).toFixed(2)} s |`);
      process.stderr.write(".");
    };
    await step("IMAP APPEND", () => imap.command(`APPEND INBOX {${statSync(file).size}}`, file));
    count++;
    const isMessage = name.endsWith("message");
    const part = name.startsWith("attachment") || isMessage ? 2 : 1;
    await step("IMAP FETCH BODY[n]", () => imap.command(`FETCH ${count} BODY.PEEK[${part}]`));
    await step("IMAP FETCH BINARY[n]", () =>
      imap.command(`FETCH ${count} BINARY.PEEK[${part}${isMessage ? ".1" : ""}]`));
    await step("IMAP FETCH BODYSTRUCTURE, ENVELOPE, PREVIEW", () =>
      imap.command(`FETCH ${count} (BODYSTRUCTURE ENVELOPE PREVIEW)`));
    await step("SMTP delivery", async () => {
      await deliver(server, file);
      for (let seen = 0; seen === 0;) {
        const got = await imap.command(`FETCH ${count + 1} UID`).catch(() => 0);
        await imap.command("NOOP");
        seen = got;
        if (seen === 0) await pause(200);
      }
      count++;
    });
  }
  imap.close();
} finally {
  await server.dispose();
  rmSync(folder, { recursive: true });
}
process.stderr.write("\n");
console.log(rows.join("\n"));
