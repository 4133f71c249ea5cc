/** The routes every server has: its health, its counts, and a page that tells how to connect. */
import type { HttpRoute } from "#net/http.ts";
import { sendBody, sendJson } from "#net/http.ts";
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

export interface ConnectionSetting {
  /** `IMAP`, `Sending mail (SMTP)` */
  readonly title: string;
  readonly port: number;
  readonly security: "TLS" | "STARTTLS" | "none";
}

/** `/healthz`: 200 while the server serves, 503 while it stops. RFC 9110 §15.6.4 */
export function healthRoute(source: StatusSource): HttpRoute {
  return {
    path: "/healthz",
    methods: {
      async GET({ response }) {
        const ready = source.isReady();
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

/** `/metrics` in the Prometheus text format 0.0.4, by GET as RFC 9110 §9.3.1 has it. */
export function metricsRoute(source: StatusSource): HttpRoute {
  return {
    path: "/metrics",
    methods: {
      async GET({ response }) {
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

/** `/`: the settings for mail programs, as a plain page (RFC 9110 §9.3.1 GET). */
export function welcomeRoute(hostname: string, settings: () => readonly ConnectionSetting[]): HttpRoute {
  return {
    path: "/",
    methods: {
      GET({ response }) {
        response.setHeader("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
        sendBody(response, 200, "text/html; charset=utf-8", welcomePage(hostname, settings()));
      },
    },
  };
}

function welcomePage(hostname: string, settings: readonly ConnectionSetting[]): string {
  const host = escapeHtml(hostname);
  const rows = settings.map(({ title, port, security }) => (
    `<tr><td>${escapeHtml(title)}</td><td>${host}</td><td>${port}</td><td>${security}</td></tr>`
  )).join("\n");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Outpost on ${host}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #ccc }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd } th, td { border-color: #444 } }
</style>
</head>
<body>
<h1>Outpost</h1>
<p>The mail server <strong>${host}</strong> is running. Settings for your mail program:</p>
<table>
<thead><tr><th>For</th><th>Server</th><th>Port</th><th>Security</th></tr></thead>
<tbody>
${rows}
</tbody>
</table>
<p>Sign in with your whole address and your password.</p>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
