/**
 * Walks through the ports of mail programs as they do: greeting, TLS, sign-in, a first look. RFC 9051 §7.1,
 * RFC 1939 §4, RFC 5321 §3.1, RFC 3207 §4, RFC 4954 §4
 */
import type { Ctx } from "#base/ctx.ts";
import { Lines, Trouble } from "#doctor/connect.ts";
import type { Place } from "#doctor/connect.ts";
import { bad, ok, skipped } from "#doctor/finding.ts";
import type { Finding } from "#doctor/finding.ts";
import type { PortName, Setting } from "#doctor/setting.ts";

/** Who signs in; null when nobody was named. */
export interface SignInAs {
  readonly address: string;
  readonly password: string;
  /** Protocols switched off for this person. */
  readonly off: readonly string[];
}

export interface MailPort {
  readonly name: PortName;
  readonly title: string;
  readonly tls: "implicit" | "starttls";
  /** The person's switch; null where nobody signs in. */
  readonly protocol: "imap" | "pop3" | "smtp" | null;
  readonly talk: (call: Talk) => Promise<void>;
}

interface Talk {
  readonly lines: Lines;
  readonly setting: Setting;
  readonly startTls: boolean;
  readonly person: SignInAs | null;
  /** Someone of a domain of ours, to whom mail from outside must be taken; null when nobody was named. */
  readonly recipient: string | null;
}

export const mailPorts: readonly MailPort[] = [
  { name: "smtp", title: "Mail from other servers", tls: "starttls", protocol: null, talk: talkInbound },
  { name: "submissions", title: "Sending mail", tls: "implicit", protocol: "smtp", talk: talkSubmission },
  { name: "submission", title: "Sending mail", tls: "starttls", protocol: "smtp", talk: talkSubmission },
  { name: "imaps", title: "IMAP", tls: "implicit", protocol: "imap", talk: talkImap },
  { name: "imap", title: "IMAP", tls: "starttls", protocol: "imap", talk: talkImap },
  { name: "pop3s", title: "POP3", tls: "implicit", protocol: "pop3", talk: talkPop3 },
  { name: "pop3", title: "POP3", tls: "starttls", protocol: "pop3", talk: talkPop3 },
];

/** What went well so far and where it stopped. */
class Stop extends Error {
  readonly step: "sign-in" | "talk";
  constructor(step: "sign-in" | "talk", message: string) {
    super(message);
    this.step = step;
  }
}

/** One port; never throws for what the server does. */
export async function checkMailPort(
  ctx: Ctx, setting: Setting, port: MailPort, place: Place, person: SignInAs | null, recipient: string | null,
): Promise<Finding> {
  const { name, title, tls, protocol } = port;
  const what = `${title} on port ${place.port} (${tls === "implicit" ? "TLS" : "STARTTLS"})`;
  const isOff = protocol !== null && person?.off.includes(protocol) === true;
  const signsIn = protocol === null || isOff ? null : person;
  const about = name;
  let lines: Lines | null = null;
  try {
    lines = await Lines.open(ctx, place, tls === "implicit" ? setting.hostname : null);
    await port.talk({ lines, setting, startTls: tls === "starttls", person: signsIn, recipient });
    if (isOff) {
      return skipped(`${name}.sign-in`, `${what} answers; ${protocol} is switched off for ${person!.address}.`,
        { about });
    }
    if (signsIn !== null) return ok(`${name}.sign-in`, `${what}: ${signsIn.address} can sign in.`, { about });
    return ok(`${name}`, protocol === null ? `${what} answers and offers TLS.` : `${what} answers.`, { about });
  } catch (error) {
    if (error instanceof Stop) {
      return error.step === "sign-in"
        ? bad(`${name}.sign-in`, `${what}: ${signsIn?.address ?? ""} cannot sign in: ${error.message}`,
          "Look at the person's page /account, where refused sign-ins stand, and at the server's log.", { about })
        : bad(name, `${what}: ${error.message}`, "Look into the server's log.", { about });
    }
    if (error instanceof Trouble) {
      return bad(name, `${what} does not work: ${error.message}.`, error.refused
        ? "Restart the server; if it says that the port is taken, stop the program that holds it."
        : "Look into the server's log.", { about });
    }
    throw error;
  } finally {
    lines?.close();
  }
}

function plainResponse({ address, password }: SignInAs): string {
  return Buffer.from(`\0${address}\0${password}`, "utf8").toString("base64");
}

