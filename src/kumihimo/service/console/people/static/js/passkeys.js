// Passkeys: asks the platform for a question, the browser for its answer, and hands that back.
const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const toText = (bytes) => {
  const raw = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

function creationOf(options) {
  const exclude = (options.excludeCredentials ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));
  const user = { ...options.user, id: toBytes(options.user.id) };
  return { ...options, challenge: toBytes(options.challenge), user, excludeCredentials: exclude };
}

function requestOf(options) {
  const allow = (options.allowCredentials ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));
  return { ...options, challenge: toBytes(options.challenge), allowCredentials: allow };
}

function answerOf(credential) {
  const response = { clientDataJSON: toText(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) {
      response[name] = toText(credential.response[name]);
    }
  }
  return JSON.stringify({ id: credential.id, rawId: toText(credential.rawId), type: credential.type, response });
}

async function ask(url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const found = await answer.json();
  if (answer.status === 403 && found.to) {
    location.assign(found.to);
  }
  if (!answer.ok) {
    throw new Error(`refused.${found.say ?? ""}`);
  }
  return found;
}

const NAMED = { SecurityError: "none", InvalidStateError: "exists" };

function troubleOf(problem) {
  if (!problem.message.startsWith("refused.")) {
    return NAMED[problem.name] ?? "failed";
  }
  const which = problem.message.slice("refused.".length);
  return document.querySelector(`[data-passkey-trouble] [data-say="${CSS.escape(which)}"]`) ? which : "refused";
}

function say(which) {
  const box = document.querySelector("[data-passkey-trouble]");
  for (const one of box.querySelectorAll("[data-say]")) {
    one.hidden = one.dataset.say !== which;
  }
  box.hidden = !which;
}

function given(place) {
  const names = (place.dataset.fields ?? "").split(" ").filter(Boolean);
  const keys = { "passkey-name": "name" };
  return Object.fromEntries(names.map((name) => [keys[name] ?? name, valueOf(name)]));
}

function valueOf(name) {
  const field = document.getElementById(name) ?? document.querySelector(`[name="${name}"]`);
  return field?.value ?? "";
}

async function go(place) {
  say("");
  const fields = given(place);
  const { token, options } = await ask(place.dataset.options, fields);
  const credential =
    place.dataset.passkey === "make"
      ? await navigator.credentials.create({ publicKey: creationOf(options) })
      : await navigator.credentials.get({ publicKey: requestOf(options) });
  const told = await ask(place.dataset.answer, { ...fields, token, answer: answerOf(credential), next: place.dataset.next });
  location.assign(told.to);
}

for (const place of document.querySelectorAll("[data-passkey]")) {
  if (!globalThis.PublicKeyCredential) {
    continue;
  }
  place.hidden = false;
  const button = place.querySelector("button");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await go(place);
    } catch (problem) {
      say(troubleOf(problem));
    } finally {
      button.disabled = false;
    }
  });
}
