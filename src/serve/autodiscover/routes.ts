/** Every path of discovery. [MS-OXDSCLI] 3.2.5, [MS-OXWSADISC] 2.1 */
import type { HttpRoute } from "#net/http.ts";
import { autoconfigRoutes, jsonRoute, profileRoute, wellKnownRoutes } from "#serve/autodiscover/open-routes.ts";
import { poxRoute } from "#serve/autodiscover/pox.ts";
import { Autodiscover } from "#serve/autodiscover/service.ts";
import type { AutodiscoverOptions } from "#serve/autodiscover/service.ts";
import { soapRoute } from "#serve/autodiscover/soap.ts";

/** The routes to add to the front. [MS-OXDSCLI] 3.2.5 */
export function autodiscoverRoutes(options: AutodiscoverOptions): HttpRoute[] {
  const service = new Autodiscover(options);
  return [
    poxRoute(service), soapRoute(service), jsonRoute(service), ...autoconfigRoutes(service), profileRoute(service),
    ...wellKnownRoutes(service),
  ];
}

/**
 * Whether one of the routes answers at `path`, with or without its last slash. A route for everything (`/*`) is no
 * endpoint of a protocol. [MS-OXDISCO] 1.3
 */
export function servesPath(routes: readonly HttpRoute[], path: string): boolean {
  const bare = path.toLowerCase().replace(/\/$/, "");
  return routes.some((route) => {
    const at = route.path.toLowerCase();
    if (at.endsWith("*")) return at.length > 2 && `${bare}/`.startsWith(at.slice(0, -1));
    return at.replace(/\/$/, "") === bare;
  });
}
