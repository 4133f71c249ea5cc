/** Settings of the front: what is taken and what is refused by name, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { defaultConfig, parseConfig } from "#main/config.ts";

const good: Record<string, unknown>[] = [
  {}, { acme: null }, { acme: { termsOfServiceAgreed: true } },
  { acme: { termsOfServiceAgreed: true, email: "a@example.test", directory: "https://ca.example/dir", names: ["a.example"],
    challenges: ["tls-alpn-01"] } },
  { trustedProxies: ["10.0.0.0/8", "::1"] }, { metricsFrom: [] }, { proxyProtocol: true },
];
const bad: [value: Record<string, unknown>, key: string][] = [
  [{ acme: {} }, "acme"], [{ acme: { termsOfServiceAgreed: false } }, "acme"], [{ acme: true }, "acme"],
  [{ acme: { termsOfServiceAgreed: true, directory: "letsencrypt" } }, "acme"],
  [{ acme: { termsOfServiceAgreed: true, mail: "a@example.test" } }, "acme"],
  [{ acme: { termsOfServiceAgreed: true, challenges: ["dns-01"] } }, "acme"],
  [{ acme: { termsOfServiceAgreed: true, challenges: [] } }, "acme"],
  [{ trustedProxies: ["10.0.0.0/40"] }, "trustedProxies"], [{ trustedProxies: "10.0.0.1" }, "trustedProxies"],
  [{ trustedProxies: ["proxy.example"] }, "trustedProxies"], [{ metricsFrom: [1] }, "metricsFrom"],
  [{ proxyProtocol: "v2" }, "proxyProtocol"], [{ trustedProxy: [] }, "trustedProxy"],
];

test("keys of the front", () => {
  for (const value of good) {
    assert.deepEqual(parseConfig(JSON.stringify(value), "outpost.json"), { ...defaultConfig, ...value });
  }
  for (const [value, key] of bad) {
    assert.throws(() => parseConfig(JSON.stringify(value), "outpost.json"), (error: unknown) =>
      error instanceof Fault && error.message.includes(`outpost.json: "${key}"`), JSON.stringify(value));
  }
});
