/** Dovecot alone as a private instance, for scripts that any server must pass. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pause } from "./real-ctx.ts";
import { freePortBase } from "./server.ts";

/** Why it cannot be started here; null when it can. */
export function dovecotMissing(): string | null {
  const missing = ["/usr/sbin/dovecot", "/usr/lib/dovecot/imap"].filter((path) => !existsSync(path));
  if (missing.length > 0) return `missing: ${missing.join(", ")} (Debian: dovecot-imapd)`;
  return process.getuid?.() === 0 ? null : "it starts only as root";
}

export async function startDovecot(people: readonly string[], password: string): Promise<{
  readonly port: number; [Symbol.asyncDispose](): Promise<void>;
}> {
  const port = await freePortBase() + 143;
  const folder = mkdtempSync(join(tmpdir(), "outpost-dovecot-"));
  chmodSync(folder, 0o755);
  const read = (flag: string): number => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
  const [uid, gid] = [read("-u"), read("-g")];
  const mail = join(folder, "mail");
  mkdirSync(mail);
  chownSync(mail, uid, gid);
  const users = join(folder, "users");
  writeFileSync(users, people.map((name) => `${name}:{PLAIN}${password}::::::\n`).join(""));
  const file = join(folder, "dovecot.conf");
  writeFileSync(file, `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:${mail}/%n
auth_username_format = %Ln
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${mail}/%n
}
namespace inbox {
  inbox = yes
  separator = /
}
mail_attribute_dict = file:${mail}/%n.attributes
protocol imap {
  imap_metadata = yes
  imap_max_line_length = 64k
}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`);
  execFileSync("/usr/sbin/dovecot", ["-c", file], { stdio: ["ignore", "inherit", "inherit"] });
  await pause(700);
  return {
    port,
    async [Symbol.asyncDispose]() {
      const pid = Number(readFileSync(join(folder, "run", "master.pid"), "utf8").trim());
      process.kill(pid, "SIGTERM");
      for (let turn = 0; turn < 100; turn++) {
        if (!existsSync(`/proc/${pid}`)) break;
        await pause(50);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
