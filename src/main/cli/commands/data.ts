/** `outpost backup`, `restore`, `check` */
import { existsSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { backupData, restoreData, restoreMailbox } from "#admin/backup.ts";
import { renewMailbox } from "#admin/renew-mailbox.ts";
import type { Call, Command } from "#main/cli/command.ts";
import { transferCommands } from "#main/cli/commands/transfer.ts";
import { counted } from "#main/cli/text.ts";
import { withAdmin } from "#main/cli/run.ts";
import { readConfig } from "#main/config.ts";
import { checkStore } from "#store/check.ts";
import type { Finding } from "#store/check.ts";
import { serverFile } from "#store/files.ts";

function requireSqlite(call: Call): void {
  if (readConfig(call.dataDir, null).store !== "sqlite") {
    throw new Fault("notSupported", "The data lies in PostgreSQL; use its own backup (pg_dump, pg_restore).");
  }
}

async function restoreAll(call: Call, folder: string): Promise<{ mailboxes: number }> {
  const { mailboxIds } = await restoreData(folder, call.dataDir);
  await withAdmin(call.ctx, call.dataDir, async ({ store }) => {
    for (const mailboxId of mailboxIds) await store.transact(call.ctx, mailboxId, renewMailbox, null);
  });
  return { mailboxes: mailboxIds.length };
}

async function restoreOne(call: Call, folder: string, address: string): Promise<void> {
  const { mailboxId, primary } = await call.withAdmin(async (admin) => {
    const entry = await admin.directory.entryByAddress(call.ctx, address);
    if (entry?.mailboxId === null || entry === null) throw new Fault("notFound", `There is no mailbox ${address}.`);
    return { mailboxId: entry.mailboxId, primary: entry.address };
  });
  await restoreMailbox(folder, call.dataDir, primary, mailboxId);
  await call.withAdmin(({ store }) => store.transact(call.ctx, mailboxId, renewMailbox, null));
}

const backupCommands: readonly Command[] = [
  {
    name: "backup", operands: "DIR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Copies all data into a folder, also while the server runs",
    help: `DIR is new, empty, or an earlier backup, which is brought up to date.

  outpost backup --data /srv/mail /backup/mail`,
    async run(call) {
      requireSqlite(call);
      if (!existsSync(serverFile(call.dataDir))) {
        throw new Fault("notFound", `There is no Outpost data in ${call.dataDir}.`);
      }
      const result = await backupData(call.ctx, call.dataDir, call.operands[0]!);
      const what = `${counted(result.mailboxes, "mailbox", "mailboxes")}, ${counted(result.blobs, "large message")}`;
      return { data: result, text: `Backed up ${what} and the directory to ${call.operands[0]!}.` };
    },
  },
  {
    name: "restore", operands: "DIR", operandsMin: 1, operandsMax: 1,
    flags: [{ name: "mailbox", value: "ADDR", summary: "only this mailbox, in the place of what it holds now" }],
    summary: "Brings a backup back",
    help: `Without --mailbox the data folder must be empty. With it the server must be stopped. After a restore mail
programs load the mailboxes anew, because some of what they remember is no longer there.

  outpost restore --data /srv/mail /backup/mail`,
    async run(call) {
      const [folder = ""] = call.operands;
      requireSqlite(call);
      const address = call.value("mailbox");
      if (address !== null) {
        await restoreOne(call, folder, address);
        return { data: { mailbox: address }, text: `Restored the mailbox ${address}.` };
      }
      const result = await restoreAll(call, folder);
      const what = counted(result.mailboxes, "mailbox", "mailboxes");
      return { data: result, text: `Restored ${what} to ${call.dataDir}.` };
    },
  },
];

const check: Command = {
  name: "check", operands: "", operandsMin: 0, operandsMax: 0,
  flags: [
    { name: "repair", summary: "put right what can be, and sweep message bytes nothing uses" },
    { name: "deep", summary: "also read all message bytes and compare them with their names" },
  ],
  summary: "Looks whether everything in the data folder fits together",
  help: "Works while the server runs. Exit status 1 when something is wrong that was not put right.",
  async run(call) {
    const options = { repair: call.has("repair"), deep: call.has("deep") };
    const report = await call.withAdmin(({ store }) => checkStore(call.ctx, store, options, () => undefined));
    const left = report.findings.filter((finding) => finding.repaired < finding.count);
    const lines = report.findings.map((finding) => findingLine(finding));
    const what = `${counted(report.mailboxes, "mailbox", "mailboxes")} and ${counted(report.blobs, "large message")}`;
    lines.push(report.findings.length === 0 ? `Checked ${what}: everything fits together.`
      : left.length === 0 ? `Checked ${what}: everything found was put right.`
        : `Checked ${what}: ${counted(left.length, "finding")} left${options.repair ? "" : "; try check --repair"}.`);
    return { data: report, text: lines.join("\n"), exitCode: left.length === 0 ? 0 : 1 };
  },
};

function findingLine(finding: Finding): string {
  const where = finding.mailboxId === null ? "server" : `mailbox ${finding.mailboxId}`;
  const examples = finding.examples.length === 0 ? "" : ` (${finding.examples.join(", ")})`;
  return `${where}: ${finding.message}${examples}${finding.repaired > 0 ? ` ${finding.repaired} put right.` : ""}`;
}

export const dataCommands: readonly Command[] = [...transferCommands, ...backupCommands, check];
