/** `outpost import` and `export`: mail, calendars and contacts from files and into files. */
import { Fault } from "#base/fault.ts";
import { auditedAsOne } from "#admin/audit.ts";
import type { ImportResult, Progress } from "#admin/transfer.ts";
import type { Admin } from "#admin/admin.ts";
import type { Zone } from "#calendar/zones/zone.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command, Flag, Reply } from "#main/cli/command.ts";
import { counted } from "#main/cli/text.ts";

const formats = ["eml", "mbox", "maildir", "ics", "vcf", "msg", "tnef", "pst"] as const;
type Format = (typeof formats)[number];

const formatFlag: Flag = { name: "format", value: "FORMAT", required: true, summary: formats.join(", ") };
const folderFlag: Flag = { name: "folder", value: "PATH", summary: "a folder of the mailbox, like Archive/2026" };
const zoneFlag: Flag = {
  name: "zone", value: "ZONE", summary: "ics: where times without a zone are; that of this machine otherwise",
};

function readFormat(call: Call, command: string): Format {
  const given = call.value("format")!.toLowerCase();
  const known = formats.find((one) => one === given);
  if (known === undefined) throw new UsageError(`--format is one of ${formats.join(", ")}.`, command);
  return known;
}

/** Flags that mean something for some formats only are refused for others, before anything is done. */
function requireFormat(call: Call, command: string, format: Format, flag: string, allowed: readonly Format[]): void {
  const isGiven = call.has(flag) || call.value(flag) !== null;
  if (!isGiven || allowed.includes(format)) return;
  throw new UsageError(`--${flag} is for --format ${allowed.join(" and ")}, not for ${format}.`, command);
}

// Each format is loaded when it is asked for: every other command starts without them.

async function zoneOf(call: Call): Promise<Zone> {
  const { zoneNamed } = await import("#admin/calendar-import.ts");
  return zoneNamed(call.value("zone") ?? new Intl.DateTimeFormat().resolvedOptions().timeZone);
}

function progressOf(call: Call): { progress?: Progress } {
  return call.json ? {} : { progress: (text) => call.terminal.printError(text) };
}

const importHelp = `PATH is a file, or a folder of them with its subfolders:
  eml      messages (.eml); flags from a list flags.tsv beside them, dates from the files
  mbox     mbox files; dates, Status and X-Keywords lines are kept
  maildir  a Maildir with its subfolders, flags and keywords
  ics      calendars, tasks, notes and journal entries (iCalendar)
  vcf      contacts and distribution lists (vCard 2.1, 3.0, 4.0)
  msg      single items of Outlook (.msg, .oft), each into the folder for its kind
  tnef     winmail.dat
  pst      Outlook data files (.pst, .ost) with their folders; special folders go where they belong,
           others below a folder with the name of the file, or with --folder all below that one

What is there already is not doubled: messages of the same Message-ID and size, items that say the same.
Appointments, tasks and contacts of the same UID are changed when the file has the newer version. So a
command that was stopped is simply given again.

  outpost import alice@example.org --format maildir /home/alice/Maildir
  outpost import alice@example.org --format ics --zone Europe/Berlin holidays.ics
  outpost import alice@example.org --format pst --folder Archive/Old archive.pst`;

const exportHelp = `PATH is a new or empty folder; for ics and vcf also a new file, which then holds everything.
Without --folder all mail folders are written (eml, mbox, maildir), all calendars and tasks (ics), all
contacts (vcf), or everything (msg, tnef). Items that never were mail are written as IMAP shows them.

  outpost export alice@example.org --format mbox ./alice
  outpost export alice@example.org --format ics --folder Calendar alice.ics
  outpost export alice@example.org --format vcf --vcard 3 alice.vcf`;

async function runImport(call: Call, admin: Admin): Promise<ImportResult> {
  const [address = "", path = ""] = call.operands;
  const format = readFormat(call, "import");
  const request = {
    address, path, folder: call.value("folder"), again: call.has("again"), ...progressOf(call),
  };
  switch (format) {
    case "ics": {
      const { importCalendar } = await import("#admin/calendar-import.ts");
      return await importCalendar(call.ctx, admin, { ...request, zone: await zoneOf(call) });
    }
    case "vcf": return await (await import("#admin/contacts-import.ts")).importContacts(call.ctx, admin, request);
    case "msg": case "tnef": {
      const { importMessages } = await import("#admin/message-import.ts");
      return await importMessages(call.ctx, admin, { ...request, format });
    }
    case "pst": return await (await import("#admin/pst-import.ts")).importPst(call.ctx, admin, request);
    default: {
      const { importMail } = await import("#admin/mail-import.ts");
      return await importMail(call.ctx, admin, { ...request, format });
    }
  }
}

