/**
 * A server with people and rooms, a partner's mail server outside, and people whose programs send meeting messages by
 * SMTP alone. What a program sends waits here until the test lets it go: late, twice, in another order.
 */
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import type { MailboxId, MessageId } from "#base/ids.ts";
import { MeetingActs } from "#calendar/desk/acts.ts";
import { MeetingCalendar } from "#calendar/desk/calendar.ts";
import { MeetingDesk } from "#calendar/desk/desk.ts";
import type { DeskMail } from "#calendar/desk/outgoing.ts";
import { loadItemBag } from "#calendar/desk/item-bags.ts";
import type { ItemBag } from "#convert/item.ts";
import { readConfig } from "#main/config.ts";
import { openData } from "#main/open.ts";
import type { Opened } from "#main/open.ts";
import { serverScope } from "#store/api.ts";
import { all } from "#store/sql.ts";
import { pause, realCtx } from "./real-ctx.ts";
import type { TestCtx } from "./real-ctx.ts";
import { TestServer, domain, password } from "./server.ts";
import { SmtpClient } from "./smtp-client.ts";

export interface Outside {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

/** The partner's mail server: takes everything. */
export class PartnerServer {
  readonly messages: Outside[] = [];
  #server: Server | null = null;

  listen(): Promise<number> {
    this.#server = createServer((socket) => {
      let [rest, data, from] = ["", null as string | null, ""];
      let to: string[] = [];
      const say = (text: string): void => { socket.write(`${text}\r\n`); };
      socket.on("error", () => socket.destroy());
      socket.setEncoding("latin1");
      socket.on("data", (text: string) => {
        rest += text;
        for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
          const line = rest.slice(0, end);
          rest = rest.slice(end + 2);
          if (data !== null) {
            if (line !== ".") { data += `${line.startsWith(".") ? line.slice(1) : line}\r\n`; continue; }
            this.messages.push({ from, to, text: data });
            [data, to] = [null, []];
            say("250 2.0.0 Taken");
          } else if (/^EHLO/i.test(line)) say("250-mx.partner.test\r\n250 8BITMIME");
          else if (/^MAIL/i.test(line)) { from = /<([^>]*)>/.exec(line)?.[1] ?? ""; say("250 OK"); }
          else if (/^RCPT/i.test(line)) { to.push(/<([^>]*)>/.exec(line)?.[1] ?? ""); say("250 OK"); }
          else if (/^DATA/i.test(line)) { data = ""; say("354 Go on"); }
          else if (/^QUIT/i.test(line)) say("221 Bye");
          else say("250 OK");
        }
      });
      say("220 mx.partner.test ESMTP");
    });
    return new Promise((resolve, reject) => {
      this.#server!.once("error", reject);
      this.#server!.listen(0, "127.0.0.1", () => resolve((this.#server!.address() as AddressInfo).port));
    });
  }

  close(): void {
    this.#server?.close();
  }
}

/** What somebody's program gave to the mail, and the network has not delivered yet. */
export interface InFlight {
  readonly from: string;
  /** Who signs in to send it, where that is somebody else for the sender. */
  readonly by?: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

export class MeetingHouse {
  readonly server: TestServer;
  readonly partner: PartnerServer;
  readonly opened: Opened;
  readonly ctx: TestCtx;
  /** People take their time: what one does at once with a clock of seconds has no order. */
  aheadMs = 0;
  readonly acts: MeetingActs;
  readonly inFlight: InFlight[] = [];
  /** Address of the delegate whose program acts now. */
  actingAs: string | null = null;

