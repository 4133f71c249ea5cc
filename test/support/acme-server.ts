/**
 * A certificate authority for tests after RFC 8555: signatures, nonces and states are checked, names are proved over
 * real connections to loopback (HTTP-01, TLS-ALPN-01 of RFC 8737), requests are checked and signed by `openssl`.
 */
import { execFileSync } from "node:child_process";
import { createHash, createPublicKey, randomBytes, verify, X509Certificate } from "node:crypto";
import type { webcrypto } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";

type JsonWebKey = webcrypto.JsonWebKey;
type Json = Record<string, unknown>;

interface Account {
  readonly url: string;
  readonly jwk: JsonWebKey;
  readonly contact: unknown;
}
interface Challenge {
  readonly type: string;
  readonly token: string;
  readonly url: string;
  status: "pending" | "processing" | "valid" | "invalid";
  error?: Json;
}
interface Authorization {
  readonly url: string;
  readonly name: string;
  status: "pending" | "valid" | "invalid";
  readonly challenges: Challenge[];
}
interface Order {
  readonly url: string;
  readonly account: Account;
  readonly names: string[];
  readonly authorizations: Authorization[];
  status: "pending" | "ready" | "processing" | "valid" | "invalid";
  certificate?: string;
}

/** What the next requests run into. */
export interface AcmeTroubles {
  /** So many signed requests are answered with badNonce. */
  badNonces: number;
  /** newOrder answers rateLimited with this Retry-After, seconds. */
  rateLimitSeconds: number | null;
  /** Every request answers 500. */
  down: boolean;
  /** These names have no way to them. */
  unreachable: string[];
  /** The answer of finalize never gets to the client, though the certificate is issued. */
  dropFinalize: boolean;
}

