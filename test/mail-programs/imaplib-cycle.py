"""A whole cycle with Python's imaplib: what a script of an administrator or a small program does. Arguments: port, file
of the authority, address, password. Ends with 0 when every answer was as it must be."""
import imaplib
import ssl
import sys
import time

port, ca, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)


def message(subject, body="Text.\r\n"):
    return (
        "From: Outside <a@outside.example>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@imaplib>\r\n"
        "Date: Tue, 3 Feb 2026 04:05:06 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n%s" % (user, subject, subject, body)
    ).encode()


def ok(answer):
    kind, data = answer
    assert kind == "OK", answer
    return data


def numbers(data):
    return [] if data[0] is None else data[0].split()


with imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context) as first:
    assert "IMAP4REV1" in first.capabilities, first.capabilities
    try:
        first.login(user, "wrong")
        raise AssertionError("a wrong password was taken")
    except imaplib.IMAP4.error:
        pass
    ok(first.authenticate("PLAIN", lambda _: ("\0%s\0%s" % (user, password)).encode()))
    ok(first.enable("UTF8=ACCEPT"))

client = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context)
ok(client.login(user, password))
ok(client.noop())
assert b"UIDPLUS" in ok(client.capability())[0].split()

# Folders.
ok(client.create('"Year 2026"'))
ok(client.create("Year/Month"))
ok(client.subscribe("Year/Month"))
assert any(b"Year/Month" in line for line in ok(client.lsub()))
ok(client.rename("Year/Month", "Year/Day"))
names = [line.rsplit(b' "/" ', 1)[-1].strip(b'"') for line in ok(client.list())]
assert b"Year 2026" in names and b"Year/Day" in names and b"Year/Month" not in names, names
ok(client.delete("Year/Day"))
assert client.select("Year/Day")[0] == "NO"

# Messages in.
when = imaplib.Time2Internaldate(time.gmtime(1_770_000_000))
for index in range(10):
    ok(client.append("INBOX", r"(\Seen)" if index % 2 else None, when, message("s%d" % index, "Body %d\r\n" % index)))
large = message("large", "x" * 70 + "\r\n" + "line\r\n" * 400_000)
ok(client.append('"Year 2026"', r"\Flagged", None, large))
count = int(ok(client.select("INBOX"))[0])
assert count == 10, count
assert int(client.response("UIDVALIDITY")[1][0]) > 0
assert client.response("READ-WRITE")[0] == "READ-WRITE"

# Reading.
data = ok(client.fetch("1:3", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
assert [part[1] for part in data if isinstance(part, tuple)] == [
    b"Subject: s%d\r\n\r\n" % index for index in range(3)], data
assert imaplib.Internaldate2tuple(data[0][0]) == time.localtime(1_770_000_000)
assert imaplib.ParseFlags(data[2][0]) in ((rb"\Seen",), (rb"\Seen", rb"\Recent")), data[2]
assert ok(client.fetch("4", "(RFC822)"))[0][1] == message("s3", "Body 3\r\n")
assert ok(client.fetch("5", "(BODY[TEXT]<2.3>)"))[0][1] == b"dy "
assert b'"Outside" NIL "a" "outside.example"' in ok(client.fetch("1", "(ENVELOPE)"))[0]
ok(client.select('"Year 2026"', readonly=True))
assert ok(client.fetch("1", "(BODY.PEEK[])"))[0][1] == large
assert client.store("1", "+FLAGS", r"(\Seen)")[0] == "NO", "a folder opened for reading was written to"

# Searching and sorting.
ok(client.select("INBOX"))
assert numbers(ok(client.search(None, "UNSEEN"))) == [b"1", b"3", b"7", b"9"], "RFC822 and BODY[] mark as read"
assert numbers(ok(client.search("UTF-8", "BODY", '"Body 7"'))) == [b"8"]
assert numbers(ok(client.uid("SEARCH", None, "SUBJECT", "s9"))) == numbers(ok(client.uid("SEARCH", None, "10")))
client.literal = "Grüße".encode()
assert numbers(ok(client.search("UTF-8", "SUBJECT"))) == []
assert numbers(ok(client.sort("(REVERSE SUBJECT)", "UTF-8", "ALL")))[:2] == [b"10", b"9"]
assert numbers(ok(client.thread("ORDEREDSUBJECT", "UTF-8", "ALL")))[0].startswith(b"(1)")

# Marks, copies, removal.
ok(client.store("1:2", "+FLAGS", r"(\Flagged Work)"))
assert set(imaplib.ParseFlags(ok(client.fetch("2", "(FLAGS)"))[0])) >= {rb"\Flagged", b"Work", rb"\Seen"}
ok(client.store("2", "-FLAGS.SILENT", r"(\Seen)"))
assert rb"\Seen" not in imaplib.ParseFlags(ok(client.fetch("2", "(FLAGS)"))[0])
ok(client.copy("1:2", '"Year 2026"'))
assert client.response("COPYUID")[1][0] is not None
assert client.copy("1", "Nowhere")[0] == "NO"
ok(client.uid("MOVE", ok(client.fetch("10", "(UID)"))[0].split(b"UID ")[1].rstrip(b")").decode(), '"Year 2026"'))
ok(client.store("3:4", "+FLAGS", r"(\Deleted)"))
assert ok(client.expunge())[-2:] == [b"4", b"3"], "the last first, so that no number moves"

# Others.
roots, quotas = ok(client.getquotaroot("INBOX"))
assert roots == [b'INBOX ""'] and b"MAILBOX" in quotas[0], quotas
rights = ok(client.getacl("INBOX"))[0].split()[-1].strip(b'"')
assert set(b"lrswipkxtea") <= set(rights), rights
assert b'"/"' in ok(client.namespace())[0]
assert b"MESSAGES 4" in ok(client.status('"Year 2026"', "(MESSAGES UNSEEN UIDNEXT)"))[0]
ok(client.unselect())
ok(client.select("INBOX"))
ok(client.store("1", "+FLAGS", r"(\Deleted)"))
ok(client.close())
kind, _ = client.logout()
assert kind == "BYE"
print("done")