  private constructor(server: TestServer, partner: PartnerServer, opened: Opened, ctx: TestCtx) {
    this.server = server;
    this.partner = partner;
    this.opened = opened;
    const { system } = ctx;
    this.ctx = {
      ...ctx, system: {
        resolver: system.resolver, nowMs: () => system.nowMs() + this.aheadMs, monotonicMs: () => system.monotonicMs(),
        randomBytes: (size) => system.randomBytes(size), setTimer: (delayMs, body) => system.setTimer(delayMs, body),
      },
    };
    const { mailboxes, directory } = opened;
    this.acts = new MeetingActs(new MeetingDesk({
      mailboxes, directory, send: (_ctx, mail) => Promise.resolve(this.#take(mail)),
    }));
  }

  static async open(users: readonly string[], rooms: readonly (readonly string[])[]): Promise<MeetingHouse> {
    const partner = new PartnerServer();
    const port = await partner.listen();
    const server = await TestServer.start({
      users, config: { outbound: { mode: "smarthost", host: "127.0.0.1", port, tls: "none" } },
    });
    for (const words of rooms) await server.must(["room", "add", ...words]);
    const ctx = realCtx();
    const opened = await openData(ctx, server.dataDir, readConfig(server.dataDir, null), "tool");
    return new MeetingHouse(server, partner, opened, ctx);
  }

  async close(): Promise<void> {
    await this.opened.close();
    this.partner.close();
    await this.server.dispose();
  }

  #take({ envelopeSender, to, bytes }: DeskMail): void {
    const { actingAs } = this;
    for (const one of to) {
      this.inFlight.push({ from: envelopeSender, to: one, bytes, ...(actingAs === null ? {} : { by: actingAs }) });
    }
  }

  /** Signed in as the sender, as a person's program is. */
  async deliver(mail: InFlight): Promise<void> {
    const from = mail.by ?? mail.from;
    const client = await SmtpClient.signedIn(this.server.at("submissions"), from, password);
    const reply = await client.send({ from, to: [mail.to], bytes: mail.bytes });
    client.close();
    if (reply.code !== 250) throw new Error(`${mail.from} to ${mail.to}: ${reply.text}`);
  }

  async deliverAll(): Promise<void> {
    for (const mail of this.inFlight.splice(0)) await this.deliver(mail);
    await this.quiet();
  }

  /** From the partner's system, which nobody signed in at. */
  async fromOutside(from: string, to: string, text: string): Promise<void> {
    const client = await SmtpClient.greeted(this.server.at("smtp"));
    const reply = await client.send({ from, to: [to], bytes: Buffer.from(text) });
    client.close();
    if (reply.code !== 250) throw new Error(`${from} to ${to}: ${reply.text}`);
    await this.quiet();
  }

  /** Until the queue is empty, and stays so: an answer may cause another one. */
  async quiet(): Promise<void> {
    let empty = 0;
    for (let turn = 0; turn < 1500 && empty < 3; turn++) {
      const waiting = await this.opened.store.read(this.ctx, serverScope, () => all(
        "SELECT queue_id FROM queue_recipient LIMIT 1"));
      empty = waiting.length === 0 ? empty + 1 : 0;
      await pause(20);
    }
    if (empty < 3) throw new Error("the queue never became empty");
  }

  async mailboxOf(user: string): Promise<MailboxId> {
    const entry = await this.opened.directory.entryByAddress(this.ctx, address(user));
    if (entry === null || entry.mailboxId === null) throw new Error(`no mailbox ${user}`);
    return entry.mailboxId;
  }

  async calendarOf(user: string): Promise<MeetingCalendar> {
    return await MeetingCalendar.open(this.ctx, this.opened.mailboxes, await this.mailboxOf(user));
  }

  /** Every appointment of a calendar, whole, oldest first. */
  async appointments(user: string): Promise<{ messageId: MessageId; item: ItemBag }[]> {
    const calendar = await this.calendarOf(user);
    const found = [];
    for await (const rows of calendar.items.rows(this.ctx, calendar.folderId)) {
      for (const { messageId } of rows) {
        const { item } = await loadItemBag(this.ctx, await calendar.items.open(this.ctx, messageId));
        found.push({ messageId, item });
      }
    }
    return found;
  }
}

export const address = (user: string): string => (user.includes("@") ? user : `${user}@${domain}`);
