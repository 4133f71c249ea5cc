/**
 * Walks the way Outlook, phones and other programs take over HTTP: Autodiscover in every dialect under every name, then
 * the endpoint it told, with a real sign-in. [MS-OXDISCO] 3.1.5, [MS-OXDSCLI] 3.1.5, [MS-OXCMAPIHTTP] 3.1.5
 */
import type { Ctx } from "#base/ctx.ts";
import { WireError } from "#base/fault.ts";
import { askHttp, Trouble } from "#doctor/connect.ts";
import type { HttpAnswer, HttpAsk, Place } from "#doctor/connect.ts";
import { bad, listed, ok, skipped } from "#doctor/finding.ts";
import type { Finding } from "#doctor/finding.ts";
import type { SignInAs } from "#doctor/mail-ports.ts";
import type { PortName, Setting } from "#doctor/setting.ts";
import {
  ewsRequest, mapiConnectBody, mapiTrouble, nspiBindBody, poxRequest, readEws, readMobile, readPox, readSoap,
  soapRequest,
} from "#doctor/web-requests.ts";
import type { PoxSettings } from "#doctor/web-requests.ts";
import { webProtocols } from "#wire/autodiscover/published.ts";
import type { WebProtocol } from "#wire/autodiscover/published.ts";

/** Where a name leads by the name system. */
export type Leads = "here" | "elsewhere" | "nowhere" | "unknown";

export interface WebCall {
  readonly ctx: Ctx;
  readonly setting: Setting;
  readonly place: (name: PortName) => Place;
  readonly person: SignInAs | null;
  /** Of the person, else the first. */
  readonly domain: string | null;
  readonly leads: (name: string) => Promise<Leads>;
  readonly served: Promise<ReadonlySet<WebProtocol>>;
}

const lookAtLog = "Look into the server's log.";

function ask(call: WebCall, request: Omit<HttpAsk, "tls"> & { tls?: boolean }): Promise<HttpAnswer> {
  const { tls = true } = request;
  return askHttp(call.ctx, call.place(tls ? "https" : "http"), { ...request, tls });
}

function authorization({ address, password }: SignInAs): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${address}:${password}`, "utf8").toString("base64")}` };
}

/** Turns what a check stumbles over into its finding. */
async function guarded(id: string, what: string, about: string | null, body: () => Promise<Finding>): Promise<Finding> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof Trouble) && !(error instanceof WireError)) throw error;
    return bad(id, `${what} does not work: ${error.message}.`, lookAtLog, about === null ? {} : { about });
  }
}

/** Protocols at whose path something answers, whoever asks. */
export async function findServed(
  ctx: Ctx, setting: Setting, place: (name: PortName) => Place,
): Promise<ReadonlySet<WebProtocol>> {
  const names = Object.keys(webProtocols) as WebProtocol[];
  const found = await Promise.all(names.map(async (name) => {
    try {
      const request = { method: "GET", path: webProtocols[name].path, host: setting.hostname, tls: true };
      return (await askHttp(ctx, place("https"), request)).status !== 404;
    } catch (error) {
      if (error instanceof Trouble) return false;
      throw error;
    }
  }));
  return new Set(names.filter((_, index) => found[index]));
}

export async function checkWeb(call: WebCall): Promise<Finding[]> {
  const { domain, setting } = call;
  let page: Finding;
  try {
    const { status } = await ask(call, { method: "GET", path: "/", host: setting.hostname });
    const port = setting.ports.https === 443 ? "" : `:${setting.ports.https}`;
    page = status === 200 ? ok("web.page", `The settings page answers: https://${setting.hostname}${port}/`)
      : bad("web.page", `The settings page answers with HTTP status ${status}.`, lookAtLog);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    // Nothing else would answer either.
    return [bad("web", `HTTPS does not work: ${error.message}.`, `${lookAtLog} Then restart it.`)];
  }
  if (domain === null) return [page];
  const names = [domain, `autodiscover.${domain}`];
  const [walks, others, endpoints] = await Promise.all([
    Promise.all(names.map((name) => walk(call, name))), checkDialects(call, domain), checkEndpoints(call),
  ]);
  return [page, ...walks, ...others, ...endpoints];
}

