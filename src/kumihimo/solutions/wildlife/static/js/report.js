// The report form without a net: what cannot be sent waits in this telephone (IndexedDB) and is sent when it can be.
import { Photo } from "./photo.js";

const form = document.querySelector("#report");
const list = document.querySelector("#waiting");
const words = list.dataset;
const STORE = "reports";
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

// "sent", "kept" (no net, or the platform is away) or "refused": the platform will not take it as it is.
async function send(report) {
  let answer;
  try {
    answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      body: new URLSearchParams(report),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  } catch {
    return "kept";
  }
  const taken = answer.ok && new URL(answer.url).searchParams.has("sent");
  if (taken) {
    return "sent";
  }
  // 401 and the log-in page: it waits until somebody has logged in again. 429 and 5xx pass.
  return answer.status >= 400 && answer.status < 500 && ![401, 403, 408, 429].includes(answer.status) ? "refused" : "kept";
}

async function sendAll() {
  for (const { refused, ...report } of await held("readonly", (store) => store.getAll())) {
    const outcome = refused ? "refused" : await send(report);
    if (outcome === "sent") {
      await held("readwrite", (store) => store.delete(report.id));
    } else if (outcome === "refused" && !refused) {
      await held("readwrite", (store) => store.put({ ...report, refused: true }));
    }
  }
  await show();
}

async function show() {
  const waiting = await held("readonly", (store) => store.getAll());
  list.hidden = waiting.length === 0;
  list.querySelector("ul").replaceChildren(...waiting.map(lineOf));
}

function lineOf(report) {
  const line = document.createElement("li");
  const kind = form.querySelector(`[name=kind][value=${report.kind}]`)?.parentElement.textContent.trim() || report.kind;
  line.textContent = `${new Date(report.at).toLocaleString()} ${kind} ${report.refused ? words.tRefused : words.tWaits} `;
  if (report.refused) {
    line.append(button(words.tDrop, () => held("readwrite", (store) => store.delete(report.id)).then(show)));
  }
  if (report.refused && report.photo) {
    const { photo: _photo, nobody: _nobody, refused: _refused, ...rest } = report;
    line.append(" ", button(words.tWithout, () => held("readwrite", (store) => store.put(rest)).then(sendAll)));
  }
  return line;
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
  document.querySelector("#said").textContent = text;
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
  await sendAll();
  const left = await held("readonly", (store) => store.get(report.id));
  say(left === undefined ? words.tSent : left.refused ? words.tRefused : words.tKept);
  if (!left?.refused) {
    form.reset();
    photo.clear();
    showKind();
  }
});
form.addEventListener("change", showKind);
const place = document.querySelector("#here");
place.hidden = !("geolocation" in navigator);
place.addEventListener("click", here);
addEventListener("online", sendAll);
showKind();
sendAll();
navigator.serviceWorker?.register(form.dataset.worker).catch((problem) => console.warn("worker", problem.message));
