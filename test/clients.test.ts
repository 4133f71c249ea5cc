/**
 * Proves that clients we did not write work against the whole server: imapflow and nodemailer from npm, swaks and curl
 * from Debian. Each does what a person with it would do; what must be refused is refused with its code.
 */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ImapFlow } from "imapflow";
import nodemailer from "nodemailer";
import { ImapClient } from "./support/imap-client.ts";
import { programMissing, run } from "./support/programs.ts";
import { pause, until } from "./support/real-ctx.ts";
import { TestServer, domain, password } from "./support/server.ts";
import { SmtpClient } from "./support/smtp-client.ts";

let server: TestServer;
before(async () => {
  server = await TestServer.start({ users: ["alice", "bob", "carol"] });
});
after(async () => {
  await server.dispose();
});

function flowFor(user: string, port: "imap" | "imaps" = "imaps"): ImapFlow {
  return new ImapFlow({
    host: "127.0.0.1", port: server.ports[port], secure: port === "imaps", servername: "localhost",
    tls: { ca: server.caPem }, auth: { user: `${user}@${domain}`, pass: password }, logger: false,
  });
}

function mail(subject: string, body = "Text.\r\n"): Buffer {
  return Buffer.from(`From: <alice@${domain}>\r\nTo: <bob@${domain}>\r\nSubject: ${subject}\r\n` +
    `Message-ID: <${randomBytes(8).toString("hex")}@client>\r\n\r\n${body}`);
}

async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

