import { procedureNamed } from "#store/api.ts";
import type { PrepareIo } from "#store/api.ts";
import type { Job } from "#store/batch.ts";

export type Prepared = { readonly value: unknown } | { readonly error: unknown };

/** The costly part of a procedure, before its transaction begins. */
export function prepareJob(job: Job, io: PrepareIo): Prepared {
  try {
    const row = procedureNamed(job.procedure);
    return { value: row.prepare?.(job.args as never, io) };
  } catch (error) {
    return { error };
  }
}
