/** The routes every server has: its health, its counts, and proofs for a certificate authority. */
import type { AddressList } from "#net/addresses.ts";
import { isLoopbackAddress } from "#net/addresses.ts";
import type { HttpRequest, HttpRoute } from "#net/http.ts";
import { sendBody, sendJson, sendText } from "#net/http-answer.ts";
import type { ListenerStats } from "#net/api.ts";

export interface StatusSource {
  readonly hostname: string;
  readonly version?: string;
  /** Started at, UTC milliseconds. */
  readonly startedMs: number;
  readonly nowMs: () => number;
  readonly listeners: () => readonly ListenerStats[];
  /** Messages waiting to go out; left out where there is no queue. */
  readonly queueDepth?: () => Promise<number> | number;
  /** False once the server begins to stop. */
  readonly isReady: () => boolean;
}

/**
 * Whether the asker may see the server's counts. A proxy on this machine that is not in the list of trusted ones makes
 * everybody look local, so that its marks on a request count as "from outside".
 */
function isWatcher({ remoteAddress, peerAddress, incoming }: HttpRequest, watchers: AddressList): boolean {
  if (!watchers.has(remoteAddress)) return false;
  const marks = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"];
  const isPassedOn = marks.some((name) => incoming.headers[name] !== undefined);
  return !(isLoopbackAddress(remoteAddress) && remoteAddress === peerAddress && isPassedOn);
}

/**
 * `/healthz`: 200 while the server serves, 503 while it stops, with numbers for `watchers`; also without TLS, for load
 * balancers. RFC 9110 §15.6.4
 */
export function healthRoute(source: StatusSource, watchers: AddressList): HttpRoute {
  return {
    path: "/healthz",
    servesPlain: true,
    methods: {
      async GET(request) {
        const { response } = request;
        const ready = source.isReady();
        if (!isWatcher(request, watchers)) {
          return sendJson(response, ready ? 200 : 503, { status: ready ? "ok" : "stopping" });
        }
        const queueDepth = await source.queueDepth?.();
        sendJson(response, ready ? 200 : 503, {
          status: ready ? "ok" : "stopping",
          ...(source.version === undefined ? {} : { version: source.version }),
          uptimeSeconds: Math.floor((source.nowMs() - source.startedMs) / 1000),
          ...(queueDepth === undefined ? {} : { queueDepth }),
        });
      },
    },
  };
}

/** `/metrics` in the Prometheus text format 0.0.4 for `watchers`, also without TLS (RFC 9110 §9.3.1 GET). */
export function metricsRoute(source: StatusSource, watchers: AddressList): HttpRoute {
  return {
    path: "/metrics",
    servesPlain: true,
    methods: {
      async GET(request) {
        const { response } = request;
        if (!isWatcher(request, watchers)) {
          return sendText(response, 403, "The counts are for this machine and the addresses in metricsFrom.");
        }
        const lines: string[] = [];
        const metric = (
          name: string, type: "gauge" | "counter", help: string, rows: readonly [labels: string, value: number][],
        ): void => {
          lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
          for (const [labels, value] of rows) lines.push(`${name}${labels} ${value}`);
        };
        const stats = source.listeners();
        const rows = (key: "open" | "accepted" | "refused"): [string, number][] => (
          stats.map((each) => [`{listener="${each.name}",port="${each.port}"}`, each[key]])
        );
        const uptimeSeconds = (source.nowMs() - source.startedMs) / 1000;
        metric("outpost_uptime_seconds", "gauge", "Time since the start.", [["", uptimeSeconds]]);
        metric("outpost_connections_open", "gauge", "Open connections.", rows("open"));
        metric("outpost_connections_accepted_total", "counter", "Connections let in.", rows("accepted"));
        metric("outpost_connections_refused_total", "counter", "Connections turned away at a limit.", rows("refused"));
        metric("process_resident_memory_bytes", "gauge", "Memory held.", [["", process.memoryUsage.rss()]]);
        const queueDepth = await source.queueDepth?.();
        if (queueDepth !== undefined) metric("outpost_queue_depth", "gauge", "Messages waiting.", [["", queueDepth]]);
        sendBody(response, 200, "text/plain; version=0.0.4; charset=utf-8", `${lines.join("\n")}\n`);
      },
    },
  };
}

/** Where a certificate authority looks for proof that this server has a name, without TLS. RFC 8555 §8.3 */
export function acmeChallengeRoute(answerTo: (token: string) => string | null): HttpRoute {
  const start = "/.well-known/acme-challenge/";
  return {
    path: `${start}*`,
    servesPlain: true,
    methods: {
      GET({ path, response }) {
        const answer = answerTo(path.slice(start.length));
        if (answer === null) return sendText(response, 404, "No such proof is under way.");
        sendBody(response, 200, "application/octet-stream", answer);
      },
    },
  };
}