suite("imapflow", () => {
  for (const port of ["imaps", "imap"] as const) {
    test(`signs in on ${port} and sees the folders`, async () => {
      const flow = flowFor("alice", port);
      await flow.connect();
      assert.ok(flow.secureConnection, "TLS is on, by STARTTLS on the plain port");
      const folders = await flow.list();
      const uses = Object.fromEntries(folders.map((one) => [one.path, one.specialUse]));
      assert.equal(uses["INBOX"], "\\Inbox");
      for (const use of ["\\Sent", "\\Drafts", "\\Trash", "\\Junk"]) {
        assert.ok(Object.values(uses).includes(use), `no folder for ${use} in ${JSON.stringify(uses)}`);
      }
      assert.ok(!folders.some(({ path }) => /calendar|contacts|tasks/i.test(path)), "only mail folders are listed");
      await flow.logout();
    });
  }

  test("refuses a wrong password with NO and AUTHENTICATIONFAILED", async () => {
    const flow = new ImapFlow({
      host: "127.0.0.1", port: server.ports.imaps, secure: true, servername: "localhost", tls: { ca: server.caPem },
      auth: { user: "carol", pass: "wrong" }, logger: false,
    });
    await assert.rejects(flow.connect(), (error: Error & { serverResponseCode?: string }) =>
      error.serverResponseCode === "AUTHENTICATIONFAILED");
    flow.close();
  });

  test("append, fetch, search, flags, copy, move, expunge, and a second connection is told at once", async () => {
    const writer = flowFor("carol");
    const watcher = flowFor("carol");
    await writer.connect();
    await watcher.connect();
    await writer.mailboxCreate("Work/2026");
    await writer.mailboxOpen("INBOX");
    await watcher.mailboxOpen("INBOX");
    const told: string[] = [];
    watcher.on("exists", (event) => told.push(`exists ${event.count}`));
    watcher.on("expunge", (event) => told.push(`expunge ${event.seq}`));
    watcher.on("flags", (event) => told.push(`flags ${event.uid ?? event.seq} ${[...event.flags].sort().join(" ")}`));
    void watcher.idle();
    await pause(100);

    const date = new Date("2026-02-03T04:05:06Z");
    const first = await writer.append("INBOX", mail("one"), ["\\Seen"], date);
    assert.ok(first !== false && first.uid !== undefined);
    await until(() => told.includes("exists 1"), "the watcher hears of the new message", 1000);
    const second = await writer.append("INBOX", mail("two: grüße", "Ein zweiter Text mit Äpfeln.\r\n"));
    const third = await writer.append("INBOX", mail("three"));
    assert.ok(second !== false && third !== false);

    const fetched = await collect(writer.fetch("1:*",
      { uid: true, flags: true, envelope: true, internalDate: true, source: true }));
    assert.deepEqual(fetched.map(({ envelope }) => envelope!.subject), ["one", "two: grüße", "three"]);
    assert.deepEqual([...fetched[0]!.flags!].filter((flag) => flag !== "\\Recent"), ["\\Seen"]);
    assert.equal(new Date(fetched[0]!.internalDate!).getTime(), date.getTime());
    assert.match(fetched[1]!.source!.toString(), /Äpfeln/);

    assert.deepEqual(await writer.search({ subject: "two" }, { uid: true }), [second.uid]);
    assert.deepEqual(await writer.search({ body: "äpfeln" }, { uid: true }), [second.uid]);
    assert.deepEqual(await writer.search({ seen: false }, { uid: true }), [second.uid, third.uid]);
    assert.deepEqual(await writer.search({ or: [{ subject: "one" }, { subject: "three" }] }, { uid: true }),
      [first.uid, third.uid]);

    assert.ok(await writer.messageFlagsAdd(String(second.uid), ["\\Flagged", "$Work"], { uid: true }));
    await until(() => told.some((line) => /^flags \d+ .*\$Work \\Flagged/.test(line)),
      `flags are told: ${told.join("; ")}`, 1000);
    const copied = await writer.messageCopy(String(second.uid), "Work/2026", { uid: true });
    assert.ok(copied !== false && copied.uidMap?.get(second.uid!) !== undefined, "COPYUID");
    const moved = await writer.messageMove(String(third.uid), "Work/2026", { uid: true });
    assert.ok(moved !== false && moved.uidMap?.get(third.uid!) !== undefined, "COPYUID of MOVE");
    await until(() => told.includes("expunge 3"), `the move is told: ${told.join("; ")}`, 1000);
    assert.ok(await writer.messageDelete(String(first.uid), { uid: true }));
    await until(() => told.includes("expunge 1"), `the expunge is told: ${told.join("; ")}`, 1000);

    const status = await writer.status("Work/2026", { messages: true, unseen: true, uidNext: true });
    assert.ok(status !== false);
    assert.deepEqual([status.messages, status.unseen], [2, 2]);
    await writer.mailboxOpen("Work/2026");
    const there = await collect(writer.fetch("1:*", { flags: true, envelope: true }));
    assert.deepEqual(there.map(({ envelope, flags }) =>
      [envelope!.subject, [...flags!].filter((flag) => flag !== "\\Recent").sort()]),
      [["two: grüße", ["$Work", "\\Flagged"]], ["three", []]]);
    await writer.mailboxOpen("INBOX");
    await writer.mailboxRename("Work", "Old");
    assert.ok((await writer.list()).some(({ path }) => path === "Old/2026"));
    await writer.mailboxDelete("Old/2026");
    await writer.logout();
    await watcher.logout();
  });

  test("CONDSTORE: only what changed since, and STORE refused when it changed", async () => {
    const flow = flowFor("carol");
    await flow.connect();
    await flow.mailboxCreate("Sync");
    for (const name of ["a", "b", "c"]) await flow.append("Sync", mail(name));
    const box = await flow.mailboxOpen("Sync");
    const since = BigInt(box.highestModseq ?? 0);
    assert.ok(since > 0n, "HIGHESTMODSEQ is given");
    await flow.messageFlagsAdd("2", ["\\Flagged"]);
    const changed = await collect(flow.fetch("1:*", { uid: true, flags: true }, { changedSince: since }));
    assert.deepEqual(changed.map(({ seq }) => seq), [2]);
    assert.ok(changed[0]!.modseq! > since);
    await flow.messageFlagsAdd("2", ["\\Seen"], { unchangedSince: since });
    const now = await flow.fetchOne("2", { flags: true });
    assert.ok(now && !now.flags!.has("\\Seen"), "changed in between: not stored");
    await flow.mailboxClose();
    await flow.mailboxDelete("Sync");
    await flow.logout();
  });
});

