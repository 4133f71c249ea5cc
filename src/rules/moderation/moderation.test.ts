/** What a moderator answers, by a vote or in words, as a table; the question has both ways to answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RuleMessage } from "#rules/message.ts";
import { readAnswer } from "#rules/moderation/answer.ts";
import { buildApprovalRequest } from "#rules/moderation/request.ts";

const envelope = { sender: "bob@example.test", recipient: "moderate@example.test" };
const answer = (subject: string, body: string): string => {
  const bytes = Buffer.from(`From: bob@example.test\r\nSubject: ${subject}\r\n\r\n${body}\r\n`);
  const found = readAnswer(new RuleMessage({ envelope, bytes, receivedMs: 0 }));
  return found === null ? "nothing" : [found.decision, found.comment].join(" ").trim();
};

const rows: readonly (readonly [subject: string, body: string, expected: string])[] = [
  ["Re: Moderation of all@example.test: x", "Approve", "approve"],
  ["Re: Moderation", "\r\n  approved.\r\nThanks", "approve Thanks"],
  ["Re: Moderation", "REJECT\r\nToo long\r\nand late\r\n\r\n> Approve", "reject Too long and late"],
  ["Reject: Moderation", "Not now\r\n\r\n-----Original Message-----\r\nApprove", "reject Not now"],
  ["Approve: Moderation", "", "approve"], ["Approve: Moderation", "Reject", "approve"],
  ["Re: Approve or reject", "I think so", "nothing"], ["Re: Moderation", "> Approve", "nothing"],
  ["Re: Moderation", "approving is hard", "nothing"], ["Re: Moderation", "", "nothing"],
  ["Re: Moderation", "On Monday Bob wrote:\r\nApprove", "nothing"],
];
for (const [subject, body, expected] of rows) {
  test(`${subject} / ${JSON.stringify(body)}`, () => assert.equal(answer(subject, body), expected));
}

test("the question cannot be given fields by what it asks about, and is not its own answer", () => {
  const hostile = Buffer.from("From: =?utf-8?q?a=0D=0ABcc:_x@y.test?= <a@b.test>\r\nSubject: =?utf-8?q?x=0D=0ABcc:_x@y.test?=\r\n\r\nx\r\n");
  const bytes = buildApprovalRequest({
    group: "all@example.test", moderators: ["bob@example.test"], answersTo: "moderate-x@example.test", expiresMs: 0, nowMs: 0, messageId: "1@example.test",
    message: new RuleMessage({ envelope, bytes: hostile, receivedMs: 0 }), whole: [hostile],
  });
  const made = new RuleMessage({ envelope, bytes, receivedMs: 0 });
  assert.equal(made.first("bcc"), null);
  assert.equal(readAnswer(made), null);
  assert.ok(bytes.includes(hostile));
});
