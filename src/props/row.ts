import type { PropertySetName } from "#props/property-sets.ts";
import type { PropertyTypeName } from "#props/types.ts";

type Spelling = string | readonly string[];

/** How other protocols and formats spell a property. What needs a rule beyond the name is in `convert`. */
export interface PropertySpellings {
  /** EWS FieldURI; an indexed one as `uri/index`. [MS-OXWSCDATA] 2.2.4.48 */
  readonly ews?: Spelling;
  /** ActiveSync `CodePage:Element`. [MS-ASWBXML] 2.1.2.1 */
  readonly eas?: Spelling;
  /** Header field of the message or MIME part. [MS-OXCMAIL] 2.1.3 */
  readonly header?: Spelling;
  /** iCalendar property. [MS-OXCICAL] 2.1.3 */
  readonly ical?: Spelling;
  /** vCard property, with the types that set it apart. [MS-OXVCARD] 2.1.3 */
  readonly vcard?: Spelling;
}

/** A property with an id of its own. Ids are not unique: what some mean depends on the object. */
export interface TaggedRow extends PropertySpellings {
  readonly id: number;
  readonly type: PropertyTypeName;
}

/** A property that gets its id in each mailbox, known by the long id or the string of its set. [MS-OXCDATA] 2.6.1 */
export interface LidRow extends PropertySpellings {
  readonly set: PropertySetName;
  readonly lid: number;
  readonly type: PropertyTypeName;
}
export interface StringRow extends PropertySpellings {
  readonly set: PropertySetName;
  readonly string: string;
  readonly type: PropertyTypeName;
}

export type PropertyRow = TaggedRow | LidRow | StringRow;