suite("nodemailer", () => {
  const attachment = randomBytes(300_000);
  for (const [port, secure] of [["submission", false], ["submissions", true]] as const) {
    test(`sends text, HTML and attachments on ${port}, and bob has them in under a second`, async () => {
      const reader = await ImapClient.signedIn(server.at("imaps"), "bob", password);
      await reader.ok("SELECT INBOX");
      const idle = await reader.idle();
      const transport = nodemailer.createTransport({
        host: "127.0.0.1", port: server.ports[port], secure, requireTLS: !secure,
        tls: { ca: server.caPem, servername: "localhost" }, auth: { user: `alice@${domain}`, pass: password },
      });
      const began = performance.now();
      const info = await transport.sendMail({
        from: `Alice <alice@${domain}>`, to: `Bob <bob@${domain}>`, subject: `Grüße über ${port}`,
        text: "Text with ü.\n.\n..dots\n", html: "<p>HTML</p>",
        attachments: [{ filename: "räume.bin", content: attachment }, { filename: "notes.txt", content: "Notes" }],
      });
      assert.deepEqual(info.accepted, [`bob@${domain}`]);
      const acceptedMs = performance.now();
      await idle.next(/^\* \d+ EXISTS/);
      assert.ok(performance.now() - acceptedMs < 1000,
        `IDLE woke ${Math.round(performance.now() - acceptedMs)} ms after the 250`);
      assert.ok(performance.now() - began < 3000);
      await idle.done();
      reader.close();

      const flow = flowFor("bob");
      await flow.connect();
      await flow.mailboxOpen("INBOX");
      const [uid] = await flow.search({ header: { "message-id": info.messageId } }, { uid: true }) as number[];
      assert.ok(uid, "found by its Message-ID");
      const part = await flow.download(String(uid), "2", { uid: true });
      assert.equal(part.meta?.filename, "räume.bin");
      const pieces: Buffer[] = [];
      for await (const piece of part.content!) pieces.push(piece as Buffer);
      assert.ok(Buffer.concat(pieces).equals(attachment), "the attachment is the same");
      const text = await flow.download(String(uid), "1.1", { uid: true });
      let body = "";
      for await (const piece of text.content!) body += String(piece);
      assert.match(body.replaceAll("\r\n", "\n"), /^Text with ü\.\n\.\n\.\.dots\n/);
      await flow.logout();
    });
  }

  test("one message to three people wakes each of them", async () => {
    const readers = await Promise.all(["alice", "bob", "carol"].map(async (user) => {
      const client = await ImapClient.signedIn(server.at("imaps"), user, password);
      await client.ok("SELECT INBOX");
      return { client, idle: await client.idle() };
    }));
    const sender = await SmtpClient.greeted(server.at("smtp"));
    const woken = Promise.all(readers.map(({ idle }) => idle.next(/^\* \d+ EXISTS/)));
    const reply = await sender.send({
      from: "list@outside.example", to: ["alice", "bob", "carol"].map((user) => `${user}@${domain}`),
        bytes: mail("to all"),
    });
    assert.equal(reply.code, 250);
    const began = performance.now();
    await woken;
    assert.ok(performance.now() - began < 1000, `the last was told after ${Math.round(performance.now() - began)} ms`);
    for (const { client } of readers) client.close();
    sender.close();
  });
});

suite("every form of AUTH", () => {
  const plain = (name: string, secret: string): string => Buffer.from(`\0${name}\0${secret}`).toString("base64");
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const forms: [name: string, lines: (name: string, secret: string) => string[]][] = [
    ["PLAIN with initial response", (name, secret) => [`AUTH PLAIN ${plain(name, secret)}`]],
    ["PLAIN without", (name, secret) => ["AUTH PLAIN", plain(name, secret)]],
    ["LOGIN with initial response", (name, secret) => [`AUTH LOGIN ${base64(name)}`, base64(secret)]],
    ["LOGIN without", (name, secret) => ["AUTH LOGIN", base64(name), base64(secret)]],
    ["plain in small letters", (name, secret) => [`auth plain ${plain(name, secret)}`]],
  ];
  const names = [`alice@${domain}`, "alice", `${domain}\\alice`, `ALICE@Example.Test`];
  const open = async (port: "submission" | "submissions"): Promise<SmtpClient> => {
    const client = await SmtpClient.greeted(server.at(port));
    if (port === "submissions") return client;
    assert.equal((await client.command("STARTTLS")).code, 220);
    await client.socket.startTls();
    await client.command("EHLO client.example.test");
    return client;
  };
  for (const port of ["submission", "submissions"] as const) {
    for (const [form, lines] of forms) {
      test(`${form} on ${port}`, async () => {
        for (const name of names) {
          const client = await open(port);
          let reply = { code: 0, text: "" };
          for (const line of lines(name, password)) reply = await client.command(line);
          assert.equal(reply.code, 235, `${name}: ${reply.text}`);
          client.close();
        }
      });
    }
  }

  test("a cancelled and a broken exchange", async () => {
    const client = await open("submissions");
    assert.equal((await client.command("AUTH PLAIN")).code, 334);
    assert.equal((await client.command("*")).code, 501);
    assert.equal((await client.command("AUTH PLAIN !!!")).code, 501);
    assert.equal((await client.command("AUTH SCRAM-SHA-9")).code, 504);
    assert.equal((await client.command(`AUTH PLAIN ${plain("alice", password)}`)).code, 235);
    assert.equal((await client.command(`AUTH PLAIN ${plain("alice", password)}`)).code, 503);
    client.close();
  });
});

