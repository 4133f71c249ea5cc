/**
 * Proves that the second factor cannot be guessed by somebody who knows the password: neither by asking many times at
 * once nor from many networks; and that its owner still has a way in meanwhile. And that an access token is worth
 * nothing without the grant it was given for. Codes are made by otpauth.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Secret, TOTP } from "otpauth";
import type { Account } from "#directory/account.ts";
import { Credentials } from "#directory/credentials.ts";
import { StoreDirectory } from "#directory/directory.ts";
import { addDomain } from "#directory/domain-changes.ts";
import { PasswordHasher } from "#directory/password.ts";
import type { SecondFactor } from "#directory/second-factor.ts";
import { addTestEntry, openTestBed } from "#directory/test-kit.ts";
import type { TestBed } from "#directory/test-kit.ts";
import type { HttpRequest } from "#net/http.ts";
import { hashRecoveryCode, newRecoveryCodes } from "#serve/account/codes.ts";
import { Forms } from "#serve/account/forms.ts";
import { oauthRowId } from "#serve/account/oauth-adapter.ts";
import { OauthProvider } from "#serve/account/oauth-provider.ts";
import { Web } from "#serve/account/web.ts";

/** Counts how often a code is compared with anything. */
class CountingCredentials extends Credentials {
  looks = 0;
  override secondFactor(...args: Parameters<Credentials["secondFactor"]>): Promise<SecondFactor | null> {
    this.looks++;
    return super.secondFactor(...args);
  }
}

const by = "test";
let bed: TestBed;
let directory: StoreDirectory;
let credentials: CountingCredentials;
let web: Web;

before(async () => {
  bed = await openTestBed();
  const hasher = new PasswordHasher({ memory: 64, passes: 1, parallelism: 1, scramIterations: 4096 });
  directory = new StoreDirectory(bed.ctx, bed.store, hasher);
  credentials = new CountingCredentials(bed.store, directory, hasher);
  await bed.change(addDomain, { by, name: "example.test" });
  web = new Web({
    directory, credentials, forms: new Forms(bed.ctx.system.randomBytes(32)), origin: "https://mail.example.test",
  });
});
after(async () => {
  await directory.close();
  await bed.close();
});

interface Person {
  readonly account: Account;
  readonly recoveryCodes: readonly string[];
  code(): string;
}

async function personWithFactor(address: string): Promise<Person> {
  const entry = await addTestEntry(bed, "user", address);
  const secret = new Secret({ size: 20 });
  const bytes = new Uint8Array(secret.buffer);
  await credentials.beginSecondFactor(bed.ctx, { address, by }, bytes);
  const recoveryCodes = newRecoveryCodes((size) => bed.ctx.system.randomBytes(size));
  const codeHashes = recoveryCodes.map((code) => hashRecoveryCode(entry.entryId, code));
  await credentials.confirmSecondFactor(bed.ctx, { address, by }, { secret: bytes, step: 0, codeHashes });
  const totp = new TOTP({ secret });
  return {
    account: (await credentials.account(bed.ctx, entry.entryId))!, recoveryCodes,
    code: () => totp.generate({ timestamp: bed.clock.ms }),
  };
}

const from = (remoteAddress: string): HttpRequest =>
  ({ ctx: bed.ctx, remoteAddress, incoming: { headers: {} } }) as Partial<HttpRequest> as HttpRequest;

/** A code that is wrong now and at the steps beside it. */
function wrongCode({ code }: Person): string {
  return String((Number(code()) + 500_000) % 1_000_000).padStart(6, "0");
}

const tooMany = { code: "authenticationFailed", message: /too many wrong codes/ };

test("codes asked at once are counted before they are judged", async () => {
  const person = await personWithFactor("anna@example.test");
  const wrong = wrongCode(person);
  const before = credentials.looks;
  const tries = Array.from({ length: 200 }, () => web.judgeCode(from("192.0.2.1"), person.account, wrong));
  const ended = await Promise.allSettled(tries);
  assert.equal(ended.filter((one) => one.status === "fulfilled" && one.value !== null).length, 0);
  assert.ok(credentials.looks - before <= 15, `${credentials.looks - before} of 200 codes were looked at`);
});

test("another network is no fresh start; recovery codes still open, and later the code does", async () => {
  const person = await personWithFactor("bert@example.test");
  const wrong = wrongCode(person);
  const before = credentials.looks;
  for (let network = 0; network < 60; network++) {
    await web.judgeCode(from(`2001:db8:0:${network.toString(16)}::1`), person.account, wrong).catch(() => null);
  }
  assert.ok(credentials.looks - before <= 15, `${credentials.looks - before} codes from 60 networks were looked at`);
  await assert.rejects(web.judgeCode(from("198.51.100.1"), person.account, person.code()), tooMany);
  const recovered = await web.judgeCode(from("198.51.100.1"), person.account, person.recoveryCodes[0]!);
  assert.equal(recovered, "recovery-code");
  assert.equal(await web.judgeCode(from("198.51.100.1"), person.account, person.recoveryCodes[0]!), null, "only once");
  bed.clock.advance(16 * 60_000);
  assert.equal(await web.judgeCode(from("198.51.100.1"), person.account, person.code()), "code");
  assert.equal(await web.judgeCode(from("198.51.100.1"), person.account, person.code()), null, "only once");
});

test("one code shown twice at the same time opens once", async () => {
  const person = await personWithFactor("cleo@example.test");
  const code = person.code();
  const both = await Promise.all([1, 2, 3].map(() => web.judgeCode(from("192.0.2.9"), person.account, code)));
  assert.deepEqual(both.filter((one) => one !== null), ["code"]);
  const recovery = person.recoveryCodes[1]!;
  const again = await Promise.all([1, 2, 3].map(() => web.judgeCode(from("192.0.2.9"), person.account, recovery)));
  assert.deepEqual(again.filter((one) => one !== null), ["recovery-code"]);
});

test("a token written while its grant was taken back opens nothing", async () => {
  const { entryId } = await addTestEntry(bed, "user", "dora@example.test");
  const { source } = new OauthProvider(bed.ctx, web, []);
  const exp = Math.floor(bed.clock.ms / 1000) + 3600;
  const put = (model: string, id: string, payload: object): Promise<void> => credentials.putOauthRow(bed.ctx, {
    model, id: oauthRowId(model, id), payload: JSON.stringify(payload), grantId: "g1", uid: null, userCode: null,
    account: String(entryId), expiresMs: exp * 1000,
  });
  await put("Grant", "g1", {});
  await put("AccessToken", "t1", { accountId: String(entryId), scope: "openid mail", exp, grantId: "g1" });
  assert.deepEqual((await source.verify(bed.ctx, "t1"))?.who, { entryId });
  // A new password removes every row of the person; a refresh that was under way writes its own after that.
  await credentials.removeOauthRows(bed.ctx, { account: String(entryId) });
  await put("AccessToken", "t1", { accountId: String(entryId), scope: "openid mail", exp, grantId: "g1" });
  assert.equal(await source.verify(bed.ctx, "t1"), null);
});
