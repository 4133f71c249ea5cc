/** Signing in beyond names and passwords: the pages, our own provider of access tokens, an outside one. */
import type { Ctx } from "#base/ctx.ts";
import { Credentials } from "#directory/credentials.ts";
import type { BearerSource } from "#directory/directory.ts";
import type { Config } from "#main/config.ts";
import type { Opened } from "#main/open.ts";
import { readAudit } from "#mailbox/tx/audit.ts";
import type { HttpRoute } from "#net/http.ts";
import { Forms } from "#serve/account/forms.ts";
import { OauthProvider } from "#serve/account/oauth-provider.ts";
import { OutsideProvider } from "#serve/account/outside-provider.ts";
import { pageRoutes } from "#serve/account/routes.ts";
import { Web } from "#serve/account/web.ts";

/** Tells the directory who gives tokens out, and gives the routes of the pages. */
export async function openSignIn(
  ctx: Ctx, config: Config, { store, directory, audit }: Pick<Opened, "store" | "directory"> & Partial<Opened>,
  httpsPort: number,
): Promise<HttpRoute[]> {
  const { own, outside, clients } = config.tokens;
  const origin = `https://${config.hostname.toLowerCase()}${httpsPort === 443 ? "" : `:${httpsPort}`}`;
  const credentials = new Credentials(store, directory);
  const forms = new Forms(await directory.secret(ctx, "web-forms"));
  const web = new Web({
    directory, credentials, forms, origin,
    async mailboxAudit(context, mailboxId, limitRows) {
      await audit?.flush();
      return await store.read(context, mailboxId, () => readAudit(mailboxId, limitRows));
    },
  });
  directory.accountPage = `${origin}/account`;
  const sources: BearerSource[] = [];
  const routes = pageRoutes(web);
  if (outside !== null) {
    const provider = new OutsideProvider(ctx, outside);
    sources.push(provider.source);
    void provider.warmUp();
  }
  if (own) {
    const provider = new OauthProvider(ctx, web, clients);
    sources.push(provider.source);
    routes.push(...provider.routes());
  }
  directory.bearerSources = sources;
  return routes;
}