export class AcmeServer {
  readonly troubles: AcmeTroubles = {
    badNonces: 0, rateLimitSeconds: null, down: false, unreachable: [], dropFinalize: false,
  };
  /** What was asked, in order: `newOrder mail.example.test`. */
  readonly requests: string[] = [];
  /** How names were proved. */
  readonly proofs: string[] = [];
  /** Where names lead; set before challenges are answered. */
  ports = { http: 0, https: 0 };
  offered: readonly string[] = ["http-01", "tls-alpn-01", "dns-01"];
  lifetimeDays = 90;
  readonly #folder: string;
  readonly #server: Server;
  readonly #nonces = new Set<string>();
  readonly #accounts = new Map<string, Account>();
  readonly #items = new Map<string, Order | Authorization | Challenge>();
  readonly #certificates = new Map<string, string>();
  readonly #revoked = new Set<string>();
  #next = 1;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = createServer((incoming, response) => {
      this.#answer(incoming, response).catch((error: unknown) => this.#problem(response, 500, "serverInternal", error));
    });
  }

  /** `folder` takes the keys of the authority. */
  static async start(folder: string): Promise<AcmeServer> {
    const acme = new AcmeServer(folder);
    openssl(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
      "-subj", "/CN=Test issuing authority", "-addext", "basicConstraints=critical,CA:true,pathlen:0",
      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", join(folder, "issuer.key"),
      "-out", acme.caFile]);
    await new Promise<void>((resolve) => { acme.#server.listen(0, "127.0.0.1", resolve); });
    return acme;
  }

  get caFile(): string {
    return join(this.#folder, "issuer.pem");
  }

  get #base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get directory(): string {
    return `${this.#base}/directory`;
  }

  get accountCount(): number {
    return this.#accounts.size;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** From now on the authority wants this certificate replaced. RFC 9773 §4.2 */
  revoke(certificate: X509Certificate): void {
    this.#revoked.add(certificate.serialNumber);
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = incoming.url ?? "";
    if (this.troubles.down) return this.#problem(response, 500, "serverInternal", "down");
    if (path === "/directory") {
      const names = { newNonce: "new-nonce", newAccount: "new-account", newOrder: "new-order",
        revokeCert: "revoke", keyChange: "key-change", renewalInfo: "renewal" };
      const urls = Object.entries(names).map(([key, name]) => [key, `${this.#base}/${name}`]);
      return this.#send(response, 200, { ...Object.fromEntries(urls) as Json, meta: { termsOfService: this.#base } });
    }
    if (path === "/new-nonce") return this.#send(response, incoming.method === "HEAD" ? 200 : 204, null);
    if (path.startsWith("/renewal/")) return this.#renewal(response, path.slice(9));
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    if (incoming.method !== "POST") return this.#problem(response, 405, "malformed", "POST only");
    const signed = this.#verified(`${this.#base}${path}`, Buffer.concat(chunks));
    if (typeof signed === "string") return this.#problem(response, signed === "badNonce" ? 400 : 401, signed, signed);
    if (path === "/new-account") return this.#newAccount(response, signed.jwk, signed.payload);
    if (signed.account === null) return this.#problem(response, 401, "accountDoesNotExist", "who are you");
    if (`${this.#base}${path}` === signed.account.url) return this.#send(response, 200, { status: "valid" });
    if (path === "/new-order") return this.#newOrder(response, signed.account, signed.payload);
    return await this.#item(response, path, signed.account, signed.payload);
  }

  /** RFC 8555 §6.2 to §6.5: the signature, the address it was made for, a nonce used once. */
  #verified(url: string, body: Buffer): { account: Account | null; jwk: JsonWebKey; payload: Json | null } | string {
    const jws = JSON.parse(body.toString()) as { protected: string; payload: string; signature: string };
    const header = decode(jws.protected) as { alg: string; nonce: string; url: string; kid?: string; jwk?: JsonWebKey };
    if (this.troubles.badNonces > 0) {
      this.troubles.badNonces--;
      return "badNonce";
    }
    if (!this.#nonces.delete(header.nonce)) return "badNonce";
    if (header.url !== url || header.alg !== "ES256") return "malformed";
    if ((header.kid === undefined) === (header.jwk === undefined)) return "malformed";
    const account = [...this.#accounts.values()].find((one) => one.url === header.kid) ?? null;
    const jwk = header.jwk ?? account?.jwk;
    if (jwk === undefined) return "accountDoesNotExist";
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const isGood = verify("sha256", Buffer.from(`${jws.protected}.${jws.payload}`),
      { key, dsaEncoding: "ieee-p1363" }, Buffer.from(jws.signature, "base64url"));
    if (!isGood) return "malformed";
    return { account, jwk, payload: jws.payload === "" ? null : decode(jws.payload) };
  }

  #newAccount(response: ServerResponse, jwk: JsonWebKey, payload: Json | null): void {
    if (payload?.["termsOfServiceAgreed"] !== true) return this.#problem(response, 403, "userActionRequired", "terms");
    const id = thumbprint(jwk);
    const known = this.#accounts.get(id);
    const account = known ?? { url: `${this.#base}/account/${id}`, jwk, contact: payload["contact"] };
    this.#accounts.set(id, account);
    this.requests.push(`newAccount ${known === undefined ? "made" : "known"}`);
    response.setHeader("location", account.url);
    this.#send(response, known === undefined ? 201 : 200, { status: "valid", contact: account.contact });
  }

  #newOrder(response: ServerResponse, account: Account, payload: Json | null): void {
    const names = (payload?.["identifiers"] as { type: string; value: string }[]).map(({ value }) => value);
    this.requests.push(`newOrder ${names.join(" ")}`);
    if (this.troubles.rateLimitSeconds !== null) {
      response.setHeader("retry-after", String(this.troubles.rateLimitSeconds));
      return this.#problem(response, 429, "rateLimited", "too many certificates");
    }
    const authorizations = names.map((name): Authorization => {
      const challenges = this.offered.map((type): Challenge => {
        const token = randomBytes(16).toString("base64url");
        return this.#add("challenge", (url) => ({ type, token, url, status: "pending" }));
      });
      return this.#add("authorization", (url) => ({ url, name, status: "pending", challenges }));
    });
    const order = this.#add("order", (url): Order => ({ url, account, names, authorizations, status: "pending" }));
    response.setHeader("location", order.url);
    this.#send(response, 201, this.#view(order));
  }

  #add<T extends Order | Authorization | Challenge>(kind: string, make: (url: string) => T): T {
    const item = make(`${this.#base}/${kind}/${this.#next++}`);
    this.#items.set(item.url, item);
    return item;
  }

  async #item(response: ServerResponse, path: string, account: Account, payload: Json | null): Promise<void> {
    const chain = this.#certificates.get(path);
    if (chain !== undefined) {
      response.setHeader("content-type", "application/pem-certificate-chain");
      response.setHeader("replay-nonce", this.#nonce());
      response.end(chain);
      return;
    }
    const finalized = this.#items.get(`${this.#base}${path.replace(/\/finalize$/, "")}`);
    if (path.endsWith("/finalize") && finalized !== undefined && "names" in finalized) {
      return this.#finalize(response, finalized, payload);
    }
    const item = this.#items.get(`${this.#base}${path}`);
    if (item === undefined) return this.#problem(response, 404, "malformed", "nothing there");
    if ("token" in item && payload !== null && item.status === "pending") {
      item.status = "processing";
      // The proof is looked for beside the answer, as real authorities do.
      void this.#validate(item, `${item.token}.${thumbprint(account.jwk)}`);
    }
    if ("names" in item && item.status === "pending" && item.authorizations.every(({ status }) => status === "valid")) {
      item.status = "ready";
    }
    this.#send(response, 200, this.#view(item));
  }

  #view(item: Order | Authorization | Challenge): Json {
    if ("names" in item) {
      return { status: item.status, identifiers: item.names.map((value) => ({ type: "dns", value })),
        authorizations: item.authorizations.map(({ url }) => url), finalize: `${item.url}/finalize`,
        ...item.certificate === undefined ? {} : { certificate: item.certificate } };
    }
    if ("token" in item) return { ...item };
    return { status: item.status, identifier: { type: "dns", value: item.name },
      challenges: item.challenges.map((challenge) => ({ ...challenge })) };
  }

  async #validate(challenge: Challenge, answer: string): Promise<void> {
    const authorization = [...this.#items.values()].find((item): item is Authorization =>
      "challenges" in item && item.challenges.includes(challenge))!;
    const { name } = authorization;
    // A server that asks before its test knows its ports.
    for (let wait = 0; this.ports.https === 0 && wait < 300; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    try {
      if (this.troubles.unreachable.includes(name)) throw new Error(`no route to ${name}`);
      if (challenge.type === "http-01") await this.#proveHttp(name, challenge.token, answer);
      else if (challenge.type === "tls-alpn-01") await this.#proveTls(name, answer);
      else throw new Error("not possible here");
      this.proofs.push(`${challenge.type} ${name}`);
      challenge.status = authorization.status = "valid";
    } catch (error) {
      challenge.error = { type: "urn:ietf:params:acme:error:connection", detail: (error as Error).message };
      challenge.status = authorization.status = "invalid";
    }
  }

  /** RFC 8555 §8.3 */
  async #proveHttp(name: string, token: string, answer: string): Promise<void> {
    const body = await new Promise<string>((resolve, reject) => {
      httpRequest({
        host: "127.0.0.1", port: this.ports.http, path: `/.well-known/acme-challenge/${token}`,
        headers: { host: name }, timeout: 5000,
      }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        let text = "";
        response.on("data", (chunk: Buffer) => { text += chunk.toString(); });
        response.on("end", () => resolve(text.trimEnd()));
      }).once("error", reject).end();
    });
    if (body !== answer) throw new Error(`not the key authorization: ${body.slice(0, 40)}`);
  }

  /** RFC 8737 §3: one name, and the digest in a critical extension. */
  async #proveTls(name: string, answer: string): Promise<void> {
    const certificate = await new Promise<X509Certificate>((resolve, reject) => {
      const socket = connectTls({
        host: "127.0.0.1", port: this.ports.https, servername: name, ALPNProtocols: ["acme-tls/1"],
        rejectUnauthorized: false, timeout: 5000,
      }, () => {
        const peer = socket.getPeerX509Certificate();
        if (socket.alpnProtocol === "acme-tls/1" && peer !== undefined) resolve(peer);
        else reject(new Error(`protocol ${socket.alpnProtocol}`));
        socket.end();
      });
      socket.once("error", reject);
    });
    if (certificate.subjectAltName !== `DNS:${name}`) throw new Error(`names ${certificate.subjectAltName}`);
    const digest = createHash("sha256").update(answer).digest();
    const extension = Buffer.concat([Buffer.from("06082b0601050507011f0101ff04220420", "hex"), digest]);
    if (!certificate.raw.includes(extension)) throw new Error("no acmeIdentifier with the digest");
  }

  /** RFC 8555 §7.4: the request must be signed by its key and name what was proved, no more and no less. */
  #finalize(response: ServerResponse, order: Order, payload: Json | null): void {
    if (order.status !== "ready") return this.#problem(response, 403, "orderNotReady", order.status);
    const file = join(this.#folder, `request-${this.#next++}`);
    writeFileSync(`${file}.der`, Buffer.from(String(payload?.["csr"]), "base64url"));
    const text = openssl(["req", "-inform", "DER", "-in", `${file}.der`, "-verify", "-noout", "-text"]);
    const names = [...text.matchAll(/DNS:([^\s,]+)/g)].map(([, name]) => name!);
    if (names.toSorted().join() !== order.names.toSorted().join()) {
      return this.#problem(response, 400, "badCSR", `names ${names.join()}`);
    }
    openssl(["req", "-inform", "DER", "-in", `${file}.der`, "-out", `${file}.csr`]);
    writeFileSync(`${file}.ext`, "authorityKeyIdentifier=keyid\nextendedKeyUsage=serverAuth\n");
    openssl(["x509", "-req", "-in", `${file}.csr`, "-CA", this.caFile, "-CAkey", join(this.#folder, "issuer.key"),
      "-days", String(this.lifetimeDays), "-copy_extensions", "copy", "-extfile", `${file}.ext`,
      "-set_serial", `0x00${randomBytes(15).toString("hex")}`, "-out", `${file}.pem`]);
    const path = `/certificate/${this.#next++}`;
    this.#certificates.set(path, readFileSync(`${file}.pem`, "latin1") + readFileSync(this.caFile, "latin1"));
    order.status = "valid";
    order.certificate = `${this.#base}${path}`;
    this.requests.push(`issued ${order.names.join(" ")}`);
    if (this.troubles.dropFinalize) {
      this.troubles.dropFinalize = false;
      this.troubles.down = true;
      response.destroy();
      return;
    }
    this.#send(response, 200, this.#view(order));
  }

  #renewal(response: ServerResponse, id: string): void {
    const [key, serial] = id.split(".").map((part) => Buffer.from(part, "base64url").toString("hex").toUpperCase());
    const issuer = openssl(["x509", "-in", this.caFile, "-noout", "-ext", "subjectKeyIdentifier"])
      .replace(/[^]*\n/, "").replace(/[\s:]/g, "");
    const known = issuer === "" || issuer === key;
    if (!known) return this.#problem(response, 404, "malformed", `unknown certificate ${id}`);
    const isRevoked = [...this.#revoked].some((one) => one.replace(/^0+/, "") === serial!.replace(/^0+/, ""));
    const at = isRevoked ? Date.now() - 86_400_000 : Date.now() + 1000 * 86_400_000;
    this.#send(response, 200, { suggestedWindow: {
      start: new Date(at - 3_600_000).toISOString(), end: new Date(at).toISOString(),
    } });
  }

  #nonce(): string {
    const nonce = randomBytes(12).toString("base64url");
    this.#nonces.add(nonce);
    return nonce;
  }

  #send(response: ServerResponse, status: number, body: Json | null): void {
    response.setHeader("replay-nonce", this.#nonce());
    response.setHeader("content-type", "application/json");
    response.writeHead(status);
    response.end(body === null ? undefined : JSON.stringify(body));
  }

  #problem(response: ServerResponse, status: number, type: string, detail: unknown): void {
    response.setHeader("replay-nonce", this.#nonce());
    response.setHeader("content-type", "application/problem+json");
    response.writeHead(status);
    response.end(JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail: String(detail) }));
  }
}

function decode(part: string): Json {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as Json;
}

/** RFC 7638 §3 for a key of an elliptic curve. */
function thumbprint(jwk: JsonWebKey): string {
  const text = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y });
  return createHash("sha256").update(text).digest("base64url");
}

function openssl(args: string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