/** Says when a name was asked here though clients would not get here by it. */
function byForce(leads: Leads, name: string): string {
  if (leads === "nowhere") return ` (asked here directly: ${name} is not in DNS)`;
  return leads === "elsewhere" ? ` (asked here directly: ${name} leads elsewhere)` : "";
}

const poxPath = "/autodiscover/autodiscover.xml";
const xml = { "content-type": "text/xml; charset=utf-8" };
const outlook = { "user-agent": "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0; Pro)",
  "x-mapihttpcapability": "1" };

/** One name Outlook asks. Where it is somebody else's web site, that site is not asked. */
async function walk(call: WebCall, name: string): Promise<Finding> {
  const leads = await call.leads(name);
  const what = `Autodiscover at ${name}`;
  if (leads === "elsewhere" && name === call.domain) {
    return skipped("web.autodiscover", `${name} is a web site elsewhere, which Outlook asks first; it was not asked. ` +
      `It should answer 404 at ${poxPath}, and never ask for a password there.`, { about: name });
  }
  const aside = byForce(leads, name);
  return await guarded("web.autodiscover", what, name, async () => {
    const answer = await askPox(call, name);
    const told = readTold(call, answer);
    if (told.trouble !== null) return bad("web.autodiscover", `${what}: ${told.trouble}.`, lookAtLog, { about: name });
    return ok("web.autodiscover", `${what} ${told.text}${aside}.`, { about: name });
  });
}

function askPox(call: WebCall, host: string): Promise<HttpAnswer> {
  const { person } = call;
  return ask(call, {
    method: "POST", path: poxPath, host,
    headers: { ...xml, ...outlook, ...person === null ? {} : authorization(person) },
    body: poxRequest("outlook", person?.address ?? `doctor@${call.domain}`),
  });
}

/** What a challenge or the settings come to. */
function readTold(
  { person }: WebCall, { status, headers, body }: HttpAnswer,
): { trouble: string | null; text: string } {
  if (person === null) {
    const asksBasic = status === 401 && /\bbasic\b/i.test(String(headers["www-authenticate"]));
    return { trouble: asksBasic ? null : `it answers with HTTP status ${status} instead of asking for a password`,
      text: "answers and asks for a password" };
  }
  if (status !== 200) return { trouble: `it answers with HTTP status ${status}`, text: "" };
  const settings = readPox(body);
  if (settings === null) return { trouble: "the answer is no Autodiscover document", text: "" };
  if (settings.error !== null) return { trouble: `it says “${settings.error}”`, text: "" };
  if (settings.kinds.length === 0) return { trouble: "it tells no way in", text: "" };
  return { trouble: null, text: `tells Outlook ${listed([...new Set(settings.kinds)])}` };
}

