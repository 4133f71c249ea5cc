/** One server on one data folder: opens it, makes certificates, opens the ports, and stops in order. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import type { MailboxId } from "#base/ids.ts";
import type { Config } from "#main/config.ts";
import { readConfig } from "#main/config.ts";
import { makeFront, portOf } from "#main/http-front.ts";
import type { PortName, Ports } from "#main/http-front.ts";
import { MeetingDesk } from "#calendar/desk/desk.ts";
import { startHousekeeping } from "#main/housekeeping.ts";
import { makeLog } from "#main/log.ts";
import { openData } from "#main/open.ts";
import type { Opened } from "#main/open.ts";
import { QuotaWatch } from "#main/quota-watch.ts";
import { removeRunningNote, writeRunningNote } from "#main/running.ts";
import { openSignIn } from "#main/sign-in.ts";
import { makeSystem } from "#main/system.ts";
import { version } from "#main/version.ts";
import { Acme } from "#net/acme.ts";
import { acmeFiles } from "#net/acme-state.ts";
import { AddressList } from "#net/addresses.ts";
import { Certificates } from "#net/certificates.ts";
import { Listeners } from "#net/listeners.ts";
import type { ConnectionHandler, ListenOptions, RefusalReason } from "#net/api.ts";
import { imapHandler, imapRefusal } from "#serve/imap/listen.ts";
import { pop3Handler, pop3Refusal } from "#serve/pop3/listen.ts";
import { mayPost } from "#mailbox/post.ts";
import { smtpHandler, smtpRefusal } from "#serve/smtp/listen.ts";
import { serverScope } from "#store/api.ts";
import { meetingMail } from "#transport/meeting-mail.ts";
import { createRuleDelivery } from "#transport/delivery-rules.ts";
import { mailboxOutbox } from "#transport/outbox.ts";
import { Transport } from "#transport/transport.ts";

export interface ServerOptions {
  readonly dataDir: string;
  /** Overrides the configuration; undefined leaves it. */
  readonly portBase?: number | null | undefined;
  readonly listenAddress?: string | undefined;
  readonly readyFile?: string | undefined;
  readonly configFile?: string | undefined;
  /** Loopback only, nothing to the outside. */
  readonly demo: boolean;
}

