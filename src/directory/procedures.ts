/** Every module of this room that declares a procedure; the writer threads import this one file. */
import "#directory/domain-changes.ts";
import "#directory/entry-changes.ts";
import "#directory/link-changes.ts";