function importReply(result: ImportResult, what: string): Reply {
  const { imported, updated, present, older, failed, skipped, notes, losses } = result;
  const lines = [`Imported ${counted(imported, what)}.`];
  if (updated > 0) lines.push(`Changed to the newer version: ${updated}.`);
  if (present > 0) lines.push(`There already: ${present}. (--again imports them once more.)`);
  if (older > 0) lines.push(`There in a newer version, which stays: ${older}.`);
  for (const [name, count] of Object.entries(losses)) {
    lines.push(`Note: ${name}${count === 1 ? "" : `, ${count} times`}`);
  }
  for (const { file, reason } of notes) lines.push(`Note: ${file}: ${reason}`);
  for (const { file, reason } of skipped) lines.push(`Not imported: ${file}: ${reason}`);
  if (failed > skipped.length) lines.push(`Not imported: ${failed - skipped.length} more.`);
  const exitCode = failed > 0 && imported + updated + present + older === 0 ? 1 : 0;
  return { data: result, text: lines.join("\n"), exitCode };
}

const exported = (address: string, format: Format) => ({
  address, action: "Export" as const, detail: format, countOf: (done: { exported: number }) => done.exported,
});

async function runExport(call: Call): Promise<Reply> {
  const [address = "", path = ""] = call.operands;
  const format = readFormat(call, "export");
  if (format === "pst") {
    throw new Fault("notSupported", "Outlook data files (.pst) can be read, not written: export mail with --format " +
      "mbox or eml, calendars with ics, contacts with vcf, or everything with msg, which Outlook opens.");
  }
  requireFormat(call, "export", format, "each", ["ics", "vcf"]);
  requireFormat(call, "export", format, "vcard", ["vcf"]);
  requireFormat(call, "export", format, "zone", ["ics"]);
  const request = { address, path, folder: call.value("folder"), ...progressOf(call) };
  if (format === "eml" || format === "mbox" || format === "maildir") {
    const { exportMail } = await import("#admin/mail-export.ts");
    const result = await call.withAdmin((admin) => auditedAsOne(call.ctx, admin, exported(address, format),
      () => exportMail(call.ctx, admin, { ...request, format })));
    const text = `Exported ${counted(result.exported, "message")} of ${counted(result.folders, "folder")}.`;
    return { data: result, text };
  }
  const given = call.value("vcard") ?? "4";
  const vcard = given === "3" || given === "3.0" ? "3.0" : given === "4" || given === "4.0" ? "4.0" : null;
  if (vcard === null) throw new UsageError("--vcard is 3 or 4.", "export");
  const { exportItems } = await import("#admin/item-export.ts");
  const zone = await zoneOf(call);
  const result = await call.withAdmin((admin) => auditedAsOne(call.ctx, admin, exported(address, format),
    () => exportItems(call.ctx, admin, { ...request, format, vcard, each: call.has("each"), zone })));
  const lines = [`Exported ${counted(result.exported, "item")} of ${counted(result.folders, "folder")}.`];
  for (const { item, reason } of result.skipped) lines.push(`Not exported: ${item}: ${reason}`);
  if (result.failed > result.skipped.length) lines.push(`Not exported: ${result.failed - result.skipped.length} more.`);
  return { data: result, text: lines.join("\n"), exitCode: result.failed > 0 && result.exported === 0 ? 1 : 0 };
}

export const transferCommands: readonly Command[] = [
  {
    name: "import", operands: "ADDR PATH", operandsMin: 2, operandsMax: 2,
    flags: [formatFlag, folderFlag, zoneFlag, { name: "again", summary: "import what is there already once more" }],
    summary: "Puts mail, calendars and contacts from files into a mailbox", help: importHelp,
    async run(call) {
      const format = readFormat(call, "import");
      requireFormat(call, "import", format, "zone", ["ics"]);
      const result = await call.withAdmin((admin) => auditedAsOne(call.ctx, admin, {
        address: call.operands[0]!, action: "Import", detail: format,
        countOf: ({ imported, updated }) => imported + updated,
      }, () => runImport(call, admin)));
      return importReply(result, format === "eml" || format === "mbox" || format === "maildir" ? "message" : "item");
    },
  },
  {
    name: "export", operands: "ADDR PATH", operandsMin: 2, operandsMax: 2,
    flags: [
      formatFlag, folderFlag, zoneFlag, { name: "each", summary: "ics, vcf: one file for each item" },
      { name: "vcard", value: "3|4", summary: "vcf: the version of vCard; 4 otherwise" },
    ],
    summary: "Writes mail, calendars and contacts of a mailbox into files", help: exportHelp,
    run: runExport,
  },
];