export interface RunningServer {
  readonly ports: Ports;
  readonly hostname: string;
  /** PEM file a client must trust; null with the administrator's own certificates. */
  readonly ca: string | null;
  /** What the caller may use to set the data up before clients come; the same store the server uses. */
  readonly opened: Opened;
  /** Reads certificates again and opens the log again; what cannot be read is logged, and what was in use stays. */
  reload(): Promise<void>;
  /** Tells clients, finishes what is under way within `limits.stopTimeoutMs`, closes the store. */
  stop(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const config = effectiveConfig(options);
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const log = makeLog({ level: config.logLevel });
  const stopHard = new AbortController();
  const ctx: Ctx = { system: makeSystem(), log, signal: stopHard.signal };
  const opened = await openData(ctx, options.dataDir, config, "server");
  const undo: (() => Promise<unknown>)[] = [() => opened.close()];
  try {
    const { ports, ca, certificates } = await openPorts(ctx, options, config, opened, undo);
    let stopping: Promise<void> | null = null;
    return {
      ports, ca, opened, hostname: config.hostname,
      async reload() {
        log.reopen();
        try {
          await certificates.reload(ctx);
          log.info({}, "certificates read again, log opened again");
        } catch (error) {
          log.error({ error }, "certificates could not be reloaded; those in use stay");
        }
      },
      stop() {
        stopping ??= stopInOrder(ctx, undo, stopHard).finally(() => log.flush());
        return stopping;
      },
    };
  } catch (error) {
    await stopInOrder(ctx, undo, stopHard);
    throw error;
  }
}

function effectiveConfig(options: ServerOptions): Config {
  const config = readConfig(options.dataDir, options.configFile ?? null);
  return {
    ...config,
    ...(options.portBase === undefined ? {} : { portBase: options.portBase }),
    ...(options.listenAddress === undefined ? {} : { listen: options.listenAddress }),
    ...(options.demo ? { outbound: { mode: "off" } as const } : {}),
  };
}

/** The last thing begun is the first thing ended. One that fails is logged and does not keep the others open. */
async function stopInOrder(ctx: Ctx, undo: (() => Promise<unknown>)[], stopHard: AbortController): Promise<void> {
  const cancel = ctx.system.setTimer(limits.stopTimeoutMs, () => stopHard.abort());
  for (const end of undo.reverse()) {
    try {
      await end();
    } catch (error) {
      ctx.log.error({ error }, "a part of the server did not stop cleanly");
    }
  }
  cancel();
}

async function openPorts(
  ctx: Ctx, options: ServerOptions, config: Config, opened: Opened, undo: (() => Promise<unknown>)[],
): Promise<{ ports: Ports; ca: string | null; certificates: Certificates }> {
  const { certificates, acme } = await openCertificates(ctx, options.dataDir, config, opened, undo);
  const desk = new MeetingDesk({
    mailboxes: opened.mailboxes, directory: opened.directory,
    send: meetingMail(() => transport, opened.directory),
  });
  const quotaWatch = new QuotaWatch(ctx, opened);
  undo.push(() => quotaWatch.stop());
  const transport: Transport = new Transport({
    ctx, store: opened.store, directory: opened.directory,
    deliver: quotaWatch.watching(createRuleDelivery({
      ...opened, transport: () => transport, hostname: config.hostname, believesSpamFields: config.spamFields,
    })),
    noteSending: ({ mailboxId, actor, onBehalf }, recipients) => opened.audit.note(mailboxId, {
      actor, logon: "delegate", action: onBehalf ? "SendOnBehalf" : "SendAs",
      detail: `to ${recipients.slice(0, 5).join(", ")}${recipients.length > 5 ? ", …" : ""}`,
    }),
    processMeeting: (context, arrival) => desk.receive(context, arrival),
    outbox: mailboxOutbox(opened.mailboxes),
    config: { hostname: config.hostname, outbound: config.outbound, readReceipts: config.readReceipts },
  });
  const listeners = new Listeners({
    ctx, credentials: certificates, trustedProxies: new AddressList(config.trustedProxies),
    proxyProtocol: config.proxyProtocol,
  });
  undo.push(() => transport.stop());
  // Connections end before the queue they feed.
  undo.push(() => listeners.stop());
  const ports: Partial<Ports> = {};
  for (const port of await portRows(ctx, config, opened, transport)) {
    const opensAt = portOf(config, port.name);
    ports[port.name] = (await listeners.listen({ ...port, port: opensAt, address: config.listen })).port;
  }
  const signInRoutes = await openSignIn(ctx, config, opened, portOf(config, "https"));
  const front = makeFront({
    signInRoutes, ctx, dataDir: options.dataDir, config, opened, listeners, transport, certificates, acme,
  });
  for (const [name, tls] of [["http", "none"], ["https", "implicit"]] as const) {
    const opensAt = portOf(config, name);
    ports[name] = (await front.listen(listeners, { name, tls, port: opensAt, address: config.listen })).port;
  }
  // Challenges can be answered now.
  if (acme !== null) undo.push(acme.start());
  await transport.start();
  const endHousekeeping = startHousekeeping(ctx, opened, config.retention);
  undo.push(() => endHousekeeping());
  const ca = certificates.authorityFile;
  const configFile = options.configFile === undefined ? null : resolve(options.configFile);
  writeRunningNote(options.dataDir, {
    pid: process.pid, version, ports: ports as Ports, listen: config.listen, configFile,
  });
  undo.push(() => Promise.resolve(removeRunningNote(options.dataDir)));
  if (options.readyFile !== undefined) writeReadyFile(options.readyFile, { config, ports: ports as Ports, ca });
  ctx.log.info({ hostname: config.hostname, version, ports }, "ready");
  return { ports: ports as Ports, ca, certificates };
}

/** A certificate for the host name and each domain; made again when a domain is added while the server runs. */
async function openCertificates(
  ctx: Ctx, dataDir: string, config: Config, opened: Opened, undo: (() => Promise<unknown>)[],
): Promise<{ certificates: Certificates; acme: Acme | null }> {
  const names = async () => ({
    hostname: config.hostname, domains: (await opened.directory.domains(ctx)).map((domain) => domain.name),
  });
  const certificates = await Certificates.open(ctx, {
    directory: join(dataDir, "tls"), ...await names(), own: config.certificates,
    ...config.acme === null ? {} : { issuedFile: acmeFiles(acmeFolder(dataDir)).bundle },
  });
  const acme = config.acme === null ? null : await Acme.open(ctx, {
    config: config.acme, directory: acmeFolder(dataDir), certificates, hostname: config.hostname,
    domains: async () => (await names()).domains,
  });
  const endWatch = certificates.watch(ctx);
  let known = JSON.stringify(await names());
  const endDomainWatch = opened.store.watch(serverScope, () => {
    void names().then(async (current) => {
      if (JSON.stringify(current) === known) return;
      known = JSON.stringify(current);
      await certificates.update(ctx, current);
      await acme?.look();
    }).catch((error: unknown) => ctx.log.error({ error }, "the certificate could not be renewed for a new domain"));
  });
  undo.push(() => {
    endWatch();
    endDomainWatch();
    return Promise.resolve();
  });
  return { certificates, acme };
}

/** Where keys and state of issued certificates lie; `readAcmeState` reads the state there. */
export function acmeFolder(dataDir: string): string {
  return join(dataDir, "tls", "acme");
}

interface PortRow extends Omit<ListenOptions, "port" | "address"> {
  readonly name: PortName;
}

/** One row for each port of the line protocols. */
async function portRows(
  ctx: Ctx, config: Config, opened: Opened, transport: Transport,
): Promise<PortRow[]> {
  const { directory, mailboxes } = opened;
  const domain = (await directory.domains(ctx))[0]?.name ?? config.hostname;
  const quota = async (context: Ctx, mailboxId: MailboxId) => {
    const mailbox = await mailboxes.open(context, transportPrincipal, mailboxId);
    return await mailbox.quota(context);
  };
  const smtp = (role: "inbound" | "submission", startTls: boolean): ConnectionHandler => smtpHandler({
    config: { role, hostname: config.hostname, startTls, postmaster: `postmaster@${domain}` },
    directory, transport, quota, mayPost: (context, post) => mayPost(context, mailboxes, post),
  });
  const imap = (offersStartTls: boolean): ConnectionHandler =>
    imapHandler({ mailboxes, directory, people: directory, hostname: config.hostname, version, offersStartTls });
  const pop3 = pop3Handler({ mailboxes, directory, canStartTls: true });
  const row = (
    name: PortName, tls: "starttls" | "implicit", handler: ConnectionHandler, refusal: (why: RefusalReason) => string,
  ): PortRow => ({ name, tls, handler, refusal });
  return [
    row("smtp", "starttls", smtp("inbound", true), smtpRefusal(config.hostname)),
    row("submission", "starttls", smtp("submission", true), smtpRefusal(config.hostname)),
    row("submissions", "implicit", smtp("submission", false), smtpRefusal(config.hostname)),
    row("imap", "starttls", imap(true), imapRefusal),
    row("imaps", "implicit", imap(false), imapRefusal),
    row("pop3", "starttls", pop3, pop3Refusal),
    row("pop3s", "implicit", pop3, pop3Refusal),
  ];
}

/** The server itself, asking whether a mailbox has room. */
const transportPrincipal = { entryId: 0, address: "", displayName: "", mailboxId: null };

/** What tests and tools wait for; written whole, so that a reader never sees half of it. */
function writeReadyFile(path: string, server: { config: Config; ports: Ports; ca: string | null }): void {
  const text = JSON.stringify({
    pid: process.pid, hostname: server.config.hostname, ports: server.ports, ca: server.ca,
  });
  try {
    writeFileSync(`${path}.new`, `${text}\n`);
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw new Fault("unavailable", `The ready file ${path} cannot be written: ${(error as Error).message}`);
  }
}
