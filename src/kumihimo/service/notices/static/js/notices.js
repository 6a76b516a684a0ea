// The page of one's own notices: where the telephone is, and this browser as a way to be told.
const panel = document.querySelector("#push");
const said = document.querySelector("#push-said");
const here = document.querySelector("#here");

function say(where, text) {
  where.textContent = text;
}

// A public key in base64url, as PushManager wants it.
function bytesOf(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
}

// "Firefox, Android": enough to tell one's own devices apart, and no more.
function nameOfBrowser() {
  const agent = navigator.userAgent;
  const browser = [["Edg", "Edge"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]];
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac", "Mac"], ["Linux", "Linux"]];
  const found = [browser, system].map((names) => names.find(([mark]) => agent.includes(mark))?.[1]);
  return found.filter(Boolean).join(", ");
}

async function subscribe() {
  const words = panel.dataset;
  if ((await Notification.requestPermission()) !== "granted") {
    say(said, words.tDenied);
    return;
  }
  const worker = await navigator.serviceWorker.register(words.worker);
  await active(worker);
  const subscription = await worker.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytesOf(words.key),
  });
  const { endpoint, keys } = subscription.toJSON();
  const answer = await fetch(words.to, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ town: words.town, endpoint, keys, name: nameOfBrowser() }),
  });
  if (!answer.ok) {
    say(said, words.tFailed);
    return;
  }
  location.assign((await answer.json()).to);
}

// A worker that was just registered takes a moment until it can be subscribed to.
function active(registration) {
  const worker = registration.installing || registration.waiting;
  if (registration.active || !worker) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    worker.addEventListener("statechange", () => worker.state === "activated" && resolve());
  });
}

if ("serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
  const button = panel.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", () => {
    subscribe().catch((problem) => {
      console.warn("push", problem.message);
      say(said, panel.dataset.tFailed);
    });
  });
} else {
  say(said, panel.dataset.tUnable);
}

if ("geolocation" in navigator) {
  here.hidden = false;
  here.addEventListener("click", () => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        document.querySelector("#lon").value = coords.longitude.toFixed(4);
        document.querySelector("#lat").value = coords.latitude.toFixed(4);
        document.querySelector("#area").value = "";
        say(document.querySelector("#place-said"), here.dataset.tFound);
      },
      () => say(document.querySelector("#place-said"), here.dataset.tNoPlace),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 },
    );
  });
}
