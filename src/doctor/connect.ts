/** Small clients of doctor: a connection by lines with or without TLS, and one HTTP request; everything in time. */
import { request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { connect as connectTcp, isIP, isIPv4 } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls, getCACertificates } from "node:tls";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { Ctx } from "#base/ctx.ts";
import { limits } from "#base/limits.ts";
import { LineReader } from "#codec/text/line-reader.ts";

/** The peer did not do what it should; the message goes into a finding. */
export class Trouble extends Error {
  /** Nothing listens there. */
  readonly refused: boolean;

  constructor(message: string, refused = false) {
    super(message);
    this.name = "Trouble";
    this.refused = refused;
  }
}

export interface Place {
  readonly address: string;
  readonly port: number;
  /** Begin with a PROXY header, as from a proxy on this machine. */
  readonly proxyHeader: boolean;
}

function troubleOf(error: unknown, { address, port }: Place): Trouble {
  if (error instanceof Trouble) return error;
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const where = `port ${port} of ${address}`;
  if (code === "ECONNREFUSED") return new Trouble(`nothing listens on ${where}`, true);
  if (code === "ECONNRESET" || code === "EPIPE") return new Trouble(`${where} closed the connection`);
  return new Trouble(`${where}: ${code ?? (error instanceof Error ? error.message : String(error))}`);
}

/** Races work against time; what it holds is destroyed when time is over. */
async function inTime<T>(
  ctx: Ctx, what: string, timeoutMs: number, work: Promise<T>, giveUp: () => void,
): Promise<T> {
  let cancel = (): void => {};
  const tooLate = new Promise<never>((_, reject) => {
    cancel = ctx.system.setTimer(timeoutMs, () => {
      giveUp();
      reject(new Trouble(`${what} did not answer within ${Math.round(timeoutMs / 1000)} seconds`));
    });
  });
  work.catch(() => "the race below tells");
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    cancel();
  }
}

async function openSocket(ctx: Ctx, place: Place): Promise<Socket> {
  const socket = connectTcp({ host: place.address, port: place.port, noDelay: true });
  socket.on("error", () => socket.destroy());
  await inTime(ctx, `port ${place.port}`, limits.doctorConnectMs, new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", (error) => reject(troubleOf(error, place)));
  }), () => socket.destroy());
  if (place.proxyHeader) {
    const [family, self] = isIPv4(place.address) ? ["TCP4", "127.0.0.1"] : ["TCP6", "::1"];
    socket.write(`PROXY ${family} ${self} ${self} ${socket.localPort ?? 0} ${place.port}\r\n`);
  }
  return socket;
}

/** Certificates that clients trust without being told: of the system, and those every browser brings. */
function trustedByMost(): string[] {
  return [...new Set([...getCACertificates("bundled"), ...systemCertificates()])];
}

function systemCertificates(): string[] {
  try {
    return getCACertificates("system");
  } catch {
    // A machine without a store of its own, as many containers.
    return [];
  }
}

/** What a TLS handshake showed. */
export interface TlsSeen {
  readonly protocol: string;
  /** Why clients do not trust it (a code of OpenSSL); null when they do. */
  readonly distrust: string | null;
  readonly certificate: {
    readonly names: readonly string[];
    readonly subject: string;
    readonly issuer: string;
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
    /** PEM of each one sent, the server's own first. */
    readonly chainSubjects: readonly string[];
  };
}