/** The other ways settings are found: plain redirect, phones, SOAP, JSON, Thunderbird, Apple. */
async function checkDialects(call: WebCall, domain: string): Promise<Finding[]> {
  const { person, setting } = call;
  const served = await call.served;
  const host = `autodiscover.${domain}`;
  const address = person?.address ?? `doctor@${domain}`;
  const sign = person === null ? {} : authorization(person);
  const needsPerson = (id: string, what: string): Finding =>
    skipped(id, `${what} was not tried: nobody signed in.`);
  return (await Promise.all([
    guarded("web.redirect", "The redirect without TLS", null, async () => {
      const { status, headers } = await ask(call, { method: "GET", path: poxPath, host, tls: false });
      const target = String(headers.location ?? "");
      return (status === 302 || status === 301) && target.startsWith(`https://${host}`)
        ? ok("web.redirect", `http://${host} leads on to https.`)
        : bad("web.redirect", `http://${host}${poxPath} answers with HTTP status ${status} instead of leading to https.`,
          lookAtLog);
    }),
    !served.has("activeSync") ? null
      : person === null ? needsPerson("web.phones", "Autodiscover for phones")
        : guarded("web.phones", "Autodiscover for phones", null, async () => {
          const { body } = await ask(call, { method: "POST", path: poxPath, host, headers: { ...xml, ...sign },
            body: poxRequest("mobile", address) });
          const told = readMobile(body);
          return told?.url != null ? ok("web.phones", `Autodiscover tells phones ${told.url}.`)
            : bad("web.phones", `Autodiscover for phones says “${told?.error ?? "nothing readable"}”.`, lookAtLog);
        }),
    person === null ? needsPerson("web.soap", "Autodiscover by SOAP")
      : guarded("web.soap", "Autodiscover by SOAP", null, async () => {
        const { status, body } = await ask(call, { method: "POST", path: "/autodiscover/autodiscover.svc", host,
          headers: { ...xml, ...sign }, body: soapRequest(address) });
        const code = readSoap(body);
        return code === "NoError" ? ok("web.soap", "Autodiscover by SOAP answers (Outlook for Mac, programs on EWS).")
          : bad("web.soap", `Autodiscover by SOAP answers ${code ?? `with HTTP status ${status}`}.`, lookAtLog);
      }),
    guarded("web.json", "Autodiscover by JSON", null, async () => {
      const path = `/autodiscover/autodiscover.json?Email=${encodeURIComponent(address)}&Protocol=AutodiscoverV1`;
      const { status } = await ask(call, { method: "GET", path, host });
      return status === 200 ? ok("web.json", "Autodiscover by JSON answers (Outlook for phones).")
        : bad("web.json", `Autodiscover by JSON answers with HTTP status ${status}.`, lookAtLog);
    }),
    guarded("web.autoconfig", "Thunderbird's file", null, async () => {
      const path = `/mail/config-v1.1.xml?emailaddress=${encodeURIComponent(address)}`;
      const { status, body } = await ask(call, { method: "GET", path, host: `autoconfig.${domain}`, tls: false });
      return status === 200 && body.includes("<clientConfig")
        ? ok("web.autoconfig", `Thunderbird's file answers at autoconfig.${domain}.`)
        : bad("web.autoconfig", `Thunderbird's file answers with HTTP status ${status}.`, lookAtLog);
    }),
    guarded("web.profile", "Apple's profile", null, async () => {
      const path = `/apple.mobileconfig?emailaddress=${encodeURIComponent(address)}`;
      const { status } = await ask(call, { method: "GET", path, host: setting.hostname });
      return status === 200 ? ok("web.profile", "The profile for iPhones and Macs can be downloaded.")
        : bad("web.profile", `Apple's profile answers with HTTP status ${status}.`, lookAtLog);
    }),
  ])).filter((one) => one !== null);
}

/** Protocols behind a sign-in, one row each. */
interface Endpoint {
  readonly protocol: WebProtocol;
  readonly title: string;
  /** The person's switch. */
  readonly off: string;
  /** Null when all is well, else what is not. */
  readonly attempt: (call: WebCall, person: SignInAs, told: PoxSettings | null) => Promise<string | null>;
}

const mapiHeaders = {
  "content-type": "application/mapi-http", "x-requestid": "{00000000-0000-0000-0000-000000000001}:1",
  "x-clientinfo": "{00000000-0000-0000-0000-000000000002}:1", "x-clientapplication": "Outlook/16.0.0.0",
};

/** Opens a session at an address that was told, and ends it. */
async function tryMapi(
  call: WebCall, person: SignInAs, url: string, opens: { type: "Connect" | "Bind"; body: Uint8Array },
  closes: { type: string; body: Uint8Array },
): Promise<string | null> {
  const { hostname, pathname, search } = new URL(url);
  const send = (type: string, body: Uint8Array, more: Record<string, string>): Promise<HttpAnswer> => ask(call, {
    method: "POST", path: `${pathname}${search}`, host: hostname, body,
    headers: { ...mapiHeaders, "x-requesttype": type, ...authorization(person), ...more },
  });
  const answer = await send(opens.type, opens.body, {});
  const trouble = mapiTrouble(opens.type, answer);
  if (trouble !== null) return trouble;
  const cookie = (answer.headers["set-cookie"] ?? []).map((one) => one.split(";")[0]!).join("; ");
  await send(closes.type, closes.body, { cookie });
  return null;
}

