/**
 * A step from one schema version to the next. Statements are in the common SQL subset; `sqlite` and `postgres` hold
 * what the two cannot say alike. Published steps are never edited: data of every earlier version must open.
 */
export interface Migration {
  readonly version: number;
  readonly statements: readonly string[];
  readonly sqlite?: readonly string[];
  readonly postgres?: readonly string[];
}
