/** What is known about certificates from an authority, kept beside them so that a restart and `doctor` can read it. */
import { join } from "node:path";
import type { Ctx } from "#base/ctx.ts";
import { isCode, readIfThere, writeAtomically } from "#net/safe-files.ts";

export interface AcmeState {
  /** The authority this speaks of; another one begins anew. */
  readonly directory: string;
  /** What was asked for last. */
  readonly names: readonly string[];
  /** Names that could not be proved, why, and until when they are not tried again (UTC milliseconds). */
  readonly leftOut: Readonly<Record<string, { readonly why: string; readonly untilMs: number }>>;
  /** Attempts in a row that failed. */
  readonly failures: number;
  readonly lastError: string | null;
  readonly lastAttemptMs: number | null;
  readonly lastSuccessMs: number | null;
  /** No attempt before this. */
  readonly nextAttemptMs: number;
  /** An order that is not finished: after a crash it goes on. */
  readonly orderUrl: string | null;
}

/** `<data>/tls/acme` */
export function acmeFiles(directory: string): { account: string; pendingKey: string; bundle: string; state: string } {
  return {
    account: join(directory, "account-key.pem"), pendingKey: join(directory, "pending-key.pem"),
    bundle: join(directory, "certificate.pem"), state: join(directory, "state.json"),
  };
}

export function emptyAcmeState(directory: string): AcmeState {
  return {
    directory, names: [], leftOut: {}, failures: 0, lastError: null, lastAttemptMs: null, lastSuccessMs: null,
    nextAttemptMs: 0, orderUrl: null,
  };
}

/** For the server and for `doctor`; null when nothing was tried yet or the file is damaged (it holds nothing dear). */
export async function readAcmeState(directory: string): Promise<AcmeState | null> {
  const text = await readIfThere(acmeFiles(directory).state);
  if (text === null) return null;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, "latin1").toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || !("directory" in parsed)) return null;
    return { ...emptyAcmeState(""), ...parsed as Partial<AcmeState> };
  } catch (error) {
    if (error instanceof SyntaxError || isCode(error, "ENOENT")) return null;
    throw error;
  }
}

export async function writeAcmeState(ctx: Ctx, directory: string, state: AcmeState): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(state, null, 2)}\n`, "utf8").toString("latin1");
  await writeAtomically(ctx, acmeFiles(directory).state, text, { mode: 0o600, keep: false });
}
