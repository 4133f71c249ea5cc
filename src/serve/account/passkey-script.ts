/** The one script of the pages: it speaks to the browser's passkeys. W3C Web Authentication; served per RFC 9239 §6 */
export const passkeyScript = `"use strict";
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");

async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || "That did not work.");
  return value;
}

function answerOf(credential) {
  const { response } = credential;
  const members = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) members[name] = text(response[name]);
  }
  if (response.getTransports) members.transports = response.getTransports();
  return {
    id: credential.id, rawId: text(credential.rawId), type: credential.type, response: members,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function signIn(box) {
  const { form, next } = box.dataset;
  const { options, state } = await ask("/account/passkey/sign-in-options", { form });
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: [] };
  const credential = await navigator.credentials.get({ publicKey });
  return ask("/account/passkey/sign-in", { form, next, state, response: answerOf(credential) });
}

async function add(box) {
  const { form } = box.dataset;
  const { options, state } = await ask("/account/passkey/add-options", { form });
  const publicKey = {
    ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: options.excludeCredentials.map((each) => ({ ...each, id: bytes(each.id) })),
  };
  const credential = await navigator.credentials.create({ publicKey });
  const label = box.querySelector("input").value;
  return ask("/account/passkey/add", { form, state, label, response: answerOf(credential) });
}

function offer(id, work) {
  const box = document.getElementById(id);
  if (!box || !window.PublicKeyCredential) return;
  box.hidden = false;
  const problem = box.querySelector("[role=alert]");
  box.querySelector("button").addEventListener("click", async () => {
    problem.hidden = true;
    try {
      location.assign((await work(box)).next);
    } catch (error) {
      const isChoice = error.name === "NotAllowedError";
      problem.textContent = isChoice ? "Nothing was chosen, or it took too long." : error.message;
      problem.hidden = false;
    }
  });
}
offer("passkey-sign-in", signIn);
offer("passkey-add", add);
`;
