/** All pages of signing in and of the account. RFC 9110 §9.3.1 */
import { limits } from "#base/limits.ts";
import type { HttpRoute } from "#net/http.ts";
import { accountRoutes } from "#serve/account/account-pages.ts";
import { passkeyRoutes } from "#serve/account/passkeys.ts";
import { secondFactorRoutes } from "#serve/account/second-factor-pages.ts";
import { signInRoutes } from "#serve/account/sign-in-pages.ts";
import type { Web } from "#serve/account/web.ts";

/** Nothing here is compressed: pages hold secrets beside what strangers can choose. RFC 9110 §8.4 */
export function pageRoutes(web: Web): HttpRoute[] {
  const routes = [...signInRoutes(web), ...accountRoutes(web), ...secondFactorRoutes(web), ...passkeyRoutes(web)];
  return routes.map((route) => ({ ...route, compress: false, bodyMaxBytes: limits.webFormMaxBytes }));
}