async function secure(ctx: Ctx, socket: Socket, serverName: string, place: Place): Promise<TLSSocket> {
  const tls = connectTls({
    socket, rejectUnauthorized: false, ca: trustedByMost(), minVersion: "TLSv1.2",
    // Names are compared by the judge of certificates, which says more.
    checkServerIdentity: () => undefined,
    ...isIP(serverName) === 0 ? { servername: serverName } : {},
  });
  tls.on("error", () => tls.destroy());
  await inTime(ctx, `TLS on port ${place.port}`, limits.doctorConnectMs, new Promise<void>((resolve, reject) => {
    tls.once("secureConnect", () => resolve());
    tls.once("error", (error) => reject(new Trouble(`TLS on port ${place.port} failed: ${codeOf(error)}`)));
    tls.once("close", () => reject(new Trouble(`port ${place.port} closed the connection during TLS`)));
  }), () => tls.destroy());
  return tls;
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

function seenOf(tls: TLSSocket): TlsSeen {
  const leaf = tls.getPeerCertificate(true);
  const chainSubjects: string[] = [];
  const known = new Set<string>();
  for (let at: DetailedPeerCertificate | undefined = leaf; at?.fingerprint256 !== undefined
    && !known.has(at.fingerprint256) && known.size < 10; at = at.issuerCertificate) {
    known.add(at.fingerprint256);
    chainSubjects.push(nameOf(at.subject));
  }
  const names = (leaf.subjectaltname ?? "").split(/, */).flatMap((part) =>
    /^(?:DNS|IP Address):(.+)$/.exec(part.replaceAll('"', ""))?.[1] ?? []);
  return {
    protocol: tls.getProtocol() ?? "",
    distrust: tls.authorized ? null : String(tls.authorizationError),
    certificate: {
      names, subject: nameOf(leaf.subject), issuer: nameOf(leaf.issuer), chainSubjects,
      notBeforeMs: Date.parse(leaf.valid_from), notAfterMs: Date.parse(leaf.valid_to),
    },
  };
}

function nameOf(subject: DetailedPeerCertificate["subject"] | undefined): string {
  const name = subject?.CN ?? subject?.O ?? "";
  return Array.isArray(name) ? name.join(", ") : name;
}

/** What a client that names `serverName` is shown. */
export async function lookAtTls(ctx: Ctx, place: Place, serverName: string): Promise<TlsSeen> {
  const socket = await openSocket(ctx, place);
  try {
    return seenOf(await secure(ctx, socket, serverName, place));
  } finally {
    socket.destroy();
  }
}

/** A conversation by lines. */
export class Lines {
  readonly #ctx: Ctx;
  readonly #place: Place;
  #socket: Socket;
  #reader = new LineReader({ lineLengthMaxBytes: limits.doctorLineMaxBytes });
  #ended = false;
  #wake = (): void => {};

  private constructor(ctx: Ctx, place: Place, socket: Socket) {
    this.#ctx = ctx;
    this.#place = place;
    this.#socket = socket;
    this.#listen();
  }

  /** With TLS from the first byte when a server name is given. Throws Trouble. */
  static async open(ctx: Ctx, place: Place, serverName: string | null): Promise<Lines> {
    const socket = await openSocket(ctx, place);
    return new Lines(ctx, place, serverName === null ? socket : await secure(ctx, socket, serverName, place));
  }

  #listen(): void {
    this.#socket.on("data", (chunk: Buffer) => {
      this.#reader.push(chunk);
      this.#wake();
    });
    for (const event of ["end", "close", "error"]) {
      this.#socket.on(event, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  async startTls(serverName: string): Promise<void> {
    const raw = this.#socket;
    for (const event of ["data", "end", "close", "error"]) raw.removeAllListeners(event);
    raw.on("error", () => raw.destroy());
    this.#reader = new LineReader({ lineLengthMaxBytes: limits.doctorLineMaxBytes });
    this.#socket = await secure(this.#ctx, raw, serverName, this.#place);
    this.#listen();
  }

  write(line: string): void {
    if (!this.#ended) this.#socket.write(`${line}\r\n`);
  }

  /** The next line. Throws Trouble at the end and when it takes too long. */
  read(): Promise<string> {
    const next = async (): Promise<string> => {
      for (;;) {
        const event = this.#reader.next();
        if (event?.kind === "error") throw new Trouble(`port ${this.#place.port} sends a line that is too long`);
        if (event?.kind === "line") return Buffer.from(event.bytes).toString("utf8");
        if (this.#ended) throw new Trouble(`port ${this.#place.port} closed the connection`);
        await new Promise<void>((resolve) => { this.#wake = resolve; });
      }
    };
    return inTime(this.#ctx, `port ${this.#place.port}`, limits.doctorAnswerMs, next(), () => this.close());
  }

  /** Lines until one of them satisfies `isLast`, that one included. */
  async readUntil(isLast: (line: string) => boolean): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.read();
      lines.push(line);
      if (isLast(line)) return lines;
      if (lines.length >= limits.doctorLinesMax) throw new Trouble(`port ${this.#place.port} never ends its answer`);
    }
  }

  close(): void {
    this.#ended = true;
    this.#socket.destroy();
    this.#wake();
  }
}

export interface HttpAsk {
  readonly method: string;
  readonly path: string;
  /** Name in the Host field and in TLS. */
  readonly host: string;
  readonly tls: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request on a connection of its own. Throws Trouble. */
export async function askHttp(ctx: Ctx, place: Place, ask: HttpAsk): Promise<HttpAnswer> {
  const raw = await openSocket(ctx, place);
  try {
    const socket = ask.tls ? await secure(ctx, raw, ask.host, place) : raw;
    const body = ask.body === undefined ? null : Buffer.from(ask.body);
    const standard = place.port === (ask.tls ? 443 : 80);
    const answer = new Promise<HttpAnswer>((resolve, reject) => {
      const request = httpRequest({
        createConnection: () => socket, method: ask.method, path: ask.path,
        headers: {
          "host": standard ? ask.host : `${ask.host}:${place.port}`, "user-agent": "outpost-doctor", ...ask.headers,
          ...body === null ? {} : { "content-length": String(body.length) },
        },
      }, (response) => {
        const pieces: Buffer[] = [];
        let size = 0;
        response.on("data", (piece: Buffer) => {
          size += piece.length;
          if (size > limits.doctorBodyMaxBytes) {
            reject(new Trouble("the answer is too long"));
            response.destroy();
          } else pieces.push(piece);
        });
        response.once("error", (error) => reject(troubleOf(error, place)));
        response.once("end", () => resolve({
          status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces),
        }));
      });
      request.once("error", (error) => reject(troubleOf(error, place)));
      request.end(body ?? undefined);
    });
    return await inTime(ctx, `${ask.method} ${ask.path}`, limits.doctorAnswerMs, answer, () => raw.destroy());
  } finally {
    raw.destroy();
  }
}
