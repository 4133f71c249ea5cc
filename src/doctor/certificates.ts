/** Judges the certificates clients are shown: names, trust, time left, and how those from an authority come along. */
import { createHash } from "node:crypto";
import type { TlsSeen } from "#doctor/connect.ts";
import { bad, listed, ok, skipped, warn } from "#doctor/finding.ts";
import type { Finding } from "#doctor/finding.ts";
import type { Setting } from "#doctor/setting.ts";

const dayMs = 24 * 3_600_000;
/** ACME renews with a third of the life left, people get this long. */
const soonDays = 14;

/** A name clients connect by, and what they were shown. */
export interface NameSeen {
  readonly name: string;
  /** `wanted`: clients that use it are refused or warned without; `helpful`: they have another way. */
  readonly need: "wanted" | "helpful";
  readonly seen: TlsSeen | null;
  /** Why there was nothing to see. */
  readonly trouble: string | null;
}

/** Whether a name on a certificate stands for this one. RFC 9525 §6.3 */
export function coversName(names: readonly string[], name: string): boolean {
  const lower = name.toLowerCase();
  const rest = lower.slice(lower.indexOf("."));
  return names.some((one) => {
    const pattern = one.toLowerCase();
    return pattern === lower || (pattern.startsWith("*.") && lower.includes(".") && pattern.slice(1) === rest);
  });
}

/** Of OpenSSL's verification, as they come out of node:tls. */
const incompleteChain = ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"];
const selfMade = ["SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT"];

export function judgeCertificates(
  setting: Setting, nowMs: number, main: NameSeen, others: readonly NameSeen[],
): Finding[] {
  if (main.seen === null) return [skipped("tls", `Certificates were not looked at: ${main.trouble ?? "no answer"}.`)];
  return [
    judgeTrust(setting, main.seen), judgeTime(setting, nowMs, main.seen),
    ...judgeNames(setting, [main, ...others]), ...judgeAcme(setting, nowMs),
  ];
}

function isOwnAuthority({ authority }: Setting, { certificate, distrust }: TlsSeen): boolean {
  return authority !== null && distrust !== null && certificate.issuer === "Outpost local CA";
}

/** SHA-256 of the certificate in a PEM text, as programs show it. */
export function fingerprintOf(pem: string): string {
  const der = Buffer.from(/-----BEGIN CERTIFICATE-----([^-]+)/.exec(pem)?.[1] ?? "", "base64");
  return createHash("sha256").update(der).digest("hex").toUpperCase().replace(/..(?=.)/g, "$&:");
}

function judgeTrust(setting: Setting, seen: TlsSeen): Finding {
  const { certificate, distrust } = seen;
  if (distrust === null) return ok("tls.trust", `Clients trust the certificate (issued by ${certificate.issuer}).`);
  if (isOwnAuthority(setting, seen)) {
    const { file, pem } = setting.authority!;
    const print = fingerprintOf(pem);
    return warn("tls.trust", "The certificate is self-made: clients refuse it or warn until they trust its authority.",
      'Have certificates issued: "acme": { "termsOfServiceAgreed": true } in outpost.json. Or install ' +
      `${file} on every device, as the settings page tells; its SHA-256 fingerprint:`,
      { lines: [print.slice(0, 48), print.slice(48)] });
  }
  if (distrust === "CERT_HAS_EXPIRED") return bad("tls.trust", "The certificate has expired.", renewal(setting));
  if (distrust === "CERT_NOT_YET_VALID") {
    return bad("tls.trust", "The certificate is not valid yet: is the clock right?", "Set the clock of this machine.");
  }
  if (incompleteChain.includes(distrust)) {
    return bad("tls.trust", `The chain of the certificate is not complete: what signed it (${certificate.issuer}) is ` +
      "neither sent along nor known to clients.", "Put the authority's intermediate certificates behind the server's " +
      "own in the certificateFile (authorities call that file “fullchain”).");
  }
  if (selfMade.includes(distrust)) {
    const signer = certificate.chainSubjects.at(-1) ?? certificate.issuer;
    return warn("tls.trust", `The certificate is signed by “${signer}”, which clients do not know.`,
      "Install that authority on every device, or use a certificate of one they know.");
  }
  return bad("tls.trust", `Clients do not trust the certificate (${distrust}).`, renewal(setting));
}

