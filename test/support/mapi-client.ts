/** A client of MAPI over HTTP: headers, cookies and meta-tags as Outlook handles them. [MS-OXCMAPIHTTP] */
import { request as httpsRequest } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import { Agent } from "node:https";
import { parseAnswer } from "#wire/mapi/http-frame.ts";
import { password } from "./server.ts";
import type { TestServer } from "./server.ts";

export interface MapiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** X-ResponseCode: that of the body's headers when there is one, else of the answer's. */
  readonly code: number;
  readonly metaTags: readonly string[];
  readonly body: Uint8Array;
  readonly raw: Buffer;
}

export class MapiClient {
  readonly #server: TestServer;
  readonly #path: string;
  readonly #authorization: string;
  readonly #agent: Agent;
  readonly cookies = new Map<string, string>();
  #requests = 0;

  constructor(server: TestServer, path: string, user: string, secret: string = password) {
    this.#server = server;
    this.#path = path;
    this.#authorization = `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}`;
    this.#agent = new Agent({ keepAlive: true, ca: server.caPem, servername: "localhost" });
  }

  async post(type: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<MapiAnswer> {
    const answer = await new Promise<{ status: number; headers: IncomingHttpHeaders; raw: Buffer }>(
      (resolve, reject) => {
        const request = httpsRequest({
          host: "127.0.0.1", port: this.#server.ports.https, agent: this.#agent, path: this.#path, method: "POST",
          headers: {
            "host": `localhost:${this.#server.ports.https}`, "authorization": this.#authorization,
            "content-type": "application/mapi-http", "content-length": body.length,
            "x-requesttype": type, "x-requestid": `{C715155F-2BE8-44E0-BD34-2960067874C8}:${++this.#requests}`,
            "x-clientinfo": "{2F94A2BF-A2E6-4CCC-BF98-B5F22C542226}:1",
            "x-clientapplication": "Outlook/16.0.10730.20102",
            ...this.cookies.size === 0 ? {}
              : { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
            ...headers,
          },
        }, (response) => {
          const pieces: Buffer[] = [];
          response.on("data", (piece: Buffer) => pieces.push(piece));
          response.once("error", reject);
          response.once("end", () => resolve({
            status: response.statusCode ?? 0, headers: response.headers, raw: Buffer.concat(pieces),
          }));
        });
        request.once("error", reject);
        request.end(body);
      });
    for (const cookie of answer.headers["set-cookie"] ?? []) {
      const [pair = ""] = cookie.split(";");
      this.cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    const parsed = parseAnswer(answer.raw);
    const isWhole = answer.headers["content-type"] === "application/mapi-http" && parsed !== null;
    return {
      ...answer, metaTags: parsed?.metaTags ?? [], body: isWhole ? parsed.body : new Uint8Array(0),
      code: Number((isWhole ? parsed.headers.get("x-responsecode") : undefined) ?? answer.headers["x-responsecode"]),
    };
  }

  close(): void {
    this.#agent.destroy();
  }
}
