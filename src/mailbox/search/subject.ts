/** Searches that the column of subjects answers, without a look at structures, trigrams or bytes. Pure. */
import type { Query } from "#mailbox/query.ts";

/**
 * The stored subject has runs of white space and invisible characters as one space, and an end: a short text without
 * any such is in it exactly if it is in the field.
 */
export function isOfSubject(query: Query): boolean {
  switch (query.op) {
    case "subject": return /^[!-~]{1,100}$/.test(query.text);
    case "not": return isOfSubject(query.of);
    case "and": case "or": return query.of.length > 0 && query.of.every(isOfSubject);
    default: return false;
  }
}

/** Stored subjects up to this length, in characters, were not cut. */
export const wholeSubjectMax = 1000;

/** Whether a subject, folded, is what a query of folded texts describes; see {@link isOfSubject}. */
export function subjectHolds(query: Query, folded: string): boolean {
  switch (query.op) {
    case "subject": return folded.includes(query.text);
    case "not": return !subjectHolds(query.of, folded);
    case "and": return query.of.every((one) => subjectHolds(one, folded));
    case "or": return query.of.some((one) => subjectHolds(one, folded));
    default: return false;
  }
}
