/**
 * Postfix and Dovecot from Debian as private instances: their own configuration, queue and mail under one temporary
 * folder, high ports, nothing of the system's touched. Postfix hands to Dovecot by LMTP, mail lies in Maildir, fsync as
 * by default (`mail_fsync = optimized`). Settings that could hold them back are opened: no delay when mail comes in
 * faster than it is delivered, login processes that serve many, a password that costs nothing to check, memory for a
 * folder of 1,000,000 messages.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillMaildir } from "./big-mailbox.ts";
import { pause } from "../test/support/real-ctx.ts";
import { freePortBase } from "../test/support/server.ts";
import { domain, password, people } from "./target.ts";
import type { Target } from "./target.ts";

const programs = [
  "/usr/sbin/postfix", "/usr/sbin/dovecot", "/usr/lib/dovecot/lmtp", "/usr/lib/dovecot/imap", "/usr/bin/openssl",
];

/** Why they cannot be measured here; null when they can. */
export function neighboursMissing(): string | null {
  const missing = programs.filter((path) => !existsSync(path));
  if (missing.length > 0) return `missing: ${missing.join(", ")} (Debian: postfix dovecot-imapd dovecot-lmtpd openssl)`;
  return process.getuid?.() === 0 ? null : "they start only as root";
}

export async function startNeighbours(
  { filled, filledBytes }: { readonly filled: number; readonly filledBytes: number },
): Promise<Target> {
  const base = await freePortBase();
  const folder = mkdtempSync(join(tmpdir(), "outpost-bench-"));
  chmodSync(folder, 0o755);
  makeCertificate(folder);
  const dovecotFile = writeDovecot(folder, base);
  const postfixFolder = writePostfix(folder, base);
  if (filled > 0) {
    const { uid, gid } = idOf("nobody");
    const own = join(folder, "mail", "alice");
    mkdirSync(own);
    chownSync(own, uid, gid);
    fillMaildir(join(own, ".Bench"), filled, filledBytes, uid, gid);
  }
  execFileSync("/usr/sbin/dovecot", ["-c", dovecotFile], { stdio: ["ignore", "inherit", "inherit"] });
  execFileSync("/usr/sbin/postfix", ["-c", postfixFolder, "start"], { stdio: "ignore" });
  const pidFiles = [join(folder, "run", "master.pid"), join(folder, "spool", "pid", "master.pid")];
  const readPid = (path: string): number => Number(readFileSync(path, "utf8").trim());
  await pause(1000);
  return {
    name: "Postfix + Dovecot", smtp: { port: base + 25 }, imaps: { port: base + 993, tls: true },
    pids: () => pidFiles.map(readPid),
    async stop() {
      const pids = pidFiles.map(readPid);
      for (const pid of pids) process.kill(pid, "SIGTERM");
      for (let turn = 0; turn < 100 && pids.some(isRunning); turn++) await pause(50);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function idOf(user: string): { uid: number; gid: number } {
  const read = (flag: string): number => Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
  return { uid: read("-u"), gid: read("-g") };
}

function makeCertificate(folder: string): void {
  const made = spawnSync("/usr/bin/openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem"), "-subj", "/CN=localhost",
  ]);
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
}

function writeDovecot(folder: string, base: number): string {
  const { uid, gid } = idOf("nobody");
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
default_vsz_limit = 0
protocols = imap lmtp
listen = 127.0.0.1
ssl = required
ssl_cert = <${folder}/cert.pem
ssl_key = <${folder}/key.pem
mail_location = maildir:${mail}/%n
mail_max_userip_connections = 1000
auth_username_format = %Ln
auth_cache_size = 10M
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
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 2000
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${base + 993}
    ssl = yes
  }
}
service imap {
  process_limit = 1000
}
service lmtp {
  process_min_avail = 4
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${base + 110}
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`);
  return file;
}

function writePostfix(folder: string, base: number): string {
  const config = join(folder, "postfix");
  const spool = join(folder, "spool");
  const data = join(folder, "postfix-data");
  for (const path of [config, spool, data]) mkdirSync(path);
  const { uid, gid } = idOf("postfix");
  chownSync(data, uid, gid);
  writeFileSync(join(config, "main.cf"), `
compatibility_level = 3.6
queue_directory = ${spool}
data_directory = ${data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${folder}/postfix.log
maillog_file_prefixes = ${folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
local_recipient_maps =
alias_maps =
virtual_mailbox_domains = ${domain}
virtual_mailbox_maps = static:ok
virtual_transport = lmtp:inet:127.0.0.1:${base + 110}
in_flow_delay = 0
lmtp_destination_concurrency_limit = 20
smtpd_tls_security_level = none
smtpd_recipient_restrictions = reject_unauth_destination
mynetworks = 127.0.0.0/8
`);
  const master = readFileSync("/etc/postfix/master.cf", "utf8").split("\n")
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith(" ") && !line.startsWith("\t"))
    .filter((line) => !/^(smtp\s+inet|maildrop|uucp|ifmail|bsmtp|scalemail|mailman|submission|smtps)/.test(line))
    // Nothing runs in a chroot: the private queue folder has none prepared.
    .map((line) => line.split(/\s+/))
    .map((words) => [...words.slice(0, 4), "n", ...words.slice(5)].join("  "));
  writeFileSync(join(config, "master.cf"), `${base + 25}  inet  n  -  n  -  -  smtpd\n${master.join("\n")}\n`);
  return config;
}
