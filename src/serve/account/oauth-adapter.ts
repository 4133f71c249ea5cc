/**
 * Keeps the token provider's rows with the server's data. Tokens and codes are kept under their SHA-256: whoever reads
 * the data holds no token. RFC 6819 §5.1.4.1.3
 */
import { createHash } from "node:crypto";
import type { Ctx } from "#base/ctx.ts";
import { Fault } from "#base/fault.ts";
import type { Credentials } from "#directory/credentials.ts";

type Payload = Record<string, unknown>;

/** Models whose id is itself the secret somebody shows. */
const secretModels = new Set(["AccessToken", "RefreshToken", "AuthorizationCode", "DeviceCode"]);

/** RFC 6819 §5.1.4.1.3 */
export function oauthRowId(model: string, id: string): string {
  return secretModels.has(model) ? createHash("sha256").update(`${model}\0${id}`).digest("base64url") : id;
}

/** The provider's own interface to storage, one for each model. RFC 6749 §1.4, §1.5 */
export class OauthAdapter {
  readonly #ctx: Ctx;
  readonly #credentials: Credentials;
  readonly #model: string;

  constructor(ctx: Ctx, credentials: Credentials, model: string) {
    this.#ctx = ctx;
    this.#credentials = credentials;
    this.#model = model;
  }

  async upsert(id: string, payload: Payload, expiresIn?: number): Promise<void> {
    const kept = secretModels.has(this.#model) ? { ...payload, jti: undefined } : payload;
    const text = (name: string): string | null => typeof payload[name] === "string" ? payload[name] : null;
    const rowId = oauthRowId(this.#model, id);
    await this.#credentials.putOauthRow(this.#ctx, {
      model: this.#model, id: rowId, payload: JSON.stringify(kept),
      grantId: this.#model === "Grant" ? rowId : text("grantId"), uid: text("uid"), userCode: text("userCode"),
      account: text("accountId"),
      expiresMs: expiresIn === undefined ? null : this.#ctx.system.nowMs() + expiresIn * 1000,
    });
  }

  async find(id: string): Promise<Payload | undefined> {
    const row = { model: this.#model, id: oauthRowId(this.#model, id) };
    const payload = await this.#credentials.oauthRow(this.#ctx, row);
    if (payload === null) return undefined;
    const found = JSON.parse(payload) as Payload;
    return secretModels.has(this.#model) ? { ...found, jti: id } : found;
  }

  async findByUid(uid: string): Promise<Payload | undefined> {
    const payload = await this.#credentials.oauthRow(this.#ctx, { model: this.#model, uid });
    return payload === null ? undefined : JSON.parse(payload) as Payload;
  }

  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    const payload = await this.#credentials.oauthRow(this.#ctx, { model: this.#model, userCode });
    return payload === null ? undefined : JSON.parse(payload) as Payload;
  }

  /** Of two programs that race with one code only one gets through. RFC 6749 §4.1.2 */
  async consume(id: string): Promise<void> {
    const isFirst = await this.#credentials.consumeOauthRow(this.#ctx, this.#model, oauthRowId(this.#model, id));
    if (!isFirst) throw new Fault("conflict", "The code or token was used already.");
  }

  async destroy(id: string): Promise<void> {
    await this.#credentials.removeOauthRows(this.#ctx, { model: this.#model, id: oauthRowId(this.#model, id) });
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#credentials.removeOauthRows(this.#ctx, { grantId });
  }
}
