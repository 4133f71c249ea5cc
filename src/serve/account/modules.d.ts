/** As much of two packages without types of their own as is used here. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";
  export interface ProviderAccount {
    accountId: string;
    claims(use: string, scope: string): Promise<Record<string, unknown>>;
  }
  export interface InteractionDetails {
    readonly uid: string;
    readonly iat: number;
    readonly prompt: { readonly name: string; readonly reasons: readonly string[] };
    readonly params: Readonly<Record<string, unknown>>;
    readonly grantId?: string;
    readonly session?: { readonly accountId: string; readonly uid?: string };
  }
  export interface ProviderSession {
    accountId: string | undefined;
    authorizations: Readonly<Record<string, unknown>> | undefined;
    persist(): Promise<unknown>;
  }
  export interface ProviderGrant {
    readonly accountId?: string;
    addOIDCScope(scope: string): void;
    addOIDCClaims(claims: readonly string[]): void;
    save(): Promise<string>;
  }
  export interface ProviderClient {
    readonly clientId: string;
    readonly clientName?: string;
    grantTypeAllowed(type: string): boolean;
  }
  export default class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    proxy: boolean;
    readonly Grant: {
      new (input: { accountId: string; clientId: string }): ProviderGrant;
      find(id: string): Promise<ProviderGrant | undefined>;
    };
    readonly Session: { findByUid(uid: string): Promise<ProviderSession | undefined> };
    readonly Client: { find(id: string): Promise<ProviderClient | undefined> };
    callback(): (incoming: IncomingMessage, response: ServerResponse) => Promise<void>;
    interactionDetails(incoming: IncomingMessage, response: ServerResponse): Promise<InteractionDetails>;
    /** As `interactionFinished`, without the redirect to the address it gives. */
    interactionResult(
      incoming: IncomingMessage, response: ServerResponse, result: Readonly<Record<string, unknown>>,
      options?: { mergeWithLastSubmission?: boolean },
    ): Promise<string>;
    interactionFinished(
      incoming: IncomingMessage, response: ServerResponse, result: Readonly<Record<string, unknown>>,
      options?: { mergeWithLastSubmission?: boolean },
    ): Promise<void>;
    on(event: string, listener: (...args: unknown[]) => void): this;
  }
}

declare module "qrcode" {
  const qrcode: {
    toString(text: string, options: { type: "svg"; margin: number; errorCorrectionLevel: "M" }): Promise<string>;
  };
  export default qrcode;
}