function renewal({ acme, hasOwnCertificates }: Setting): string {
  if (hasOwnCertificates) return "Renew the files named in outpost.json; they are read again by themselves.";
  return acme.configured ? "See what ACME says below." : "Restart the server: it makes a new one.";
}

function judgeTime(setting: Setting, nowMs: number, { certificate }: TlsSeen): Finding {
  const days = Math.floor((certificate.notAfterMs - nowMs) / dayMs);
  const until = new Date(certificate.notAfterMs).toISOString().slice(0, 10);
  if (certificate.notBeforeMs > nowMs) {
    return bad("tls.time", "The certificate is not valid yet.", "Look at the clock of this machine.");
  }
  if (certificate.notAfterMs <= nowMs) {
    return bad("tls.time", `The certificate ended on ${until}.`, renewal(setting));
  }
  if (days < soonDays) {
    return warn("tls.time", `The certificate ends in ${days} days (${until}).`, renewal(setting));
  }
  return ok("tls.time", `The certificate is valid until ${until}.`);
}

function judgeNames(setting: Setting, looks: readonly NameSeen[]): Finding[] {
  const right: string[] = [];
  const findings: Finding[] = [];
  for (const { name, need, seen, trouble } of looks) {
    if (seen === null) {
      findings.push(skipped("tls.name", `${name}: ${trouble ?? "no answer"}.`, { about: name }));
    } else if (coversName(seen.certificate.names, name)) right.push(name);
    else {
      const text = `The certificate is not for ${name} but for ${listed(seen.certificate.names.slice(0, 6))}` +
        `${seen.certificate.names.length > 6 ? " …" : ""}.`;
      const fix = setting.hasOwnCertificates ? `Have a certificate issued that holds ${name} too.`
        : setting.acme.configured ? `Let ${name} lead to this server; it is then asked for by itself.`
          : `A certificate by ACME can hold it: let ${name} lead to this server, and turn “acme” on in outpost.json.`;
      findings.push(need === "wanted" ? bad("tls.name", text, fix, { about: name })
        : warn("tls.name", text, fix, { about: name }));
    }
  }
  if (right.length > 0) findings.unshift(ok("tls.names", `The certificate is for ${listed(right)}.`));
  return findings;
}

function judgeAcme({ acme, hasOwnCertificates, hostname }: Setting, nowMs: number): Finding[] {
  if (!acme.configured) {
    const why = hasOwnCertificates ? "the certificates are your own" : "it is not turned on";
    return [skipped("tls.acme", `No certificate is asked for by ACME: ${why}.`)];
  }
  const { state } = acme;
  if (state === null || state.lastAttemptMs === null) {
    return [warn("tls.acme", "ACME is turned on, and no certificate was asked for yet.", "Start the server.")];
  }
  const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const findings: Finding[] = [];
  if (state.failures > 0) {
    const inMinutes = Math.max(0, Math.round((state.nextAttemptMs - nowMs) / 60_000));
    findings.push(bad("tls.acme", `No certificate came by ACME (${state.failures} attempts): ` +
      `${(state.lastError ?? "no reason is known").replace(/\.$/, "")}.`, `See that ports 80 and 443 of ${hostname} ` +
      `are reached from the Internet; the next attempt is in ${inMinutes} minutes, or after a restart.`));
  } else {
    findings.push(ok("tls.acme", state.lastSuccessMs === null ? "ACME works: a certificate is under way."
      : `ACME works: the certificate came on ${time(state.lastSuccessMs)} UTC.`));
  }
  for (const [name, { why }] of Object.entries(state.leftOut)) {
    findings.push(warn("tls.acme.name", `${name} is left off the certificate: ${why.replace(/\.$/, "")}.`,
      `Let ${name} lead to this server, or list the names you want in "acme": { "names": […] }.`, { about: name }));
  }
  return findings;
}