suite("swaks", { skip: programMissing("swaks") }, () => {
  const swaks = (port: "smtp" | "submission" | "submissions", ...args: string[]): ReturnType<typeof run> =>
    run("swaks", ["--server", "127.0.0.1", "--port", String(server.ports[port]), "--helo", "client.example.test",
      "--tls-ca-path", server.ready.ca, "--header", "Subject: by swaks", ...args]);
  const from = ["--from", `alice@${domain}`];
  const to = ["--to", `bob@${domain}`];
  const signIn = ["--auth-user", `alice@${domain}`, "--auth-password", password];
  for (const [port, tls] of [["submission", "--tls"], ["submissions", "--tls-on-connect"]] as const) {
    for (const mechanism of ["PLAIN", "LOGIN"]) {
      test(`AUTH ${mechanism} on ${port}`, async () => {
        const answer = await swaks(port, tls, "--tls-verify", "--auth", mechanism, ...signIn, ...from, ...to);
        assert.equal(answer.code, 0, answer.stdout + answer.stderr);
      });
    }
  }

  test("mail from outside, in the clear and with STARTTLS", async () => {
    for (const tls of [[], ["--tls", "--tls-verify"]]) {
      const answer = await swaks("smtp", ...tls, "--from", "someone@outside.example", ...to);
      assert.equal(answer.code, 0, answer.stdout + answer.stderr);
    }
  });

  // The exit codes are swaks' own: 23 refused at MAIL, 24 at RCPT, 28 at AUTH.
  const refusals: [name: string, exit: number, reply: RegExp, args: () => ReturnType<typeof run>][] = [
    ["an unknown recipient", 24, /<\*\* 550 5\.1\.1/, () =>
      swaks("smtp", "--from", "a@outside.example", "--to", `nobody@${domain}`)],
    ["relaying", 24, /<\*\* 550 5\.7\.1/, () =>
      swaks("smtp", "--from", "a@outside.example", "--to", "b@elsewhere.example")],
    ["AUTH without TLS", 28, /did not advertise authentication/,
      () => swaks("submission", "--auth", "PLAIN", ...signIn, ...from, ...to)],
    ["no sign-in on 587", 23, /<~\* 530 5\.7\.0/, () => swaks("submission", "--tls", ...from, ...to)],
    ["a wrong password", 28, /<~\* 535 5\.7\.8/, () => swaks("submission", "--tls", "--auth", "PLAIN",
      "--auth-user", `alice@${domain}`, "--auth-password", "wrong", ...from, ...to)],
    ["another's address as sender", 23, /<~\* 553 5\.7\.1/, () =>
      swaks("submission", "--tls", "--auth", "PLAIN", ...signIn,
      "--from", `carol@${domain}`, ...to)],
    ["another's address in From", 26, /<~\* 550 5\.7\.1/, () =>
      swaks("submission", "--tls", "--auth", "PLAIN", ...signIn, ...from, ...to,
      "--header", `From: carol@${domain}`)],
  ];
  for (const [name, exit, reply, args] of refusals) {
    test(`refused: ${name}`, async () => {
      const answer = await args();
      assert.match(answer.stdout + answer.stderr, reply);
      assert.equal(answer.code, exit, answer.stdout + answer.stderr);
    });
  }
});

