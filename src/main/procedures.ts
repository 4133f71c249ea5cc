/** Loads every module that declares procedures; writer threads import this one file. */
import "#mailbox/tx/flags.ts";
import "#mailbox/tx/folder-properties.ts";
import "#mailbox/tx/folders.ts";
import "#mailbox/tx/heads.ts";
import "#mailbox/tx/insert.ts";
import "#mailbox/tx/insert-many.ts";
import "#mailbox/tx/items.ts";
import "#mailbox/tx/named-properties.ts";
import "#mailbox/tx/permissions.ts";
import "#mailbox/tx/render.ts";
import "#mailbox/tx/transfer.ts";
import "#mailbox/tx/transfer-items.ts";
import "#store/check-repair.ts";
import "#transport/queue-store.ts";
import "#directory/procedures.ts";