function refusedWith(status: number): string {
  return status === 401 ? "the sign-in is refused" : `it answers with HTTP status ${status}`;
}

const endpoints: readonly Endpoint[] = [
  {
    protocol: "mapi", title: "MAPI over HTTP (Outlook's mailbox)", off: "mapi",
    attempt: (call, person, told) => (told?.mailStore == null || told.legacyDn === null
      ? Promise.resolve("Autodiscover does not tell Outlook about it")
      : tryMapi(call, person, told.mailStore, { type: "Connect", body: mapiConnectBody(told.legacyDn) },
        { type: "Disconnect", body: new Uint8Array(4) })),
  },
  {
    protocol: "nspi", title: "MAPI over HTTP (Outlook's address book)", off: "mapi",
    attempt: (call, person, told) => (told?.addressBook == null
      ? Promise.resolve("Autodiscover does not tell Outlook about it")
      : tryMapi(call, person, told.addressBook, { type: "Bind", body: nspiBindBody() },
        { type: "Unbind", body: new Uint8Array(8) })),
  },
  {
    protocol: "ews", title: "Exchange Web Services", off: "ews",
    async attempt(call, person) {
      const { status, body } = await ask(call, {
        method: "POST", path: webProtocols.ews.path, host: call.setting.hostname, body: ewsRequest(),
        headers: { ...xml, ...authorization(person) },
      });
      const code = readEws(body);
      return code === "NoError" ? null : code === null ? refusedWith(status) : `it answers ${code}`;
    },
  },
  {
    protocol: "activeSync", title: "ActiveSync (phones)", off: "eas",
    async attempt(call, person) {
      const { status, headers } = await ask(call, {
        method: "OPTIONS", path: webProtocols.activeSync.path, host: call.setting.hostname,
        headers: authorization(person),
      });
      if (status !== 200) return refusedWith(status);
      return headers["ms-asprotocolversions"] === undefined ? "it names no versions" : null;
    },
  },
  ...([["calDav", "CalDAV (calendars)", "dav"], ["cardDav", "CardDAV (contacts)", "dav"], ["jmap", "JMAP", "jmap"]] as
    const).map(([protocol, title, off]): Endpoint => ({
    protocol, title, off,
    async attempt(call, person) {
      const { status } = await ask(call, {
        method: protocol === "jmap" ? "GET" : "PROPFIND", path: webProtocols[protocol].path,
        host: call.setting.hostname, headers: { ...authorization(person), depth: "0" },
      });
      return status === 200 || status === 207 ? null : refusedWith(status);
    },
  })),
];

async function checkEndpoints(call: WebCall): Promise<Finding[]> {
  const { person, setting } = call;
  const served = await call.served;
  let told: PoxSettings | null = null;
  if (person !== null) {
    try {
      told = readPox((await askPox(call, setting.hostname)).body);
    } catch (error) {
      // The walk through Autodiscover tells why.
      if (!(error instanceof Trouble)) throw error;
    }
  }
  const missing = endpoints.filter(({ protocol }) => !served.has(protocol)).map(({ title }) => title);
  const tried = await Promise.all(endpoints.filter(({ protocol }) => served.has(protocol)).map((endpoint) => {
    const { protocol, title, off, attempt } = endpoint;
    const id = `web.${protocol}`;
    if (person === null) return skipped(id, `${title} answers; nobody signed in.`);
    if (person.off.includes(off)) {
      return skipped(id, `${title} is switched off for ${person.address}.`);
    }
    return guarded(id, title, null, async () => {
      const trouble = await attempt(call, person, told);
      return trouble === null ? ok(id, `${title}: ${person.address} can sign in.`)
        : bad(id, `${title} does not work: ${trouble}.`, lookAtLog);
    });
  }));
  return missing.length === 0 ? tried
    : [...tried, skipped("web.not-served", `Not served here: ${listed(missing)}.`)];
}
