/** Messages of 50 MB, of each kind in which the bytes may be. */
import { Buffer } from "node:buffer";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

const megabyte = 2 ** 20;
const fields = "From: A <a@a.test>\r\nTo: B <b@b.test>\r\nSubject: large\r\n" +
  "Date: Tue, 1 Jul 2025 10:52:37 +0200\r\nMIME-Version: 1.0\r\n";
const fox = "The quick brown fox jumps over the lazy dog, again and again, line by line.\r\n";
const plain = "Content-Type: text/plain; charset=utf-8\r\n";
const mixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n";

const kinds: readonly { name: string; head: string; line: string; tail: string }[] = [
  {
    name: "attachment in base64", line: `${Buffer.alloc(57, 0xa5).toString("base64")}\r\n`, tail: "--b--\r\n",
    head: `${fields}${mixed}Content-Type: application/octet-stream; name=a.bin\r\n` +
      "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n",
  },
  { name: "text", head: `${fields}${plain}\r\n`, line: fox, tail: "" },
  {
    name: "text, 8bit", head: `${fields}${plain}Content-Transfer-Encoding: 8bit\r\n\r\n`, tail: "",
    line: "Größere Füchse springen über träge Hunde, Zeile für Zeile, immer wieder.\r\n",
  },
  {
    name: "text, quoted-printable", head: `${fields}${plain}Content-Transfer-Encoding: quoted-printable\r\n\r\n`,
    line: "Gr=C3=B6=C3=9Fere F=C3=BCchse springen =C3=BCber tr=C3=A4ge Hunde, Zeile.\r\n", tail: "",
  },
  {
    name: "text, base64",
    head: `${fields}Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
    line: `${Buffer.from(`Gr\xf6\xdfere F\xfcchse springen \xfcber tr\xe4ge Hunde, Zeile f\xfcr Z.\r\n`, "latin1")
      .toString("base64")}\r\n`, tail: "",
  },
  {
    name: "HTML", tail: "</body></html>",
    head: `${fields}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body>`,
    line: "<p>The <b>quick</b> brown fox jümps over the <i>lazy</i> dog, again &amp; again.</p>\r\n",
  },
  {
    name: "text in an enclosed message", line: fox, tail: "--b--\r\n",
    head: `${fields}${mixed}Content-Type: message/rfc822\r\n\r\n${fields}${plain}\r\n`,
  },
];

/** Written into the folder, one after the other as they are taken. */
export function* largeMessages(folder: string): Generator<{ name: string; file: string }> {
  for (const { name, head, line, tail } of kinds) {
    const file = join(folder, `${name.replaceAll(/\W+/g, "-")}.eml`);
    const target = openSync(file, "w");
    const block = Buffer.from(line.repeat(Math.ceil(megabyte / Buffer.byteLength(line))));
    writeSync(target, head);
    for (let size = 0; size < 50 * megabyte; size += block.length) writeSync(target, block);
    writeSync(target, tail);
    closeSync(target);
    yield { name, file };
  }
}
