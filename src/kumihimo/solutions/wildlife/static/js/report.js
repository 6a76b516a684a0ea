// The report form without a net: what cannot be sent waits in this telephone (IndexedDB) and is sent when it can be.
import { Photo } from "./photo.js";

const form = document.querySelector("#report");
const list = document.querySelector("#waiting");
const words = list.dataset;
const STORE = "reports";
const said = document.querySelector("#said");
const photo = new Photo(document.querySelector("#photo"));

const opened = new Promise((resolve, reject) => {
  const asked = indexedDB.open(`kumihimo-wildlife-${form.dataset.tenant}`, 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "id" });
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

async function held(mode, work) {
  const store = (await opened).transaction(STORE, mode).objectStore(STORE);
  const asked = work(store);
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

// What became of it: "sent", "kept" (no net, or the platform is away) or "refused": the platform will not take it as it
// is; then also why, and the field that is to be mended.
async function send(report) {
  let answer;
  try {
    answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      body: new URLSearchParams(report),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  } catch {
    return { outcome: "kept" };
  }
  const taken = answer.ok && new URL(answer.url).searchParams.has("sent");
  if (taken) {
    return { outcome: "sent" };
  }
  // 401 and the log-in page: it waits until somebody has logged in again. 429 and 5xx pass.
  if (answer.status < 400 || answer.status >= 500 || [401, 403, 408, 429].includes(answer.status)) {
    return { outcome: "kept" };
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#refusal");
  return { outcome: "refused", why: page?.textContent.trim() || words.tRefused, field: page?.dataset.field || "" };
}

// How many of those that waited were sent.
async function sendAll() {
  let sent = 0;
  for (const { refused, why: _why, field: _field, ...report } of await held("readonly", (store) => store.getAll())) {
    if (refused) {
      continue;
    }
    const { outcome, why, field } = await send(report);
    if (outcome === "sent") {
      await held("readwrite", (store) => store.delete(report.id));
      sent += 1;
    } else if (outcome === "refused") {
      await held("readwrite", (store) => store.put({ ...report, refused: true, why, field }));
    }
  }
  await show();
  return sent;
}

// Sends what waited from before, and says so, unless the place where it is said tells of a field that is to be mended.
async function sendHeld() {
  const sent = await sendAll();
  if (sent > 0 && !form.querySelector("[aria-invalid]")) {
    say(words.tHeldSent);
  }
}

async function show() {
  const waiting = await held("readonly", (store) => store.getAll());
  list.hidden = waiting.length === 0;
  list.querySelector("ul").replaceChildren(...waiting.map(lineOf));
}

function lineOf(report) {
  const line = document.createElement("li");
  const kind = form.querySelector(`[name=kind][value=${report.kind}]`)?.parentElement.textContent.trim() || report.kind;
  const at = new Date(report.at).toLocaleString(document.documentElement.lang);
  line.textContent = `${at} ${kind} ${report.refused ? report.why || words.tRefused : words.tWaits} `;
  if (report.refused) {
    line.append(button(words.tMend, () => mend(report)), " ");
    line.append(button(words.tDrop, () => held("readwrite", (store) => store.delete(report.id)).then(show)));
  }
  if (report.refused && report.photo) {
    const { photo: _photo, nobody: _nobody, refused: _refused, why: _why, field: _field, ...rest } = report;
    line.append(" ", button(words.tWithout, () => held("readwrite", (store) => store.put(rest)).then(sendAll)));
  }
  return line;
}

// Puts a report that was refused back into the form, where its photograph is chosen anew.
async function mend(report) {
  await held("readwrite", (store) => store.delete(report.id));
  form.reset();
  photo.clear();
  for (const [name, value] of Object.entries(report)) {
    if (name in form.elements && !["id", "at", "nobody"].includes(name)) {
      form.elements[name].value = value;
    }
  }
  await show();
  showKind();
  point(report);
}

// Says at the field what is wrong with it.
function point({ why, field }) {
  say(why);
  const wrong = field ? form.querySelector(`#${CSS.escape(field)}`) : null;
  wrong?.setAttribute("aria-invalid", "true");
  wrong?.setAttribute("aria-describedby", "said");
  const near = wrong?.closest(".km-field");
  if (near) {
    near.append(said);
    wrong.focus();
  } else {
    form.before(said);
    said.focus();
  }
}

function unmark() {
  form.before(said);
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "km-button km-button-quiet";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

// A random UUID (RFC 9562, version 4); crypto.randomUUID is not there over plain HTTP.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function showKind() {
  const kind = new FormData(form).get("kind");
  for (const part of form.querySelectorAll("[data-kinds]")) {
    const wanted = part.dataset.kinds.split(" ").includes(kind);
    part.hidden = !wanted;
    for (const field of part.querySelectorAll("input, select, textarea")) {
      field.disabled = !wanted;
    }
  }
  for (const field of form.querySelectorAll("[data-needed]")) {
    const placed = kind === "catch" && field.closest("fieldset") && form.elements.trap.value;
    field.required = field.dataset.needed.split(" ").includes(kind) && !placed;
  }
}

function here() {
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      form.elements.lon.value = coords.longitude.toFixed(5);
      form.elements.lat.value = coords.latitude.toFixed(5);
    },
    () => say(words.tNoPlace),
    { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 },
  );
}

function say(text) {
  said.textContent = text;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const report = Object.fromEntries(new FormData(form));
  report.id = newId();
  report.at = new Date().toISOString();
  if (report.kind !== "visit" && photo.isThere) {
    report.photo = await photo.text();
  }
  try {
    await held("readwrite", (store) => store.put(report));
  } catch (problem) {
    say(words.tFull);
    console.warn("report", problem.message);
    return;
  }
  say("");
  unmark();
  await sendAll();
  const left = await held("readonly", (store) => store.get(report.id));
  if (left?.refused && !left.photo) {
    // The form still holds it: it is mended here, and does not wait.
    await held("readwrite", (store) => store.delete(report.id));
    await show();
    point(left);
    return;
  }
  say(left === undefined ? words.tSent : left.refused ? left.why : words.tKept);
  if (!left?.refused) {
    form.reset();
    photo.clear();
    showKind();
    said.scrollIntoView({ block: "center" });
  }
});
form.addEventListener("change", showKind);
const place = document.querySelector("#here");
place.hidden = !("geolocation" in navigator);
place.addEventListener("click", here);
addEventListener("online", sendHeld);
showKind();
sendHeld();
navigator.serviceWorker?.register(form.dataset.worker).catch((problem) => console.warn("worker", problem.message));
