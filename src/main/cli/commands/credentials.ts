/** `outpost user app-password …`, `outpost user second-factor …` */
import { showAppPassword, appPasswordProtocols } from "#directory/app-passwords.ts";
import { Credentials } from "#directory/credentials.ts";
import type { Admin } from "#admin/admin.ts";
import { UsageError } from "#main/cli/command.ts";
import type { Call, Command } from "#main/cli/command.ts";
import { counted, localTime, table } from "#main/cli/text.ts";

function withCredentials<T>(
  call: Call, body: (credentials: Credentials, admin: Admin) => Promise<T>,
): Promise<T> {
  return call.withAdmin((admin) => body(new Credentials(admin.store, admin.directory, admin.hasher), admin));
}

function readId(call: Call, command: string): number {
  const text = call.operands[1]!;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError("The number of the app password is missing.", command);
  return Number(text);
}

const protocolFlag = {
  name: "protocol", value: "NAME", many: true as const,
  summary: "what it is for; for everything otherwise",
};

export const credentialCommands: readonly Command[] = [
  {
    name: "user app-password add", operands: "ADDR LABEL", operandsMin: 2, operandsMax: 2, flags: [protocolFlag],
    summary: "Makes an app password for one device or program and shows it, once",
    help: `  outpost user app-password add alice@example.org "Laptop" --protocol imap --protocol smtp\n
Protocols: ${appPasswordProtocols.join(", ")}.`,
    async run(call) {
      const [address = "", label = ""] = call.operands;
      const made = await withCredentials(call, async (credentials, { by }) => {
        const { entry } = await credentials.accountOf(call.ctx, address);
        const whose = { address: entry.address, by };
        return await credentials.addAppPassword(call.ctx, whose, label, call.values("protocol"));
      });
      const password = showAppPassword(made.secret);
      return { data: { id: made.id, label, password }, text: password };
    },
  },
  {
    name: "user app-password list", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Lists a user's app passwords; the passwords themselves are not kept",
    async run(call) {
      const list = await withCredentials(call, async (credentials) => {
        const { entry } = await credentials.accountOf(call.ctx, call.operands[0]!);
        return await credentials.appPasswords(call.ctx, entry.entryId);
      });
      const data = list.map(({ id, label, protocols, createdMs, lastUsedMs, lastClient }) =>
        ({ id, label, protocols, createdMs, lastUsedMs, lastClient }));
      if (list.length === 0) return { data, text: "There is no app password." };
      const rows = list.map((each) => [
        String(each.id), each.label, each.protocols.join(","), localTime(each.createdMs),
        each.lastUsedMs === null ? "never" : `${localTime(each.lastUsedMs)} from ${each.lastClient}`,
      ]);
      const text = table(["NUMBER", "FOR", "PROTOCOLS", "MADE", "LAST USED"], rows);
      return { data, text: `${text}\n${counted(list.length, "app password", "app passwords")}` };
    },
  },
  {
    name: "user app-password remove", operands: "ADDR NUMBER", operandsMin: 2, operandsMax: 2, flags: [],
    summary: "Removes an app password; its device is signed out",
    async run(call) {
      const id = readId(call, "user app-password remove");
      const { label } = await withCredentials(call, async (credentials, { by }) => {
        const { entry } = await credentials.accountOf(call.ctx, call.operands[0]!);
        return await credentials.removeAppPassword(call.ctx, { address: entry.address, by }, id);
      });
      return { data: { id, label }, text: `Removed the app password ${id} (${label}).` };
    },
  },
  {
    name: "user second-factor reset", operands: "ADDR", operandsMin: 1, operandsMax: 1, flags: [],
    summary: "Takes a user's second factor, recovery codes and passkeys away, for one who lost the phone",
    async run(call) {
      const data = await withCredentials(call, async (credentials, { by }) => {
        const { entry } = await credentials.accountOf(call.ctx, call.operands[0]!);
        const done = await credentials.removeSecondFactor(call.ctx, { address: entry.address, by }, true);
        return { address: entry.address, ...done };
      });
      const what = data.removed ? "Switched the second factor off" : "There was no second factor";
      return { data, text: `${what}; removed ${counted(data.passkeys, "passkey", "passkeys")}.` };
    },
  },
];