/** What a server said, short enough for a sentence. */
function said(line: string): string {
  return line.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

async function talkImap({ lines, setting, startTls, person }: Talk): Promise<void> {
  let number = 0;
  const command = async (text: string): Promise<string[]> => {
    const tag = `d${++number}`;
    lines.write(`${tag} ${text}`);
    return await lines.readUntil((line) => line.startsWith(`${tag} `) || (line.startsWith("+") && /^AUTH/.test(text)));
  };
  const greeting = await lines.read();
  if (!/^\* OK/i.test(greeting)) throw new Stop("talk", `the greeting is “${said(greeting)}”`);
  if (startTls) {
    const answer = (await command("STARTTLS")).at(-1)!;
    if (!/^\S+ OK/i.test(answer)) throw new Stop("talk", `STARTTLS is answered “${said(answer)}”`);
    await lines.startTls(setting.hostname);
  }
  if (person !== null) {
    const ready = (await command("AUTHENTICATE PLAIN")).at(-1)!;
    if (!ready.startsWith("+")) throw new Stop("sign-in", said(ready));
    lines.write(plainResponse(person));
    const answer = (await lines.readUntil((line) => line.startsWith(`d${number} `))).at(-1)!;
    if (!/^\S+ OK/i.test(answer)) throw new Stop("sign-in", said(answer.slice(answer.indexOf(" ") + 1)));
    const inbox = (await command("EXAMINE INBOX")).at(-1)!;
    if (!/^\S+ OK/i.test(inbox)) throw new Stop("talk", `the inbox does not open: ${said(inbox)}`);
  }
  await command("LOGOUT");
}

async function talkPop3({ lines, setting, startTls, person }: Talk): Promise<void> {
  const command = async (text: string): Promise<string> => {
    lines.write(text);
    return await lines.read();
  };
  const greeting = await lines.read();
  if (!greeting.startsWith("+OK")) throw new Stop("talk", `the greeting is “${said(greeting)}”`);
  if (startTls) {
    const answer = await command("STLS");
    if (!answer.startsWith("+OK")) throw new Stop("talk", `STLS is answered “${said(answer)}”`);
    await lines.startTls(setting.hostname);
  }
  if (person !== null) {
    const ready = await command("AUTH PLAIN");
    const answer = ready.startsWith("+ ") || ready === "+" ? await command(plainResponse(person)) : ready;
    // The password was right; another program holds the mailbox just now. RFC 2449 §8.1.2
    const isInUse = /^-ERR \[IN-USE\]/i.test(answer);
    if (!answer.startsWith("+OK") && !isInUse) throw new Stop("sign-in", said(answer));
  }
  await command("QUIT");
}

async function smtpReply(lines: Lines): Promise<{ code: number; text: string; all: string[] }> {
  const all = await lines.readUntil((line) => !/^\d{3}-/.test(line));
  return { code: Number(all.at(-1)!.slice(0, 3)), text: said(all.join(" ")), all };
}

/** Greeting, EHLO, STARTTLS, EHLO; the words after EHLO. */
async function beginSmtp({ lines, setting, startTls }: Talk): Promise<readonly string[]> {
  const command = async (text: string): Promise<{ code: number; text: string; all: string[] }> => {
    lines.write(text);
    return await smtpReply(lines);
  };
  const greeting = await smtpReply(lines);
  if (greeting.code !== 220) throw new Stop("talk", `the greeting is “${greeting.text}”`);
  const name = greeting.all[0]!.slice(4).split(" ")[0]!.toLowerCase();
  if (name !== setting.hostname.toLowerCase()) {
    throw new Stop("talk", `it greets as ${said(name)}, not as ${setting.hostname}; is another server there?`);
  }
  let hello = await command("EHLO doctor.invalid");
  if (hello.code !== 250) throw new Stop("talk", `EHLO is answered “${hello.text}”`);
  if (startTls) {
    if (!hello.all.some((line) => /^250.STARTTLS$/i.test(line))) throw new Stop("talk", "STARTTLS is not offered");
    const answer = await command("STARTTLS");
    if (answer.code !== 220) throw new Stop("talk", `STARTTLS is answered “${answer.text}”`);
    await lines.startTls(setting.hostname);
    hello = await command("EHLO doctor.invalid");
  }
  return hello.all.map((line) => line.slice(4).toUpperCase());
}

async function talkSubmission(talk: Talk): Promise<void> {
  const { lines, person } = talk;
  const words = await beginSmtp(talk);
  const command = async (text: string): Promise<{ code: number; text: string }> => {
    lines.write(text);
    return await smtpReply(lines);
  };
  if (!words.some((word) => /^AUTH .*\bPLAIN\b/.test(word))) throw new Stop("talk", "no sign-in is offered");
  if (person !== null) {
    const answer = await command(`AUTH PLAIN ${plainResponse(person)}`);
    if (answer.code !== 235) throw new Stop("sign-in", answer.text);
    const mail = await command(`MAIL FROM:<${person.address}>`);
    if (mail.code !== 250) throw new Stop("talk", `${person.address} may not send: ${mail.text}`);
    await command("RSET");
  }
  await command("QUIT");
}

async function talkInbound(talk: Talk): Promise<void> {
  const { lines, recipient } = talk;
  await beginSmtp(talk);
  const command = async (text: string): Promise<{ code: number; text: string }> => {
    lines.write(text);
    return await smtpReply(lines);
  };
  const mail = await command("MAIL FROM:<>");
  if (mail.code !== 250) throw new Stop("talk", `mail is refused: ${mail.text}`);
  // Somebody else's address must be refused: who passes on anything is soon on every list.
  const foreign = await command("RCPT TO:<doctor@open-relay.invalid>");
  if (foreign.code === 250) throw new Stop("talk", "it takes mail for anybody (an open relay)");
  if (recipient !== null) {
    const answer = await command(`RCPT TO:<${recipient}>`);
    if (answer.code !== 250) throw new Stop("talk", `mail for ${recipient} is refused: ${answer.text}`);
  }
  await command("QUIT");
}