suite("curl", { skip: programMissing("curl") }, () => {
  const curl = (url: string, ...args: string[]): ReturnType<typeof run> =>
    run("curl", ["--silent", "--show-error", "--max-time", "20", "--cacert", server.ready.ca, "--user",
      `alice@${domain}:${password}`,
      ...args, url]);
  const at = (scheme: string, port: keyof typeof server.ports, path = ""): string =>
    `${scheme}://localhost:${server.ports[port]}/${path}`;
  const four = ["--ipv4"];
  before(async () => {
    const client = await ImapClient.signedIn(server.at("imaps"), "alice", password);
    await client.append("INBOX", mail("for curl", "Body for curl.\r\n"));
    client.close();
  });

  for (const [scheme, port, tls] of [["imaps", "imaps", []], ["imap", "imap", ["--ssl-reqd"]]] as const) {
    test(`${scheme}: lists folders, searches, fetches a message`, async () => {
      const folders = await curl(at(scheme, port), ...four, ...tls);
      assert.equal(folders.code, 0, folders.stderr);
      assert.match(folders.stdout, /\* LIST \(.*\) "\/" "?INBOX"?/);
      const found = await curl(at(scheme, port, "INBOX?SUBJECT%20%22for%20curl%22"), ...four, ...tls);
      const number = /\* SEARCH (\d+)/.exec(found.stdout)?.[1];
      assert.ok(number, found.stdout + found.stderr);
      const message = await curl(at(scheme, port, `INBOX;MAILINDEX=${number}`), ...four, ...tls);
      assert.match(message.stdout, /Body for curl\./);
      const uploaded = await curl(at(scheme, port, "Drafts"), ...four, ...tls, "--upload-file", writeMail());
      assert.equal(uploaded.code, 0, uploaded.stderr);
    });
  }
  for (const [scheme, port, tls] of [["pop3s", "pop3s", []], ["pop3", "pop3", ["--ssl-reqd"]]] as const) {
    test(`${scheme}: lists and fetches`, async () => {
      const listed = await curl(at(scheme, port), ...four, ...tls);
      assert.equal(listed.code, 0, listed.stderr);
      const rows = listed.stdout.trim().split("\n");
      const message = await curl(at(scheme, port, String(rows.length)), ...four, ...tls);
      assert.equal(message.code, 0, message.stderr);
      assert.equal(message.stdout.length, Number(rows.at(-1)!.split(" ")[1]));
    });
  }
  for (const [scheme, port, tls] of [["smtps", "submissions", []], ["smtp", "submission", ["--ssl-reqd"]]] as const) {
    test(`${scheme}: sends`, async () => {
      const sent = await curl(at(scheme, port, "client.example.test"), ...four, ...tls, "--mail-from",
        `alice@${domain}`,
        "--mail-rcpt", `bob@${domain}`, "--upload-file", writeMail());
      assert.equal(sent.code, 0, sent.stderr);
    });
  }
  test("a password in the clear is refused on 143 and 110", async () => {
    for (const [scheme, port] of [["imap", "imap"], ["pop3", "pop3"]] as const) {
      const answer = await curl(at(scheme, port), ...four);
      assert.notEqual(answer.code, 0);
    }
  });
  test("/healthz over HTTP and HTTPS", async () => {
    for (const [scheme, port] of [["http", "http"], ["https", "https"]] as const) {
      const answer = await curl(at(scheme, port, "healthz"), ...four, "--fail", "--write-out", "%{http_code}");
      assert.match(answer.stdout, /200$/, answer.stderr);
    }
  });
  const writeMail = (): string => {
    const path = join(dirname(server.dataDir), "mail.eml");
    writeFileSync(path, mail("uploaded by curl"));
    return path;
  };
});

test("nothing above went wrong inside the server, and it stops within ten seconds", async () => {
  assert.deepEqual(server.errors(), []);
  assert.ok(await server.stop() < 10_000);
  assert.doesNotMatch(server.log(),
    new RegExp(`"${password}"|${Buffer.from(`\0alice\0${password}`).toString("base64")}`), "no secret in the log");
  await server.mustCheckClean();
});
